"""KEXT: approval and the AuxKC, macOS 11 and later. The rules, and the clauses that they add to load and approve."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy import intel, mdm, signature, unloading
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, NotModelled, Prediction, refused, ruled
from kextrel.policy.situation import BIG_SUR, BootPolicy, Situation
from kextrel.vocabulary import Architecture, Extension, KextManagement, Outcome, Reason, SecurityMode
from kextrel.vocabulary.actions import Approve, Load, Rebuild

__all__ = [
    "KEXT_04",
    "KEXT_05",
    "KEXT_06",
    "KEXT_08",
    "KEXT_15",
    "RULES",
    "a_profile_is_enough",
    "already_in_the_running_auxkc",
    "approval_is_forbidden",
    "approval_or_restart",
    "approved_into_the_uakl",
    "buildable",
    "kexts_allowed",
    "nothing_is_pending",
    "policy_must_allow_kexts",
    "rebuilt",
    "users_allowed",
]

_APPLE_SILICON = frozenset({Architecture.APPLE_SILICON})

KEXT_01 = Rule(
    "KEXT-01",
    "A third-party kext is never loaded on demand: a load request for one that is not in the running AuxKC does not "
    "load "
    "it.",
    ("S0", "S1", "S2"),
    since=BIG_SUR,
)
KEXT_02 = Rule(
    "KEXT-02",
    "The first load request stages and validates the kext and asks the user to approve it; kmutil load exits 27 "
    "(approval required). If a profile already allows it (MDM-02): nothing is asked, restart required. A new version "
    "of "
    "an approved kext: restart required (on Apple silicon open: approval may be asked again).",
    ("M:kmutil", "S1"),
    open=True,
    since=BIG_SUR,
)
KEXT_03 = Rule(
    "KEXT-03",
    "Approved, not yet restarted (the restart builds it in): still not loaded; kmutil load exits 28 (restart "
    "required).",
    ("M:kmutil", "S2"),
    since=BIG_SUR,
)
KEXT_04 = Rule(
    "KEXT-04",
    "After approval and a restart the kext is in the AuxKC and loads.",
    ("S0", "S1", "S2"),
    since=BIG_SUR,
)
KEXT_05 = Rule(
    "KEXT-05",
    "Every change to the approved set (first approval, a new version, a removal) takes effect only after a restart.",
    ("S1", "P:legacy system extensions"),
    since=BIG_SUR,
)
KEXT_06 = Rule(
    "KEXT-06",
    "Apple silicon: needs reduced or permissive, and kext management allowed. Under full, or with kexts not allowed, "
    "the "
    'load request is refused, the user is sent to recovery ("Enable system extensions"), and no restart makes it load. '
    "Exception: MDM-10. (A field report has the tool print the code-27 text in this state: the policy, read from the "
    "Mac, tells which it is.)",
    ("S0", "S1", "S2"),
    architectures=_APPLE_SILICON,
    since=BIG_SUR,
)
KEXT_08 = Rule(
    "KEXT-08",
    "Approving captures the SHA-384 of the UAKL in LocalPolicy (auxp). Only kexts in the UAKL are considered for the "
    "AuxKC.",
    ("S1", "P:localpolicy"),
    since=BIG_SUR,
)
KEXT_15 = Rule(
    "KEXT-15",
    "Going back to full, or writing LocalPolicy afresh without kexts, takes every third-party kext away at the next "
    "boot; the bundles stay on disk; whether an approval given before is remembered is open.",
    ("S1", "M:bputil"),
    open=True,
    architectures=_APPLE_SILICON,
    since=BIG_SUR,
)

RULES = (KEXT_01, KEXT_02, KEXT_03, KEXT_04, KEXT_05, KEXT_06, KEXT_08, KEXT_15)


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
    enough = users_allowed(situation.in_force) or mdm.lets_in(situation, extension, law)
    if not law.says(KEXT_06) or enough:
        return None
    after = replace(situation, discovered=situation.discovered | {action.extension})
    answer = refused(_why_not(situation), after, KEXT_06)
    answer = replace(answer, rules=(*answer.rules, *(rule.id for rule in mdm.decides(situation, law))))
    if not kexts_allowed(situation.in_force):
        return answer
    allowed = approval_is_forbidden(situation, action, law) or approval_or_restart(situation, action, law)
    return Prediction((*answer.outcomes, *allowed.outcomes), (*answer.rules, *allowed.rules), open=True)


def a_profile_is_enough(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """MDM-02: nothing is asked, and the restart is still to come. Under MDM-10 it is the MDM's to build the AuxKC."""
    extension = situation.extensions[action.extension]
    enough = mdm.lets_in(situation, extension, law)
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
    by_itself = mdm.MDM_10 in enough
    after = known if by_itself else replace(known, staged=buildable(known, law))
    rules = (*enough, *intel.asks_for_no_mode(law), KEXT_02, KEXT_03, KEXT_01, KEXT_05)
    waiting = ruled(Outcome.RESTART_REQUIRED, after, *rules, *signature.relaxed(extension, known, law))
    if not by_itself or law.says(mdm.MDM_10):
        return waiting
    denied = Expected(Outcome.REFUSED, _why_not(situation), situation)
    return replace(waiting, outcomes=(*waiting.outcomes, denied))


def _why_not(situation: Situation) -> Reason:
    """What a boot policy that lets no kexts in is refused for (KEXT-06)."""
    return Reason.SECURITY_MODE if situation.in_force.mode is SecurityMode.FULL else Reason.KEXTS_NOT_ALLOWED


def approval_is_forbidden(situation: Situation, action: Load | Approve, law: Law) -> Prediction | None:
    """MDM-12. What a user approved before somebody forbade it is a case that no rule speaks of."""
    extension = situation.extensions[action.extension]
    forbidding = mdm.forbids_overrides(situation, extension, law)
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
    persons = (*mdm.approved_by_persons(known, law), *_profile_is_not_enough(known, extension, law))
    rules = (KEXT_02, KEXT_01, *persons, *intel.asks_for_no_mode(law), *signature.relaxed(extension, known, law))
    return Prediction((_approval_asked(known, name),), tuple(rule.id for rule in rules))


def _profile_is_not_enough(known: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    """MDM-09, where a profile lists the kext and only user management is allowed."""
    return (mdm.MDM_09,) if law.says(mdm.MDM_09) and mdm.listed(known, extension, law) else ()


def _approval_asked(known: Situation, name: str) -> Expected:
    asked = replace(known, pending=known.pending | {name}, lapsed=known.lapsed - {name})
    return Expected(Outcome.APPROVAL_REQUIRED, None, asked)


def _restart_required(known: Situation, extension: Extension, law: Law) -> Prediction:
    if not law.says(KEXT_03):
        return ruled(Outcome.LOADED, _loaded_at_once(known, extension))
    trusted = replace(known, doubtful=known.doubtful - {extension.bundle_id})
    after = replace(trusted, staged=buildable(trusted, law))
    return ruled(Outcome.RESTART_REQUIRED, after, KEXT_03, KEXT_01, KEXT_05, *intel.asks_for_no_mode(law))


def _loaded_at_once(known: Situation, extension: Extension) -> Situation:
    """A Mac that does not wait: what runs is listed among the kexts of the AuxKC, for it has no other place."""
    bundle_id = extension.bundle_id
    return replace(known, loaded=known.loaded | {bundle_id}, aux_kc=known.aux_kc | {bundle_id})


def nothing_is_pending(situation: Situation, action: Approve, law: Law) -> Prediction | None:
    """Approval is offered after a load request that asked for it, not before and not twice (KEXT-02).

    Under a boot policy that allows no kexts the user is sent to recovery instead (KEXT-06), pending or not.
    """
    pending = action.extension in situation.pending
    rules = [KEXT_02] if not pending and law.says(KEXT_02) else []
    if law.says(KEXT_06) and not kexts_allowed(situation.in_force):
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
    rules = (KEXT_08, KEXT_05, *mdm.approved_by_persons(situation, law))
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
    sip = situation.in_force.sip and law.says(signature.SIG_01)
    return frozenset(one for one in chosen if not signature.unfit(by_id[one], sip=sip))


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
