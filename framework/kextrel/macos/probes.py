"""What an observation asks a Mac, section by section. Every line here only reads."""

from __future__ import annotations

import re
from dataclasses import replace

from kextrel.errors import UsageError
from kextrel.macos.frames import Probe
from kextrel.macos.kextpolicy import query

__all__ = ["DATABASE", "KEXT_POLICY", "MACOS", "RECOVERY", "SIP_WORD", "STAGED", "T2_POLICY", "command_of", "of"]

KEXT_POLICY = "/var/db/SystemPolicyConfiguration/KextPolicy"

# sysextd's copies of drivers, and its list of all that it has: which copy is of which version.
STAGED = "/Library/SystemExtensions/*/*.dext"
DATABASE = "/Library/SystemExtensions/db.plist"

_UUID = re.compile(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}\Z")

# Secure Boot on Intel Macs with a T2: %02 full, %01 medium, %00 none.
T2_POLICY = "94b73556-2197-4702-82a8-3e1337dafbfb:AppleSecureBootPolicy"

# The SIP bits that the next boot of an Intel Mac takes; Apple silicon keeps them in the LocalPolicy.
SIP_WORD = "csr-active-config"

_SYSTEM = (
    Probe("sw-vers", ("sw_vers",)),
    Probe("uname", ("uname", "-a")),
    # The last name is missing on Intel, where some releases stop at the first that they do not know.
    Probe("sysctl", ("sysctl", "kern.boottime", "kern.safeboot", "hw.model", "hw.optional.arm64")),
    Probe("csrutil", ("csrutil", "status")),
    Probe("bputil", ("bputil", "-d"), root=True),
    # Never `nvram -p`: it prints the Find My Mac token.
    Probe("nvram-t2", ("nvram", T2_POLICY)),
    Probe("nvram-sip", ("nvram", SIP_WORD)),
)

MACOS: tuple[Probe, ...] = (
    *_SYSTEM,
    Probe("hardware", ("system_profiler", "SPHardwareDataType")),
    Probe("bridge", ("system_profiler", "SPiBridgeDataType")),
    Probe("kexts", ("kmutil", "showloaded")),
    Probe("kexts-old", ("kextstat",), unless="kmutil"),
    Probe("kexts-aux", ("kmutil", "showloaded", "--collection", "aux", "--show", "all")),
    Probe("kext-policy", ("sqlite3", "-readonly", KEXT_POLICY, query("kext_policy")), root=True),
    Probe("kext-policy-mdm", ("sqlite3", "-readonly", KEXT_POLICY, query("kext_policy_mdm")), root=True),
    Probe("kext-history", ("sqlite3", "-readonly", KEXT_POLICY, query("kext_load_history_v3")), root=True),
    Probe("sysext", ("systemextensionsctl", "list")),
    # Of the whole registry what drivers in user space have, each node by itself: it is megabytes else.
    Probe("drivers", ("ioreg", "-r", "-l", "-w0", "-d1", "-k", "IOUserServerName")),
    Probe("dexts", ("codesign", "-dvvv"), files=STAGED, told=True),
    Probe("dexts-db", ("cat", DATABASE), files=STAGED),
    Probe("enrollment", ("profiles", "status", "-type", "enrollment")),
    Probe("console", ("stat", "-f", "%Su", "/dev/console")),
    Probe("filevault", ("fdesetup", "status")),
)

RECOVERY: tuple[Probe, ...] = _SYSTEM


def of(probes: tuple[Probe, ...], volume_group: str | None) -> tuple[Probe, ...]:
    """The same for one macOS of several: bputil is told which by the UUID of its volume group, else it would ask. So
    would csrutil, which cannot be told: on Apple silicon the policy has SIP, too. None: there is only one macOS."""
    if volume_group is None:
        return probes
    if not _UUID.match(volume_group):
        raise UsageError(f"{volume_group!r} is not the UUID of a volume group")
    told = {"bputil": ("bputil", "-d", "-v", volume_group)}
    asked = (probe for probe in probes if probe.name != "csrutil")
    return tuple(replace(probe, command=told.get(probe.name, probe.command)) for probe in asked)


_LINES = {probe.name: probe.line for probe in MACOS}


def command_of(name: str) -> str:
    """The command line of a section, as people type it."""
    return _LINES[name]
