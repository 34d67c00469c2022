"""The load request on macOS 11 and later (KEXT)."""

from __future__ import annotations

from kextrel.policy.clauses import auxkc, intel, signing, unloading, vouching
from kextrel.policy.clauses.fitness import asked_for
from kextrel.policy.copying import replace
from kextrel.policy.kext import KEXT_01, KEXT_02, KEXT_03, KEXT_04, KEXT_05, KEXT_06, KEXT_10, KEXT_15, KEXT_22
from kextrel.policy.mdm import MDM_09, MDM_10
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, Prediction, either, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Extension, Outcome, Reason, SecurityMode
from kextrel.vocabulary.actions import Approve, Load

__all__ = [
    "a_profile_is_enough",
    "already_in_the_running_auxkc",
    "approval_asked",
    "approval_is_forbidden",
    "approval_or_restart",
    "dropped_as_banned",
    "policy_must_allow_kexts",
]


def already_in_the_running_auxkc(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """KEXT-04: unchanged in the AuxKC that this boot began with, so it is loaded, or loads at once."""
    extension = situation.extensions[action.extension]
    bundle_id = extension.bundle_id
    if situation.outdated(extension):
        return None
    if bundle_id in situation.aux_kc - situation.loaded:
        return unloading.loaded_again(situation, bundle_id, KEXT_04, law)
    if bundle_id not in situation.aux_kc or not law.says(KEXT_04):
        return None
    return ruled(Outcome.LOADED, situation, KEXT_04)


def dropped_as_banned(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """KEXT-10: a rebuild left it out, and that is when it is known to be banned."""
    if situation.extensions[action.extension].bundle_id not in situation.dropped or not law.says(KEXT_10):
        return None
    return refused(Reason.BANNED, asked_for(situation, action.extension), KEXT_10)


def never_on_demand(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """KEXT-01: whatever else keeps a kext out, without this rule a request would load it: nothing else waits for it."""
    if law.says(KEXT_01):
        return None
    return ruled(Outcome.LOADED, _loaded_at_once(situation, situation.extensions[action.extension]))


def policy_must_allow_kexts(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """KEXT-06, by the policy in force at this boot (BOOT-11).

    Remote management alone is open where an MDM might use it (MDM-09); elsewhere it allows nothing (MDM-08).
    A profile that is enough needs no user management (MDM-02), or no allowance at all (MDM-10).
    """
    extension = situation.extensions[action.extension]
    enough = situation.in_force.lets_users_in or vouching.lets_in(situation, extension, law)
    if not law.says(KEXT_06) or enough:
        return None
    after = asked_for(situation, action.extension)
    answer = refused(_why_not(situation), after, KEXT_06)
    answer = replace(answer, rules=(*answer.rules, *(rule.id for rule in vouching.decides(situation, law))))
    if not situation.in_force.lets_kexts_in or not vouching.managed(situation):
        return answer
    allowed = approval_is_forbidden(situation, action, law) or approval_or_restart(situation, action, law)
    return Prediction((*answer.outcomes, *allowed.outcomes), (*answer.rules, *allowed.rules), open=True)


def a_profile_is_enough(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """MDM-02: nothing is asked, and the restart is still to come. Under MDM-10 it is the MDM's to build the AuxKC."""
    extension = situation.extensions[action.extension]
    enough = vouching.lets_in(situation, extension, law)
    if not enough:
        return None
    vouched = {extension.bundle_id}
    known = replace(
        asked_for(situation, action.extension),
        pending=situation.pending - {action.extension},
        uakl=situation.uakl | vouched,
        vouched=situation.vouched | vouched,
        doubtful=situation.doubtful - vouched,
        vetted={**situation.vetted, extension.bundle_id: extension.version},
    )
    if not law.says(KEXT_03):
        return ruled(Outcome.LOADED, _loaded_at_once(known, extension))
    by_itself = MDM_10 in enough
    after = known if by_itself else replace(known, staged=auxkc.buildable(known, law))
    rules = (*enough, *intel.asks_for_no_mode(law), KEXT_02, KEXT_03, KEXT_01, KEXT_05)
    waiting = ruled(Outcome.RESTART_REQUIRED, after, *rules, *signing.relaxed(extension, known, law))
    if not by_itself or law.says(MDM_10):
        return waiting
    denied = Expected(Outcome.REFUSED, _why_not(situation), situation)
    return replace(waiting, outcomes=(*waiting.outcomes, denied))


def _why_not(situation: Situation) -> Reason:
    """What a boot policy that lets no kexts in is refused for (KEXT-06)."""
    return Reason.SECURITY_MODE if situation.in_force.mode is SecurityMode.FULL else Reason.KEXTS_NOT_ALLOWED


def approval_is_forbidden(situation: Situation, action: Load | Approve, law: Law) -> Prediction | None:
    """MDM-12: also where the user approved it before, for a load request is refused for it before all else is asked."""
    extension = situation.extensions[action.extension]
    forbidding = vouching.forbids_overrides(situation, extension, law)
    if not forbidding:
        return None
    after = asked_for(situation, action.extension)
    return refused(Reason.APPROVAL_FORBIDDEN, after if isinstance(action, Load) else situation, *forbidding)


def approval_or_restart(situation: Situation, action: Load, law: Law) -> Prediction:
    """KEXT-01 to KEXT-03: not in the AuxKC, so approval is asked, or the restart is still to come."""
    extension = situation.extensions[action.extension]
    known = asked_for(situation, action.extension)
    if extension.bundle_id not in situation.uakl:
        return _first_request(known, action.extension, extension, law)
    waiting = _restart_required(known, extension, law)
    if situation.vetted.get(extension.bundle_id, extension.version) != extension.version:
        return _new_version(known, action.extension, waiting, law)
    if extension.bundle_id not in situation.doubtful:
        return waiting
    asked = approval_asked(replace(known, uakl=known.uakl - {extension.bundle_id}), action.extension)
    return Prediction((*waiting.outcomes, asked), (*waiting.rules, KEXT_15.id), open=True)


def _new_version(known: Situation, name: str, waiting: Prediction, law: Law) -> Prediction:
    """KEXT-02: another version of an approved kext; on Apple silicon approval may be asked again."""
    if not law.says(KEXT_02):
        return waiting
    taken = replace(waiting, rules=(KEXT_02.id, *waiting.rules))
    return either(taken, Prediction((approval_asked(known, name),), ())) if known.apple_silicon else taken


def _first_request(known: Situation, name: str, extension: Extension, law: Law) -> Prediction:
    if not law.says(KEXT_02):
        return _restart_required(replace(known, uakl=known.uakl | {extension.bundle_id}), extension, law)
    persons = (*vouching.approved_by_persons(known, law), *_profile_is_not_enough(known, extension, law))
    rules = (KEXT_02, KEXT_01, *persons, *intel.asks_for_no_mode(law), *signing.relaxed(extension, known, law))
    again = (KEXT_22,) if name in known.pending | known.lapsed else ()
    if again and not law.says(KEXT_22):
        return Prediction((Expected(Outcome.REFUSED, None, known),), ())
    return Prediction((approval_asked(known, name),), tuple(rule.id for rule in (*again, *rules)))


def _profile_is_not_enough(known: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    """MDM-09, where a profile lists the kext and only user management is allowed."""
    return (MDM_09,) if law.says(MDM_09) and vouching.listed(known, extension, law) else ()


def approval_asked(known: Situation, name: str) -> Expected:
    """The Mac asks the user: the kext is pending from now on."""
    asked = replace(
        known,
        pending=known.pending | {name},
        lapsed=known.lapsed - {name},
        asked_at={**known.asked_at, name: known.minutes},
    )
    return Expected(Outcome.APPROVAL_REQUIRED, None, asked)


def _restart_required(known: Situation, extension: Extension, law: Law) -> Prediction:
    if not law.says(KEXT_03):
        return ruled(Outcome.LOADED, _loaded_at_once(known, extension))
    bundle_id = extension.bundle_id
    vetted = {**known.vetted, bundle_id: extension.version}
    trusted = replace(known, doubtful=known.doubtful - {bundle_id}, vetted=vetted)
    after = replace(trusted, staged=auxkc.buildable(trusted, law))
    return ruled(Outcome.RESTART_REQUIRED, after, KEXT_03, KEXT_01, KEXT_05, *intel.asks_for_no_mode(law))


def _loaded_at_once(known: Situation, extension: Extension) -> Situation:
    """A Mac that does not wait: what runs is listed among the kexts of the AuxKC, for it has no other place."""
    bundle_id = extension.bundle_id
    return replace(known, loaded=known.loaded | {bundle_id}, aux_kc=known.aux_kc | {bundle_id})
