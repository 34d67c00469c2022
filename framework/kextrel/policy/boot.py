"""BOOT: boot environments and boot policy. The rules, and the clauses that they add to boot, set-security, set-sip."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy import kext, mdm
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, NotModelled, Prediction, refused, ruled
from kextrel.policy.situation import BootPolicy, Situation
from kextrel.vocabulary import (
    Architecture,
    Credential,
    Environment,
    KextManagement,
    Outcome,
    Reason,
    SecurityMode,
)
from kextrel.vocabulary.actions import Boot, SetSecurity, SetSip

__all__ = [
    "BOOT_01",
    "BOOT_03",
    "BOOT_11",
    "RULES",
    "credentials",
    "disabling_sip_needs_1tr",
    "enabling_sip",
    "full_asks_apple",
    "full_excludes_allowances",
    "lowering_needs_1tr",
    "nothing_is_asked",
    "only_these_environments",
    "sip_is_set",
    "the_policy_is_written",
]

_APPLE_SILICON = frozenset({Architecture.APPLE_SILICON})

BOOT_01 = Rule(
    "BOOT-01",
    "Apple silicon: from off, holding the power button enters 1tr; press and release boots macos; double press and "
    "hold "
    "enters fallback-recoveryos.",
    ("S1", "S2", "P:boot modes"),
    architectures=_APPLE_SILICON,
)
BOOT_02 = Rule(
    "BOOT-02",
    "Apple silicon: only in 1tr does the Secure Enclave accept a lowering of security (to reduced with kexts, to "
    "permissive, smb2, smb3, SIP off). The same request from macos, recoveryos or fallback-recoveryos is refused and "
    "leaves LocalPolicy byte for byte as it was. Exception: MDM-10.",
    ("S0", "S2", "M:bputil", "P:boot modes"),
    architectures=_APPLE_SILICON,
)
BOOT_03 = Rule(
    "BOOT-03",
    "The lowering needs an administrator (an owner of the volume) to authenticate. A wrong password or a standard user "
    "is refused, with no change.",
    ("S1", "S2"),
    architectures=_APPLE_SILICON | {Architecture.INTEL_T2},
)
BOOT_04 = Rule(
    "BOOT-04",
    "full needs no special boot environment to be set again (it only raises security). Setting it clears smb0-smb4 and "
    "sip0-sip3. It asks Apple's server: offline it is refused and nothing changes.",
    ("M:bputil",),
    architectures=_APPLE_SILICON,
)
BOOT_06 = Rule(
    "BOOT-06",
    "Setting reduced or permissive writes LocalPolicy afresh: only the options named in that request survive.",
    ("M:bputil",),
    architectures=_APPLE_SILICON,
)
BOOT_07 = Rule(
    "BOOT-07",
    "Allowing user management of kexts (smb2) or remote management (smb3) without naming a mode keeps the other "
    "options "
    "and turns full into reduced. Full and an allowance in one request exclude each other: refused, not-offered.",
    ("M:bputil", "S1"),
    architectures=_APPLE_SILICON,
)
BOOT_09 = Rule(
    "BOOT-09",
    "Disabling SIP on Apple silicon is done in 1tr only, needs an administrator, and moves the mode to permissive; "
    "kext "
    "management stays as it was. Enabling it again: in 1TR; from other recovery environments open.",
    ("S1", "P:localpolicy", "M:bputil"),
    open=True,
    architectures=_APPLE_SILICON,
)
BOOT_11 = Rule(
    "BOOT-11",
    "Every change to boot policy takes effect at the next boot, and survives power loss from the moment it is "
    "acknowledged.",
    ("P:localpolicy",),
)

RULES = (BOOT_01, BOOT_02, BOOT_03, BOOT_04, BOOT_06, BOOT_07, BOOT_09, BOOT_11)


def only_these_environments(situation: Situation, action: Boot, law: Law) -> Prediction | None:
    """1tr and fallback-recoveryos are Apple silicon's; safe mode is not built yet (BOOT-13)."""
    button = action.into in (Environment.ONE_TRUE_RECOVERY, Environment.FALLBACK_RECOVERYOS)
    if button and not situation.apple_silicon:
        return refused(Reason.UNSUPPORTED_HARDWARE, situation)
    if action.into is Environment.SAFE_MODE:
        raise NotModelled("safe mode (BOOT-13)")
    return None


def nothing_is_asked(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """Neither a mode nor an allowance: there is nothing to authenticate for."""
    return None if action.mode is not None or action.allow else ruled(Outcome.UNCHANGED, situation)


def _lowers(action: SetSecurity) -> bool:
    return bool(action.allow) or action.mode is not SecurityMode.FULL


def lowering_needs_1tr(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """BOOT-02. Plain reduced is BOOT-05's, which is not built yet: only 1TR is sure for it."""
    here = situation.environment
    if here is Environment.ONE_TRUE_RECOVERY or not _lowers(action):
        return None
    if here is Environment.RECOVERYOS and action.mode is SecurityMode.REDUCED and not action.allow:
        raise NotModelled("plain reduced security set from recoveryOS (BOOT-05)")
    return refused(Reason.WRONG_ENVIRONMENT, situation, BOOT_02) if law.says(BOOT_02) else None


def full_excludes_allowances(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """BOOT-07's second half."""
    if action.mode is SecurityMode.FULL and action.allow and law.says(BOOT_07):
        return refused(Reason.NOT_OFFERED, situation, BOOT_07)
    return None


def credentials(situation: Situation, action: SetSecurity | SetSip, law: Law) -> Prediction | None:
    """BOOT-03: authentication before rank, as design.md orders the refusals."""
    if not law.says(BOOT_03) or action.as_ is Credential.ADMIN:
        return None
    reason = Reason.NOT_ADMIN if action.as_ is Credential.STANDARD else Reason.AUTHENTICATION
    return refused(reason, situation, BOOT_03)


def full_asks_apple(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """BOOT-04: offline, `full` is refused."""
    if action.mode is SecurityMode.FULL and not situation.mac.online and law.says(BOOT_04):
        return refused(Reason.NETWORK, situation, BOOT_04)
    return None


def the_policy_is_written(situation: Situation, action: SetSecurity, law: Law) -> Prediction:
    """BOOT-04, BOOT-06, BOOT-07: what LocalPolicy holds afterwards. It is in force from the next boot (BOOT-11)."""
    before = situation.stored
    after, rules = _written(before, action, law)
    theirs = KextManagement.REMOTE if mdm.managed(situation) else KextManagement.USER
    if theirs in action.allow:
        rules = (*rules, *mdm.decides(situation, law))
    if after == before:
        return ruled(Outcome.UNCHANGED, situation, *rules)
    credited = [BOOT_02, BOOT_03, BOOT_11] if _lowers(action) else [BOOT_03, BOOT_11]
    rewritten = situation.rewritten or not kext.users_allowed(after)
    return ruled(Outcome.CHANGED, replace(situation, stored=after, rewritten=rewritten), *rules, *credited)


def _written(before: BootPolicy, action: SetSecurity, law: Law) -> tuple[BootPolicy, tuple[Rule, ...]]:
    if action.mode is SecurityMode.FULL:
        cleared = BootPolicy(SecurityMode.FULL, sip=True, management=frozenset())
        return (cleared, (BOOT_04,)) if law.says(BOOT_04) else (replace(before, mode=SecurityMode.FULL), ())
    if action.mode is not None:
        if law.says(BOOT_06):
            return BootPolicy(action.mode, sip=True, management=action.allow), (BOOT_06,)
        return replace(before, mode=action.mode, management=before.management | action.allow), ()
    mode = SecurityMode.REDUCED if before.mode is SecurityMode.FULL else before.mode
    if law.says(BOOT_07):
        return replace(before, mode=mode, management=before.management | action.allow), (BOOT_07,)
    return BootPolicy(mode, sip=True, management=action.allow), ()


def disabling_sip_needs_1tr(situation: Situation, action: SetSip, law: Law) -> Prediction | None:
    """BOOT-02 lists SIP off among the lowerings; BOOT-09 says the same of SIP alone, so both decide."""
    here = situation.environment
    if action.enabled or here is Environment.ONE_TRUE_RECOVERY or not law.says(BOOT_02):
        return None
    return refused(Reason.WRONG_ENVIRONMENT, situation, BOOT_02, BOOT_09)


def enabling_sip(situation: Situation, action: SetSip, law: Law) -> Prediction | None:
    """BOOT-09: outside 1TR enabling is open in another recovery, and cannot be done from macOS at all.

    Where it is taken there, it takes an administrator as everywhere.
    """
    here = situation.environment
    if not action.enabled or here is Environment.ONE_TRUE_RECOVERY or not law.says(BOOT_09):
        return None
    if here is Environment.MACOS:
        return refused(Reason.WRONG_ENVIRONMENT, situation, BOOT_09)
    taken = credentials(situation, action, law) or _sip_written(situation, action, law)
    denied = Expected(Outcome.REFUSED, Reason.WRONG_ENVIRONMENT, situation)
    return Prediction((*taken.outcomes, denied), (BOOT_09.id, *taken.rules), open=True)


def sip_is_set(situation: Situation, action: SetSip, law: Law) -> Prediction:
    return _sip_written(situation, action, law)


def _sip_written(situation: Situation, action: SetSip, law: Law) -> Prediction:
    before = situation.stored
    moves = not action.enabled and law.says(BOOT_09)
    after = replace(before, sip=action.enabled, mode=SecurityMode.PERMISSIVE if moves else before.mode)
    if after == before:
        return ruled(Outcome.UNCHANGED, situation, BOOT_09)
    credited = () if action.enabled else (BOOT_02,)
    return ruled(Outcome.CHANGED, replace(situation, stored=after), BOOT_09, *credited, BOOT_03, BOOT_11)
