"""Intel's boot policy: SIP, which every Intel Mac has, and the security levels of those with a T2."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy.boot import BOOT_03, BOOT_10, BOOT_11
from kextrel.policy.clauses import security
from kextrel.policy.rule import Law
from kextrel.policy.ruling import Expected, NotModelled, Prediction, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Credential, Environment, Outcome, Reason, SecurityMode
from kextrel.vocabulary.actions import SetSecurity, SetSip

__all__ = ["security_level_is_set", "sip_is_set"]


def sip_is_set(situation: Situation, action: SetSip, law: Law) -> Prediction | None:
    """BOOT-10. Where the request is taken, csrutil asks nobody's name; no rule says what others than an administrator
    would meet."""
    if situation.apple_silicon:
        return None
    if situation.environment is Environment.MACOS and law.says(BOOT_10):
        return refused(Reason.WRONG_ENVIRONMENT, situation, BOOT_10)
    if action.as_ is not Credential.ADMIN:
        raise NotModelled("SIP on Intel, asked for by somebody who is no administrator")
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
    if not action.paired:
        raise NotModelled("a recoveryOS that is not paired, on Intel (BOOT-12 is Apple silicon's)")
    denied = security.credentials(situation, action, law)
    return denied or _level_written(situation, action)


def _level_written(situation: Situation, action: SetSecurity) -> Prediction:
    if action.mode is SecurityMode.FULL and not situation.mac.online:
        raise NotModelled("full security on a T2 Mac that is offline (BOOT-04 is Apple silicon's)")
    after = replace(situation.stored, mode=action.mode)
    if after == situation.stored:
        return ruled(Outcome.UNCHANGED, situation)
    return ruled(Outcome.CHANGED, replace(situation, stored=after), BOOT_03, BOOT_11)
