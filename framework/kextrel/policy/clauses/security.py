"""The set-security and set-sip clauses of Apple silicon, and where a boot may lead (BOOT)."""

from __future__ import annotations

from kextrel.policy.boot import BOOT_02, BOOT_03, BOOT_04, BOOT_05, BOOT_06, BOOT_07, BOOT_08, BOOT_09, BOOT_11, BOOT_12
from kextrel.policy.clauses import vouching
from kextrel.policy.copying import replace
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, Prediction, refused, ruled
from kextrel.policy.situation import BootPolicy, Situation
from kextrel.vocabulary import (
    Credential,
    Environment,
    KextManagement,
    Outcome,
    Reason,
    SecurityMode,
)
from kextrel.vocabulary.actions import Boot, SetSecurity, SetSip

__all__ = [
    "credentials",
    "disabling_sip_needs_1tr",
    "enabling_sip",
    "full_asks_apple",
    "full_excludes_allowances",
    "lowering_needs_1tr",
    "must_be_paired",
    "nothing_is_asked",
    "only_these_environments",
    "sip_is_set",
    "the_policy_is_written",
    "the_tool_can",
]

_NO_RECOVERY = (Environment.MACOS, Environment.SAFE_MODE)


def only_these_environments(situation: Situation, action: Boot, law: Law) -> Prediction | None:
    """1tr and fallback-recoveryos are Apple silicon's."""
    button = action.into in (Environment.ONE_TRUE_RECOVERY, Environment.FALLBACK_RECOVERYOS)
    return refused(Reason.UNSUPPORTED_HARDWARE, situation) if button and not situation.apple_silicon else None


def nothing_is_asked(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """Neither a mode nor an allowance: there is nothing to authenticate for."""
    return None if action.mode is not None or action.allow else ruled(Outcome.UNCHANGED, situation)


def _lowers(action: SetSecurity) -> bool:
    return bool(action.allow) or action.mode is not SecurityMode.FULL


def _is_plain(action: SetSecurity) -> bool:
    """Reduced, with neither kexts nor an MDM let in (BOOT-05)."""
    return action.mode is SecurityMode.REDUCED and not action.allow


def lowering_needs_1tr(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """BOOT-02, and BOOT-05 for plain reduced. Startup Security Utility is in no macOS, whatever it is asked for."""
    here = situation.environment
    if here is Environment.ONE_TRUE_RECOVERY:
        return None
    if not _lowers(action):
        utility = action.using == "startup-security-utility" and here in _NO_RECOVERY
        return refused(Reason.WRONG_ENVIRONMENT, situation) if utility else None
    if _is_plain(action):
        if here is Environment.RECOVERYOS and law.says(BOOT_05):
            return None
        return refused(Reason.WRONG_ENVIRONMENT, situation, BOOT_02, BOOT_05) if law.says(BOOT_02) else None
    return refused(Reason.WRONG_ENVIRONMENT, situation, BOOT_02) if law.says(BOOT_02) else None


def full_excludes_allowances(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """BOOT-07's second half."""
    if action.mode is SecurityMode.FULL and action.allow and law.says(BOOT_07):
        return refused(Reason.NOT_OFFERED, situation, BOOT_07)
    return None


def the_tool_can(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """BOOT-08: Startup Security Utility knows no permissive."""
    utility = action.using == "startup-security-utility" and action.mode is SecurityMode.PERMISSIVE
    return refused(Reason.NOT_OFFERED, situation, BOOT_08) if utility and law.says(BOOT_08) else None


def must_be_paired(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """BOOT-12. Full, and plain reduced, can be set for any macOS on the Mac: bputil asks for no pairing there."""
    if action.paired or not _lowers(action) or _is_plain(action) or not law.says(BOOT_12):
        return None
    return refused(Reason.NOT_PAIRED, situation, BOOT_12)


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
    theirs = KextManagement.REMOTE if vouching.managed(situation) else KextManagement.USER
    if theirs in action.allow:
        rules = (*rules, *vouching.decides(situation, law))
    if after == before:
        return ruled(Outcome.UNCHANGED, situation, *rules)
    credited = [*_place_rules(situation, action, law), BOOT_03, BOOT_11]
    rewritten = situation.rewritten or not after.lets_users_in
    return ruled(Outcome.CHANGED, replace(situation, stored=after, rewritten=rewritten), *rules, *credited)


def _place_rules(situation: Situation, action: SetSecurity, law: Law) -> tuple[Rule, ...]:
    """The rules by which this was asked in the right place, with the right tool and in the right recovery."""
    if not _lowers(action):
        return ()
    if _is_plain(action):
        return (BOOT_05,) if situation.environment is Environment.RECOVERYOS else (BOOT_02,)
    tool = (BOOT_08,) if action.mode is SecurityMode.PERMISSIVE and law.says(BOOT_08) else ()
    return (BOOT_02, *tool, *((BOOT_12,) if law.says(BOOT_12) else ()))


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
    if here in _NO_RECOVERY:
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
