"""The load request on macOS 11 and later (KEXT)."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy.clauses import approving, intel, signing, unloading, vouching
from kextrel.policy.kext import KEXT_01, KEXT_02, KEXT_03, KEXT_04, KEXT_05, KEXT_06, KEXT_15
from kextrel.policy.mdm import MDM_09, MDM_10
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, NotModelled, Prediction, refused, ruled
from kextrel.policy.situation import BootPolicy, Situation
from kextrel.vocabulary import Extension, KextManagement, Outcome, Reason, SecurityMode
from kextrel.vocabulary.actions import Approve, Load

__all__ = [
    "a_profile_is_enough",
    "already_in_the_running_auxkc",
    "approval_is_forbidden",
    "approval_or_restart",
    "kexts_allowed",
    "policy_must_allow_kexts",
    "users_allowed",
]


def kexts_allowed(policy: BootPolicy) -> bool:
    """Whether this boot policy may let kexts in (KEXT-06)."""
    return policy.mode is not SecurityMode.FULL and bool(policy.management)


def users_allowed(policy: BootPolicy) -> bool:
    """Whether it surely lets the user's in: with remote management alone the sources are silent or disagree."""
    return kexts_allowed(policy) and KextManagement.USER in policy.management


def already_in_the_running_auxkc(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """KEXT-04: in the AuxKC that this boot began with, so it is loaded, or loads at once."""
    bundle_id = situation.extensions[action.extension].bundle_id
    if bundle_id in situation.aux_kc - situation.loaded:
        return unloading.loaded_again(situation, bundle_id, KEXT_04, law)
    if bundle_id not in situation.aux_kc or not law.says(KEXT_04):
        return None
    return ruled(Outcome.LOADED, situation, KEXT_04)


def policy_must_allow_kexts(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """KEXT-06, by the policy in force at this boot (BOOT-11); open where only remote management is allowed.

    A profile that is enough needs no user management (MDM-02), or no allowance at all (MDM-10).
    """
    extension = situation.extensions[action.extension]
    enough = users_allowed(situation.in_force) or vouching.lets_in(situation, extension, law)
    if not law.says(KEXT_06) or enough:
        return None
    after = replace(situation, discovered=situation.discovered | {action.extension})
    answer = refused(_why_not(situation), after, KEXT_06)
    answer = replace(answer, rules=(*answer.rules, *(rule.id for rule in vouching.decides(situation, law))))
    if not kexts_allowed(situation.in_force):
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
        situation,
        discovered=situation.discovered | {action.extension},
        pending=situation.pending - {action.extension},
        uakl=situation.uakl | vouched,
        vouched=situation.vouched | vouched,
        doubtful=situation.doubtful - vouched,
    )
    if not law.says(KEXT_03):
        return ruled(Outcome.LOADED, _loaded_at_once(known, extension))
    by_itself = MDM_10 in enough
    after = known if by_itself else replace(known, staged=approving.buildable(known, law))
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
    """MDM-12. What a user approved before somebody forbade it is a case that no rule speaks of."""
    extension = situation.extensions[action.extension]
    forbidding = vouching.forbids_overrides(situation, extension, law)
    if not forbidding:
        return None
    if extension.bundle_id in situation.consented - situation.doubtful:
        raise NotModelled("a kext that the user approved before a profile forbade it")
    after = replace(situation, discovered=situation.discovered | {action.extension})
    return refused(Reason.APPROVAL_FORBIDDEN, after if isinstance(action, Load) else situation, *forbidding)


def approval_or_restart(situation: Situation, action: Load, law: Law) -> Prediction:
    """KEXT-01 to KEXT-03: not in the AuxKC, so approval is asked, or the restart is still to come."""
    extension = situation.extensions[action.extension]
    known = replace(situation, discovered=situation.discovered | {action.extension})
    if extension.bundle_id not in situation.uakl:
        return _first_request(known, action.extension, extension, law)
    waiting = _restart_required(known, extension, law)
    if extension.bundle_id not in situation.doubtful:
        return waiting
    asked = _approval_asked(replace(known, uakl=known.uakl - {extension.bundle_id}), action.extension)
    return Prediction((*waiting.outcomes, asked), (*waiting.rules, KEXT_15.id), open=True)


def _first_request(known: Situation, name: str, extension: Extension, law: Law) -> Prediction:
    if not law.says(KEXT_01):
        return ruled(Outcome.LOADED, _loaded_at_once(known, extension))
    if not law.says(KEXT_02):
        return _restart_required(replace(known, uakl=known.uakl | {extension.bundle_id}), extension, law)
    persons = (*vouching.approved_by_persons(known, law), *_profile_is_not_enough(known, extension, law))
    rules = (KEXT_02, KEXT_01, *persons, *intel.asks_for_no_mode(law), *signing.relaxed(extension, known, law))
    return Prediction((_approval_asked(known, name),), tuple(rule.id for rule in rules))


def _profile_is_not_enough(known: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    """MDM-09, where a profile lists the kext and only user management is allowed."""
    return (MDM_09,) if law.says(MDM_09) and vouching.listed(known, extension, law) else ()


def _approval_asked(known: Situation, name: str) -> Expected:
    asked = replace(known, pending=known.pending | {name}, lapsed=known.lapsed - {name})
    return Expected(Outcome.APPROVAL_REQUIRED, None, asked)


def _restart_required(known: Situation, extension: Extension, law: Law) -> Prediction:
    if not law.says(KEXT_03):
        return ruled(Outcome.LOADED, _loaded_at_once(known, extension))
    trusted = replace(known, doubtful=known.doubtful - {extension.bundle_id})
    after = replace(trusted, staged=approving.buildable(trusted, law))
    return ruled(Outcome.RESTART_REQUIRED, after, KEXT_03, KEXT_01, KEXT_05, *intel.asks_for_no_mode(law))


def _loaded_at_once(known: Situation, extension: Extension) -> Situation:
    """A Mac that does not wait: what runs is listed among the kexts of the AuxKC, for it has no other place."""
    bundle_id = extension.bundle_id
    return replace(known, loaded=known.loaded | {bundle_id}, aux_kc=known.aux_kc | {bundle_id})
