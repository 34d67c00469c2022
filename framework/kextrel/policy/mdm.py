"""MDM: enrollment, profiles, commands."""

from __future__ import annotations

from kextrel.policy.rule import APPLE_SILICON, BIG_SUR, Rule

__all__ = [
    "MDM_01",
    "MDM_02",
    "MDM_03",
    "MDM_04",
    "MDM_05",
    "MDM_06",
    "MDM_07",
    "MDM_08",
    "MDM_09",
    "MDM_10",
    "MDM_11",
    "MDM_12",
    "MDM_13",
    "MDM_14",
    "MDM_15",
    "MDM_16",
    "RULES",
]

MDM_01 = Rule(
    "MDM-01",
    "macOS 11+, none or user: the user approves in the warning dialogue, and the user starts the restart; MDM can do "
    "neither.",
    ("S0", "S2"),
    since=BIG_SUR,
)
MDM_02 = Rule(
    "MDM-02",
    "macOS 11+, device or automated-device: with an allow-list profile for the kext installed first, the restart may "
    "be started by the MDM (RestartDevice with RebuildKernelCache) or by the user, and no approval in the dialogue is "
    "asked.",
    ("S0", "S2"),
    since=BIG_SUR,
)
MDM_03 = Rule(
    "MDM-03",
    "RestartDevice with RebuildKernelCache but no allow-list profile for the kext: the Mac restarts, the kext is not "
    "in the AuxKC.",
    ("S0", "S2"),
    since=BIG_SUR,
)
MDM_04 = Rule(
    "MDM-04",
    "KextPaths names kexts to add that were never discovered; without it only kexts already discovered go in. Ignored "
    "without RebuildKernelCache.",
    ("A:device.restart",),
    since=BIG_SUR,
)
MDM_05 = Rule(
    "MDM-05",
    "NotifyUser (macOS 11.3+): the user is told and restarts when convenient; no forced restart, except at the login "
    "window with nobody logged in. Before 11.3 the key is ignored.",
    ("S0", "S2", "A:device.restart"),
)
MDM_06 = Rule("MDM-06", "RestartDevice is refused under User Enrollment.", ("A:device.restart",))
MDM_07 = Rule(
    "MDM-07",
    "Kernel- and system-extension policy profiles install only from MDM, never by hand, and not under User Enrollment; "
    "the enrollment must be user-approved (from macOS 11 every device enrollment counts as such).",
    ("A:both policies",),
)
MDM_08 = Rule(
    "MDM-08",
    'Apple silicon, none: downgrade in 1TR by the user with "Allow user management of kernel extensions from '
    'identified developers". user: the same, as a local administrator.',
    ("S0", "S2"),
    architectures=APPLE_SILICON,
    since=BIG_SUR,
)
MDM_09 = Rule(
    "MDM-09",
    'Apple silicon, device: downgrade in 1TR by the user with "Allow remote management of kernel extensions and '
    'automatic software updates". Neither option: security-mode under full, else kexts-not-allowed. User management '
    "only, with a profile: the profile is not enough, approval is asked as without it, and RestartDevice does not add "
    "the kext. Remote management only, without a profile: open, kexts-not-allowed or approval required.",
    ("S0", "S2", "M:bputil"),
    open=True,
    architectures=APPLE_SILICON,
    since=BIG_SUR,
)
MDM_10 = Rule(
    "MDM-10",
    "Apple silicon, automated-device: the MDM does it by itself, no 1TR and no person, if the bootstrap token is "
    "escrowed (smb4): for a kext that a profile allows, load asks for a restart even under full, and RestartDevice "
    "with RebuildKernelCache sets reduced with remote management and loads it; after a restart by the user instead: "
    "open. Without the token it is as for device.",
    ("S0", "S2", "P:bootstrap token"),
    open=True,
    architectures=APPLE_SILICON,
    since=BIG_SUR,
)
MDM_11 = Rule(
    "MDM-11",
    "Kernel-extension profile: AllowedTeamIdentifiers allows every kext of the team; AllowedKernelExtensions maps a "
    "team to bundle identifiers, the empty team standing for unsigned legacy kexts.",
    ("A:kernel-extension-policy", "S3"),
)
MDM_12 = Rule(
    "MDM-12",
    "AllowUserOverrides false: the user cannot approve what no profile allows: such a kext is refused, "
    "approval-forbidden, with no way to approve. Default: false for kernel, true for system extensions.",
    ("A:both policies",),
)
MDM_13 = Rule(
    "MDM-13",
    "Several profiles: allow-lists are united; AllowUserOverrides is false if any says false; a profile that omits the "
    "key counts with its default.",
    ("A:both policies",),
)
MDM_14 = Rule(
    "MDM-14",
    "Removing the allow-list profile: the kext stays loaded until a restart after which it is no longer approved by "
    "MDM (open: an approval the user also gave stays).",
    ("A",),
    open=True,
    since=BIG_SUR,
)
MDM_15 = Rule(
    "MDM-15",
    "A malformed profile (within one payload: the same team in AllowedTeamIdentifiers and AllowedSystemExtensions; the "
    "same mapping in Removable and NonRemovable) is an error and is not installed.",
    ("A:system-extension-policy",),
)
MDM_16 = Rule(
    "MDM-16",
    "A command queued while the Mac is off or in recovery is carried out after it is back in macOS; none is lost.",
    ("A",),
)

RULES = (
    MDM_01,
    MDM_02,
    MDM_03,
    MDM_04,
    MDM_05,
    MDM_06,
    MDM_07,
    MDM_08,
    MDM_09,
    MDM_10,
    MDM_11,
    MDM_12,
    MDM_13,
    MDM_14,
    MDM_15,
    MDM_16,
)
