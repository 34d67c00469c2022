"""What a user does with system extensions in Settings: allows them, switches them off and on again (SYS)."""

from __future__ import annotations

from kextrel.policy.clauses import profiles
from kextrel.policy.clauses.activation import DISABLED, ENABLED, TERMINATED, WAITING
from kextrel.policy.copying import replace
from kextrel.policy.rule import Law
from kextrel.policy.ruling import Expected, Prediction, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.policy.sysext import SYS_02, SYS_03, SYS_11, SYS_14
from kextrel.vocabulary import Credential, Outcome, Reason
from kextrel.vocabulary.actions import Allow, Deactivate, Disable, Enable

__all__ = ["allowed_by_the_user", "must_be_activated", "must_be_removable", "switched"]


def allowed_by_the_user(situation: Situation, action: Allow, law: Law) -> Prediction:
    """SYS-03's second half: an administrator, in Settings, and only what is pending."""
    extension = situation.extensions[action.extension]
    if situation.word(extension) != WAITING:
        return refused(Reason.NOT_OFFERED, situation, SYS_03)
    if action.as_ is not Credential.ADMIN and law.says(SYS_03):
        return refused(Reason.NOT_ADMIN, situation, SYS_03)
    taken = ruled(Outcome.ENABLED, _turned(situation, action, ENABLED), SYS_03, SYS_02)
    if law.says(SYS_03):
        return taken
    return replace(taken, outcomes=(Expected(Outcome.REFUSED, None, situation), *taken.outcomes))


def must_be_activated(situation: Situation, action: Disable | Enable | Deactivate, law: Law) -> Prediction | None:
    """What sysextd has no record of, or is rid of but for a restart, is not installed."""
    word = situation.word(situation.extensions[action.extension])
    ended = word == TERMINATED and not isinstance(action, Deactivate)
    return refused(Reason.NOT_INSTALLED, situation) if word is None or ended else None


def must_be_removable(situation: Situation, action: Disable | Deactivate, law: Law) -> Prediction | None:
    """SYS-11: what a profile makes not removable stays, with SIP enabled; from the user interface, in any case."""
    extension = situation.extensions[action.extension]
    if not law.says(SYS_11):
        return None
    by_hand = isinstance(action, Disable) or action.by != "app"
    kept = situation.in_force.sip and profiles.not_removable(situation, extension)
    if not kept and not (by_hand and profiles.not_removable_from_ui(situation, extension)):
        return None
    return refused(Reason.NOT_REMOVABLE, situation, SYS_11)


def switched(situation: Situation, action: Disable | Enable, law: Law) -> Prediction:
    """SYS-14: off and on again in Settings, where only what is on can be switched off, and the other way round."""
    off = isinstance(action, Disable)
    before, after = (ENABLED, DISABLED) if off else (DISABLED, ENABLED)
    if situation.word(situation.extensions[action.extension]) != before:
        return refused(Reason.NOT_OFFERED, situation, SYS_14)
    if action.as_ is not Credential.ADMIN:
        return refused(Reason.NOT_ADMIN, situation, SYS_14)
    done = ruled(Outcome.DISABLED if off else Outcome.ENABLED, _turned(situation, action, after), SYS_14)
    if law.says(SYS_14):
        return done
    asked = _turned(situation, action, ENABLED if off else WAITING)
    return replace(done, outcomes=(Expected(Outcome.REFUSED, None, asked), *done.outcomes))


def _turned(situation: Situation, action: Allow | Disable | Enable, word: str) -> Situation:
    """Other words in the record; it is of the version that it was of."""
    own = situation.extensions[action.extension].bundle_id
    return replace(situation, system_extensions={**situation.system_extensions, own: word})
