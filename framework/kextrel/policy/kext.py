"""KEXT: approval and the AuxKC, macOS 11 and later."""

from __future__ import annotations

from kextrel.policy.rule import APPLE_SILICON, BIG_SUR, INTEL, Rule

__all__ = [
    "KEXT_01",
    "KEXT_02",
    "KEXT_03",
    "KEXT_04",
    "KEXT_05",
    "KEXT_06",
    "KEXT_07",
    "KEXT_08",
    "KEXT_09",
    "KEXT_10",
    "KEXT_11",
    "KEXT_12",
    "KEXT_13",
    "KEXT_14",
    "KEXT_15",
    "KEXT_16",
    "KEXT_17",
    "KEXT_18",
    "KEXT_19",
    "KEXT_20",
    "KEXT_21",
    "KEXT_22",
    "KEXT_23",
    "RULES",
]

KEXT_01 = Rule(
    "KEXT-01",
    "A third-party kext is never loaded on demand: a load request for one that is not in the running AuxKC does not "
    "load it.",
    ("S0", "S1", "S2"),
    since=BIG_SUR,
)
KEXT_02 = Rule(
    "KEXT-02",
    "The first load request stages and validates the kext and asks the user to approve it; kmutil load exits 27 "
    "(approval required). If a profile already allows it (MDM-02): nothing is asked, restart required. A new version "
    "of an approved kext: restart required (on Apple silicon open: approval may be asked again).",
    ("M:kmutil", "S1"),
    open=True,
    since=BIG_SUR,
)
KEXT_03 = Rule(
    "KEXT-03",
    "Approved, not yet restarted (the restart builds it in): still not loaded; kmutil load exits 28 (restart "
    "required).",
    ("M:kmutil", "S2"),
    since=BIG_SUR,
)
KEXT_04 = Rule(
    "KEXT-04",
    "After approval and a restart the kext is in the AuxKC and loads.",
    ("S0", "S1", "S2"),
    since=BIG_SUR,
)
KEXT_05 = Rule(
    "KEXT-05",
    "Every change to the approved set (first approval, a new version, a removal) takes effect only after a restart.",
    ("S1", "P:legacy system extensions"),
    since=BIG_SUR,
)
KEXT_06 = Rule(
    "KEXT-06",
    "Apple silicon: needs reduced or permissive, and kext management allowed. Under full, or with kexts not allowed, "
    'the load request is refused, the user is sent to recovery ("Enable system extensions"), and no restart makes it '
    "load. Exception: MDM-10. (A field report has the tool print the code-27 text in this state: the policy, read "
    "from the Mac, tells which it is.)",
    ("S0", "S1", "S2"),
    architectures=APPLE_SILICON,
    since=BIG_SUR,
)
KEXT_07 = Rule(
    "KEXT-07",
    "Intel, T2 or not: no security mode is needed, approval and restart only.",
    ("S1", "S2"),
    architectures=INTEL,
    since=BIG_SUR,
)
KEXT_08 = Rule(
    "KEXT-08",
    "Approving captures the SHA-384 of the UAKL in LocalPolicy (auxp). Only kexts in the UAKL are considered for the "
    "AuxKC.",
    ("S1", "P:localpolicy"),
    since=BIG_SUR,
)
KEXT_09 = Rule(
    "KEXT-09",
    "The built AuxKC is signed by the Secure Enclave into an Image4 whose hash goes into LocalPolicy (auxi); the "
    "receipt's SHA-384 into auxr.",
    ("S1",),
    architectures=APPLE_SILICON,
    since=BIG_SUR,
)
KEXT_10 = Rule(
    "KEXT-10",
    "The receipt lists exactly what the AuxKC holds: a subset of the UAKL. A banned kext is in the UAKL, not in the "
    "receipt, and not loaded; the others still load. Banned is not seen at the first load request or at approval: the "
    "rebuild drops it, and loading it after that is refused.",
    ("S1",),
    since=BIG_SUR,
)
KEXT_11 = Rule(
    "KEXT-11",
    "Anti-replay: an older, validly signed AuxKC put beside a newer LocalPolicy does not start.",
    ("S1",),
    architectures=APPLE_SILICON,
    since=BIG_SUR,
)
KEXT_12 = Rule(
    "KEXT-12",
    "If the AuxKC fails its check for any reason, the Mac starts without it: no third-party kext is loaded, and the "
    "Mac is usable.",
    ("P:localpolicy",),
    since=BIG_SUR,
)
KEXT_13 = Rule(
    "KEXT-13",
    "With third-party kexts loaded (receipt not empty), Apple Pay may be disabled: observed, never required (open).",
    ("S1",),
    open=True,
    since=BIG_SUR,
)
KEXT_14 = Rule(
    "KEXT-14",
    "Intel: the AuxKC lies on the data volume and no LocalPolicy holds a hash of it.",
    ("S1",),
    architectures=INTEL,
    since=BIG_SUR,
)
KEXT_15 = Rule(
    "KEXT-15",
    "Going back to full, or writing LocalPolicy afresh without kexts, takes every third-party kext away at the next "
    "boot; the bundles stay on disk; whether an approval given before is remembered is open.",
    ("S1", "M:bputil"),
    open=True,
    architectures=APPLE_SILICON,
    since=BIG_SUR,
)
KEXT_16 = Rule(
    "KEXT-16",
    "Unloading stops a kext but leaves it in the AuxKC: it can be loaded again with no restart.",
    ("M:kmutil",),
    since=BIG_SUR,
)
KEXT_17 = Rule(
    "KEXT-17",
    "Removing the bundle leaves the kext in the running AuxKC; it is gone after a rebuild and a restart.",
    ("M:kmutil",),
    since=BIG_SUR,
)
KEXT_18 = Rule(
    "KEXT-18",
    "kmutil trigger-panic-medic (recovery only) drops the AuxKC and every approval at the next boot: each kext must "
    "be approved again.",
    ("M:kmutil",),
    since=BIG_SUR,
)
KEXT_19 = Rule(
    "KEXT-19",
    "Restart interrupted (power lost during the rebuild): the Mac comes back with either the old AuxKC or the new "
    "one, never with a mix, and never unusable.",
    ("S1", "KEXT-12"),
    since=BIG_SUR,
)
KEXT_20 = Rule(
    "KEXT-20",
    "A standard user cannot approve, unless a profile says AllowNonAdminUserApprovals.",
    ("S1", "A:kernel-extension-policy"),
    since=BIG_SUR,
)
KEXT_21 = Rule(
    "KEXT-21",
    "A kext without a slice for the running architecture (arm64e on Apple silicon, x86_64 on Intel) never loads.",
    ("M:kmutil",),
)
KEXT_22 = Rule(
    "KEXT-22",
    "A denied or ignored approval leaves the kext pending; asking again shows the approval again.",
    ("T",),
    since=BIG_SUR,
)
KEXT_23 = Rule(
    "KEXT-23",
    "One kext that is bad or not approved may block the whole rebuild, and the error may name it rather than the one "
    "asked for: the others then stay as they were (open: the receipt may instead leave it out, KEXT-10). Never "
    "because of a banned one.",
    ("KEXT-10", "field reports"),
    open=True,
    since=BIG_SUR,
)

RULES = (
    KEXT_01,
    KEXT_02,
    KEXT_03,
    KEXT_04,
    KEXT_05,
    KEXT_06,
    KEXT_07,
    KEXT_08,
    KEXT_09,
    KEXT_10,
    KEXT_11,
    KEXT_12,
    KEXT_13,
    KEXT_14,
    KEXT_15,
    KEXT_16,
    KEXT_17,
    KEXT_18,
    KEXT_19,
    KEXT_20,
    KEXT_21,
    KEXT_22,
    KEXT_23,
)
