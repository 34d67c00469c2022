"""BOOT: boot environments and boot policy."""

from __future__ import annotations

from kextrel.policy.rule import APPLE_SILICON, INTEL, MONTEREY, Rule
from kextrel.vocabulary import Architecture

__all__ = [
    "BOOT_01",
    "BOOT_02",
    "BOOT_03",
    "BOOT_04",
    "BOOT_05",
    "BOOT_06",
    "BOOT_07",
    "BOOT_08",
    "BOOT_09",
    "BOOT_10",
    "BOOT_11",
    "BOOT_12",
    "BOOT_13",
    "BOOT_14",
    "RULES",
]

BOOT_01 = Rule(
    "BOOT-01",
    "Apple silicon: from off, holding the power button enters 1tr; press and release boots macos; double press and "
    "hold enters fallback-recoveryos.",
    ("S1", "S2", "P:boot modes"),
    architectures=APPLE_SILICON,
)
BOOT_02 = Rule(
    "BOOT-02",
    "Apple silicon: only in 1tr does the Secure Enclave accept a lowering of security (to reduced with kexts, to "
    "permissive, smb2, smb3, SIP off). The same request from macos, recoveryos or fallback-recoveryos is refused and "
    "leaves LocalPolicy byte for byte as it was. Exception: MDM-10.",
    ("S0", "S2", "M:bputil", "P:boot modes"),
    architectures=APPLE_SILICON,
)
BOOT_03 = Rule(
    "BOOT-03",
    "The lowering needs an administrator (an owner of the volume) to authenticate. A wrong password or a standard "
    "user is refused, with no change.",
    ("S1", "S2"),
)
BOOT_04 = Rule(
    "BOOT-04",
    "full needs no special boot environment to be set again (it only raises security). Setting it clears smb0-smb4 "
    "and sip0-sip3. It asks Apple's server: offline it is refused and nothing changes (online: false in a scenario; "
    "reason network).",
    ("M:bputil",),
    architectures=APPLE_SILICON | {Architecture.INTEL_T2},
)
BOOT_05 = Rule(
    "BOOT-05",
    "Plain reduced (smb0 alone, no kexts, no MDM) may also be set from recoveryos.",
    ("M:bputil",),
    architectures=APPLE_SILICON,
)
BOOT_06 = Rule(
    "BOOT-06",
    "Setting reduced or permissive writes LocalPolicy afresh: only the options named in that request survive.",
    ("M:bputil",),
    architectures=APPLE_SILICON,
)
BOOT_07 = Rule(
    "BOOT-07",
    "Allowing user management of kexts (smb2) or remote management (smb3) without naming a mode keeps the other "
    "options and turns full into reduced. Full and an allowance in one request exclude each other: refused, not-"
    "offered.",
    ("M:bputil", "S1"),
    architectures=APPLE_SILICON,
)
BOOT_08 = Rule(
    "BOOT-08",
    "Permissive cannot be set in Startup Security Utility, only by command-line tools (bputil, csrutil) in 1tr.",
    ("P:startup security",),
    architectures=APPLE_SILICON,
)
BOOT_09 = Rule(
    "BOOT-09",
    "Disabling SIP on Apple silicon is done in 1tr only, needs an administrator, and moves the mode to permissive; "
    "kext management stays as it was. Enabling it again: in 1TR; from other recovery environments open.",
    ("S1", "P:localpolicy", "M:bputil"),
    open=True,
    architectures=APPLE_SILICON,
)
BOOT_10 = Rule(
    "BOOT-10",
    "Intel: SIP is changed from any recoveryOS; from macos the request is refused. No security mode is involved, with "
    "or without T2.",
    ("M:csrutil",),
    architectures=INTEL,
)
BOOT_11 = Rule(
    "BOOT-11",
    "Every change to boot policy takes effect at the next boot, and survives power loss from the moment it is "
    "acknowledged.",
    ("P:localpolicy",),
)
BOOT_12 = Rule(
    "BOOT-12",
    "A 1TR of another macOS on the same Mac (not paired) cannot lower the policy of this one (macOS 12 and later).",
    ("M:bputil",),
    architectures=APPLE_SILICON,
    since=MONTEREY,
)
BOOT_13 = Rule(
    "BOOT-13",
    "safe-mode: the AuxKC is not loaded; third-party kexts are absent for that boot and back at the next normal one, "
    "without a new approval.",
    ("P:boot modes",),
)
BOOT_14 = Rule(
    "BOOT-14",
    "The recoveryOS's own policy is never lowered.",
    ("P:boot modes",),
    architectures=APPLE_SILICON,
)

RULES = (
    BOOT_01,
    BOOT_02,
    BOOT_03,
    BOOT_04,
    BOOT_05,
    BOOT_06,
    BOOT_07,
    BOOT_08,
    BOOT_09,
    BOOT_10,
    BOOT_11,
    BOOT_12,
    BOOT_13,
    BOOT_14,
)
