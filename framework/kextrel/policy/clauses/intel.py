"""Kexts on Intel, with a T2 and without: they ask for no security mode, and no LocalPolicy vouches for them."""

from __future__ import annotations

from kextrel.policy.copying import replace
from kextrel.policy.kext import KEXT_07, KEXT_14
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, Prediction
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Outcome, Reason
from kextrel.vocabulary.actions import Load

__all__ = ["asks_for_no_mode", "no_mode_is_needed", "starts_unvouched"]


def asks_for_no_mode(law: Law) -> tuple[Rule, ...]:
    """KEXT-07 on an Intel Mac."""
    return (KEXT_07,) if law.says(KEXT_07) else ()


def no_mode_is_needed(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """KEXT-07, without which a load request would be refused for the security mode, as Apple silicon does."""
    if situation.apple_silicon or law.says(KEXT_07):
        return None
    after = replace(situation, discovered=situation.discovered | {action.extension})
    reasons = (Reason.SECURITY_MODE, Reason.KEXTS_NOT_ALLOWED)
    return Prediction(tuple(Expected(Outcome.REFUSED, reason, after) for reason in reasons), ())


def starts_unvouched(begun: Situation, found: frozenset[str], law: Law) -> tuple[frozenset[str], tuple[Rule, ...]]:
    """What of the AuxKC that a boot finds it loads on Intel: all of it, for no mode and no LocalPolicy is asked."""
    if begun.apple_silicon or not found:
        return found, ()
    return (found, (KEXT_14, *asks_for_no_mode(law))) if law.says(KEXT_14) else (frozenset(), ())
