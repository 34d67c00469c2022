"""Intel's boot policy: SIP, which every Intel Mac has, and the security levels of those with a T2."""

from __future__ import annotations

from kextrel.policy.boot import BOOT_03, BOOT_10, BOOT_11
from kextrel.policy.clauses import security
from kextrel.policy.copying import replace
from kextrel.policy.rule import Law
from kextrel.policy.ruling import Expected, Prediction, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Environment, Outcome, Reason
from kextrel.vocabulary.actions import SetSecurity, SetSip

__all__ = ["security_level_is_set", "sip_is_set"]


def sip_is_set(situation: Situation, action: SetSip, law: Law) -> Prediction | None:
    """BOOT-10: from recoveryOS, by an administrator as every change of boot policy (BOOT-03)."""
    if situation.apple_silicon:
        return None
    if situation.environment is not Environment.RECOVERYOS and law.says(BOOT_10):
        return refused(Reason.WRONG_ENVIRONMENT, situation, BOOT_10)
    denied = security.credentials(situation, action, law)
    written = _sip_written(situation, action, law)
    if denied is None:
        return written
    # csrutil of an Intel Mac asks nobody who they are: one that changes it all the same breaks no rule.
    return replace(denied, outcomes=(*denied.outcomes, *written.outcomes))


def _sip_written(situation: Situation, action: SetSip, law: Law) -> Prediction:
    after = replace(situation.stored, sip=action.enabled)
    if after == situation.stored:
        return ruled(Outcome.UNCHANGED, situation, BOOT_10)
    changed = ruled(Outcome.CHANGED, replace(situation, stored=after), BOOT_10, BOOT_11)
    if law.says(BOOT_10):
        return changed
    return Prediction((Expected(Outcome.REFUSED, Reason.WRONG_ENVIRONMENT, situation), *changed.outcomes), ())


def security_level_is_set(situation: Situation, action: SetSecurity, law: Law) -> Prediction | None:
    """A T2 Mac's Startup Security Utility: from recoveryOS only, levels only; with no bearing on kexts (KEXT-07)."""
    if situation.apple_silicon:
        return None
    if situation.environment is not Environment.RECOVERYOS:
        return refused(Reason.WRONG_ENVIRONMENT, situation)
    if action.allow:
        return refused(Reason.NOT_OFFERED, situation)
    denied = security.credentials(situation, action, law) or security.full_asks_apple(situation, action, law)
    return denied or _level_written(situation, action)


def _level_written(situation: Situation, action: SetSecurity) -> Prediction:
    after = replace(situation.stored, mode=action.mode)
    if after == situation.stored:
        return ruled(Outcome.UNCHANGED, situation)
    return ruled(Outcome.CHANGED, replace(situation, stored=after), BOOT_03, BOOT_11)
