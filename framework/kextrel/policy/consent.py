"""UAK: User-Approved Kernel Extension Loading, macOS 10.13 to 10.15."""

from __future__ import annotations

from kextrel.policy.rule import BIG_SUR, HIGH_SIERRA, Rule
from kextrel.vocabulary import Version

__all__ = [
    "RULES",
    "UAK_01",
    "UAK_02",
    "UAK_03",
    "UAK_04",
    "UAK_05",
    "UAK_06",
    "UAK_07",
    "UAK_08",
    "UAK_09",
    "UAK_10",
    "UAK_11",
    "UAK_12",
]

UAK_01 = Rule(
    "UAK-01",
    "A kext installed with or after 10.13 needs the user's consent before it loads.",
    ("S1", "T"),
    since=HIGH_SIERRA,
    before=BIG_SUR,
)
UAK_02 = Rule(
    "UAK-02",
    "No consent needed: installed when the Mac ran 10.12 or earlier.",
    ("S1",),
    since=HIGH_SIERRA,
    before=BIG_SUR,
)
UAK_03 = Rule(
    "UAK-03",
    "No consent needed: replaces a kext already approved (same team and bundle identifier).",
    ("S1", "T"),
    since=HIGH_SIERRA,
    before=BIG_SUR,
)
UAK_04 = Rule(
    "UAK-04",
    "No consent needed: its team was allowed with spctl kext-consent add from recoveryOS; outside recoveryOS that "
    "command is refused; from macOS 11 it has no part in this (unsupported-version).",
    ("S1", "T"),
)
UAK_05 = Rule(
    "UAK-05",
    "No consent needed: allowed by an MDM profile, from 10.13.2, on a Mac enrolled by Automated Device Enrollment or "
    "whose MDM enrollment the user approved. An enrollment not approved by the user does not do.",
    ("S1", "A:kernel-extension-policy"),
    since=Version(10, 13, 2),
    before=BIG_SUR,
)
UAK_06 = Rule(
    "UAK-06",
    "Consent covers every kext of the same team in the same place (/Library/Extensions, the same app bundle, the same "
    "folder of /Library/Application Support).",
    ("T",),
    since=HIGH_SIERRA,
    before=BIG_SUR,
)
UAK_07 = Rule(
    "UAK-07",
    "Consent given, the kext loads: at once on 10.13 and 10.14; on 10.15 at once or after a restart (open).",
    ("T",),
    open=True,
    since=HIGH_SIERRA,
    before=BIG_SUR,
)
UAK_08 = Rule(
    "UAK-08",
    "The Allow button is offered for 30 minutes after the request; a new request offers it again.",
    ("T",),
    since=HIGH_SIERRA,
    before=BIG_SUR,
)
UAK_09 = Rule(
    "UAK-09",
    "The click on Allow counts only from a physical input device: a synthetic event does not approve.",
    ("T",),
    since=HIGH_SIERRA,
)
UAK_10 = Rule(
    "UAK-10",
    "spctl kext-consent disable (recoveryOS) turns the mechanism off: a validly signed kext then loads without "
    "consent.",
    ("S1", "T"),
    since=HIGH_SIERRA,
    before=BIG_SUR,
)
UAK_11 = Rule(
    "UAK-11",
    "10.12 and earlier: no consent mechanism. 10.13.0-10.13.3 on a Mac enrolled in MDM: consent is off by itself "
    "(open from 10.13.2).",
    ("S1", "T"),
    open=True,
    before=Version(10, 13, 4),
)
UAK_12 = Rule(
    "UAK-12",
    "Who may consent on 10.13-10.15, an administrator only (S1) or any user (Apple's admin notes of that time), is "
    "open for a standard user.",
    ("S1", "P"),
    open=True,
    since=HIGH_SIERRA,
    before=BIG_SUR,
)

RULES = (UAK_01, UAK_02, UAK_03, UAK_04, UAK_05, UAK_06, UAK_07, UAK_08, UAK_09, UAK_10, UAK_11, UAK_12)
