"""A test Mac over its wires: verbs, flows, observation, preparation, baselines. It never asks the model.

rig        what flows and actions work with     actions/   the verbs, by family
observe    what is seen -> State                flows/     power, recovery, Terminal, approval, login
prepare    to a scenario's start                baseline   back, at a price
"""

from kextrel.device.baseline import Level, cost
from kextrel.device.mac import TestMac
from kextrel.device.observe import Sighting
from kextrel.device.performed import Performed
from kextrel.device.rig import Account, Accounts, Facts, Timeouts, Wires

__all__ = [
    "Account",
    "Accounts",
    "Facts",
    "Level",
    "Performed",
    "Sighting",
    "TestMac",
    "Timeouts",
    "Wires",
    "cost",
]
