"""Approval into the UAKL, and the rebuild that takes from it (KEXT-02, KEXT-05, KEXT-08)."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy.clauses import loading, signing, vouching
from kextrel.policy.kext import KEXT_02, KEXT_05, KEXT_06, KEXT_08, KEXT_15
from kextrel.policy.rule import Law
from kextrel.policy.ruling import NotModelled, Prediction, refused, ruled
from kextrel.policy.signature import SIG_01
from kextrel.policy.situation import Situation
from kextrel.vocabulary import (
    Credential,
    Outcome,
    Reason,
)
from kextrel.vocabulary.actions import (
    Approve,
    Rebuild,
)

__all__ = ["approved_into_the_uakl", "buildable", "nothing_is_pending", "rebuilt", "who_approves"]


def nothing_is_pending(situation: Situation, action: Approve, law: Law) -> Prediction | None:
    """Approval is offered after a load request that asked for it, not before and not twice (KEXT-02).

    Under a boot policy that allows no kexts the user is sent to recovery instead (KEXT-06), pending or not.
    """
    pending = action.extension in situation.pending
    rules = [KEXT_02] if not pending and law.says(KEXT_02) else []
    if law.says(KEXT_06) and not loading.kexts_allowed(situation.in_force):
        return refused(Reason.NOT_OFFERED, situation, KEXT_06, *rules)
    if pending:
        return None
    if action.extension in situation.lapsed:
        raise NotModelled("approval of what was asked for before a restart or a removal (KEXT-22)")
    return refused(Reason.NOT_OFFERED, situation, *rules)


def approved_into_the_uakl(situation: Situation, action: Approve, law: Law) -> Prediction:
    """KEXT-08: into the list; KEXT-05: nothing else changes before the restart."""
    bundle_id = situation.extensions[action.extension].bundle_id
    after = replace(
        situation,
        pending=situation.pending - {action.extension},
        uakl=situation.uakl | {bundle_id},
        consented=situation.consented | {bundle_id},
        doubtful=situation.doubtful - {bundle_id},
    )
    after = replace(after, staged=buildable(after, law))
    if not law.says(KEXT_05):
        after = replace(after, aux_kc=buildable(after, law), receipt=buildable(after, law))
    rules = (KEXT_08, KEXT_05, *vouching.approved_by_persons(situation, law))
    return ruled(Outcome.APPROVED, after, *rules, unsettled=_with_others(situation, action.extension))


def _with_others(situation: Situation, name: str) -> frozenset[str]:
    """Settings has one button a developer; whether it also allows what else of the team is pending, no rule says."""
    team = situation.extensions[name].team_id
    others = situation.pending - {name}
    together = any(situation.extensions[other].team_id == team for other in others)
    return frozenset({"uakl"}) if together else frozenset()


def buildable(situation: Situation, law: Law) -> frozenset[str]:
    """The kexts that a rebuild puts into the AuxKC: on disk, in the UAKL (KEXT-08), well signed (SIG-01)."""
    chosen = situation.kexts_on_disk
    if law.says(KEXT_08):
        chosen &= situation.uakl - situation.doubtful
    by_id = {one.bundle_id: one for one in situation.extensions.values()}
    sip = situation.in_force.sip and law.says(SIG_01)
    return frozenset(one for one in chosen if not signing.unfit(by_id[one], sip=sip))


def rebuilt(situation: Situation, action: Rebuild, law: Law) -> Prediction:
    """`rebuild` answers restart-required if the approved kexts on disk differ from the AuxKC.

    Where the Mac may have forgotten approvals (KEXT-15) and it matters, both answers are allowed.
    """
    doubtful = situation.doubtful
    remembered = _rebuilt(replace(situation, doubtful=frozenset()), law)
    forgotten = _rebuilt(replace(situation, doubtful=frozenset(), uakl=situation.uakl - doubtful), law)
    if remembered.outcomes[0].outcome is forgotten.outcomes[0].outcome:
        return _rebuilt(situation, law)
    return Prediction((*remembered.outcomes, *forgotten.outcomes), (*remembered.rules, KEXT_15.id), open=True)


def _rebuilt(situation: Situation, law: Law) -> Prediction:
    wanted = buildable(situation, law)
    if wanted == situation.aux_kc:
        return ruled(Outcome.UNCHANGED, replace(situation, staged=None), KEXT_08)
    return ruled(Outcome.RESTART_REQUIRED, replace(situation, staged=wanted), KEXT_08, KEXT_05)


def who_approves(situation: Situation, action: Approve, law: Law) -> Prediction | None:
    if action.as_ is not Credential.ADMIN:
        raise NotModelled("approval by somebody who is no administrator (KEXT-20)")
    if action.input != "physical":
        raise NotModelled("approval by a synthetic event (UAK-09)")
    return None
