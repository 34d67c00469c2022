"""Approval into the UAKL: when, for how long and to whom it is offered, and what forgets it (KEXT-02, KEXT-08)."""

from __future__ import annotations

from kextrel.policy.clauses import auxkc, profiles, vouching
from kextrel.policy.consent import UAK_08, UAK_09
from kextrel.policy.copying import replace
from kextrel.policy.kext import KEXT_02, KEXT_05, KEXT_06, KEXT_08, KEXT_18, KEXT_20, KEXT_22
from kextrel.policy.rule import Law
from kextrel.policy.ruling import Prediction, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Credential, Environment, Outcome, Reason
from kextrel.vocabulary.actions import Approve, PanicMedic, Wait

__all__ = [
    "approved_into_the_uakl",
    "medic_called",
    "nothing_is_pending",
    "only_by_an_administrator",
    "only_by_hand",
    "time_passed",
]

_OFFERED = 30  # minutes


def nothing_is_pending(situation: Situation, action: Approve, law: Law) -> Prediction | None:
    """Approval is offered after a load request that asked for it, not before and not twice (KEXT-02).

    Under a boot policy that allows no kexts the user is sent to recovery instead (KEXT-06), pending or not.
    """
    pending = action.extension in situation.pending
    rules = [KEXT_02] if not pending and law.says(KEXT_02) else []
    if law.says(KEXT_06) and not situation.in_force.lets_kexts_in:
        return refused(Reason.NOT_OFFERED, situation, KEXT_06, *rules)
    if pending:
        return None
    if action.extension in situation.lapsed and law.says(KEXT_22):
        return _or_still_offered(situation, action, law, refused(Reason.NOT_OFFERED, situation, KEXT_22, *rules))
    return refused(Reason.NOT_OFFERED, situation, *rules)


def _or_still_offered(situation: Situation, action: Approve, law: Law, gone: Prediction) -> Prediction:
    """KEXT-22 calls an ignored approval pending, and says that asking again shows it again: not when the Mac takes it
    off the screen. TN2459 does so after half an hour; one that offers it for longer breaks no rule."""
    still = only_by_hand(situation, action, law) or only_by_an_administrator(situation, action, law)
    still = still or approved_into_the_uakl(situation, action, law)
    return replace(gone, outcomes=(*gone.outcomes, *still.outcomes))


def only_by_hand(situation: Situation, action: Approve, law: Law) -> Prediction | None:
    """UAK-09, which later releases have kept: a synthetic event does not press Allow."""
    synthetic = action.input == "synthetic" and law.says(UAK_09)
    return refused(Reason.NOT_PHYSICAL, situation, UAK_09) if synthetic else None


def only_by_an_administrator(situation: Situation, action: Approve, law: Law) -> Prediction | None:
    """KEXT-20, unless a profile says AllowNonAdminUserApprovals."""
    if action.as_ is Credential.ADMIN or not law.says(KEXT_20) or profiles.anybody_approves(situation):
        return None
    return refused(Reason.NOT_ADMIN, situation, KEXT_20)


def approved_into_the_uakl(situation: Situation, action: Approve, law: Law) -> Prediction:
    """KEXT-08: into the list; KEXT-05: nothing else changes before the restart."""
    extension = situation.extensions[action.extension]
    bundle_id = extension.bundle_id
    after = replace(
        situation,
        vetted={**situation.vetted, bundle_id: extension.version},
        pending=situation.pending - {action.extension},
        uakl=situation.uakl | {bundle_id},
        consented=situation.consented | {bundle_id},
        doubtful=situation.doubtful - {bundle_id},
    )
    after = replace(after, staged=auxkc.buildable(after, law))
    if not law.says(KEXT_05):
        after = replace(after, aux_kc=auxkc.buildable(after, law), receipt=auxkc.buildable(after, law))
    anybody = (KEXT_20,) if action.as_ is not Credential.ADMIN and law.says(KEXT_20) else ()
    rules = (KEXT_08, KEXT_05, *vouching.approved_by_persons(situation, law), *anybody)
    return ruled(Outcome.APPROVED, after, *rules, unsettled=_with_others(situation, action.extension))


def _with_others(situation: Situation, name: str) -> frozenset[str]:
    """Settings has one button a developer; whether it also allows what else of the team is pending, no rule says."""
    team = situation.extensions[name].team_id
    others = situation.pending - {name}
    together = any(situation.extensions[other].team_id == team for other in others)
    return frozenset({"uakl"}) if together else frozenset()


def time_passed(situation: Situation, action: Wait, law: Law) -> Prediction:
    """Time alone changes nothing that is observed, but what was asked for is offered for half an hour only (UAK-08).

    Of macOS 11 and later no rule says how long; Settings there does as before, and asking again shows it (KEXT-22).
    """
    now = situation.minutes + action.minutes
    late = frozenset(name for name in situation.pending if now - situation.asked_at.get(name, 0.0) >= _OFFERED)
    if UAK_08.holds_for(situation.mac) and not law.says(UAK_08):
        late = frozenset()
    after = replace(situation, minutes=now, pending=situation.pending - late, lapsed=situation.lapsed | late)
    return ruled(Outcome.DONE, after, *((UAK_08,) if late and law.says(UAK_08) else ()))


def medic_called(situation: Situation, action: PanicMedic, law: Law) -> Prediction:
    """KEXT-18: from a recovery only; what it does it does at the next boot."""
    here = situation.environment in (Environment.MACOS, Environment.SAFE_MODE)
    if here and law.says(KEXT_18):
        return refused(Reason.WRONG_ENVIRONMENT, situation, KEXT_18)
    return ruled(Outcome.CHANGED, replace(situation, medic=True), KEXT_18)
