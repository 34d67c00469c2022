"""A lab: the profile that people write, the Macs in it, who has one (leases), which are put aside (quarantine).

profile = load_profile(path)                  strict; nothing is touched
with served(path, profile) as wired: …        starts virtual Macs, gives the lab file of their wires
lab = Lab(load_profile(wired))
with lab.open("mini", sink) as mac: …         leases, builds, and gives back a device.TestMac
"""

from kextrel.lab.health import WireHealth
from kextrel.lab.inventory import Lab
from kextrel.lab.profile import LabProfile, MacProfile, default_profile_path, load_profile
from kextrel.lab.served import Serving, begun, needs_serving, served
from kextrel.lab.writing import write_lab

__all__ = [
    "Lab",
    "LabProfile",
    "MacProfile",
    "Serving",
    "WireHealth",
    "begun",
    "default_profile_path",
    "load_profile",
    "needs_serving",
    "served",
    "write_lab",
]
