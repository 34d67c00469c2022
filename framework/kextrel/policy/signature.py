"""SIG: signature, notarization, SIP."""

from __future__ import annotations

from kextrel.policy.rule import APPLE_SILICON, BIG_SUR, Rule
from kextrel.vocabulary import Version

__all__ = ["RULES", "SIG_01", "SIG_02", "SIG_03", "SIG_04", "SIG_05"]

SIG_01 = Rule(
    "SIG-01",
    "SIP enabled: each kext's signature is verified before it goes into the AuxKC; unsigned, ad-hoc, revoked or "
    "broken is refused.",
    ("S0", "S1", "S2"),
)
SIG_02 = Rule(
    "SIG-02",
    "SIP disabled: the kext's signature is not enforced. Approval and restart still are (macOS 11 and later).",
    ("S0", "S1", "S2"),
)
SIG_03 = Rule(
    "SIG-03",
    "Apple silicon, unsigned kext: the permissive flow (SIP disabled in 1TR, so permissive, kexts allowed), then "
    "approval and restart, loads it.",
    ("S0", "S1"),
    architectures=APPLE_SILICON,
    since=BIG_SUR,
)
SIG_04 = Rule(
    "SIG-04",
    "macOS 10.14.5 and later, SIP enabled: a kext whose signature is newer than 2019-04-07 must be notarized (in "
    "scenarios every signature is newer). Open for a kext that an MDM profile allows.",
    ("P:notarization",),
    open=True,
    since=Version(10, 14, 5),
)
SIG_05 = Rule(
    "SIG-05",
    "A system extension must be signed by a developer team, and live in an app in /Applications, unless developer "
    "mode is on.",
    ("S3", "P:system extensions"),
)

RULES = (SIG_01, SIG_02, SIG_03, SIG_04, SIG_05)
