"""RestartDevice, an MDM's restart: with and without RebuildKernelCache, KextPaths and NotifyUser; and the restarts of a
Mac that such a command waits on."""

from __future__ import annotations

from kextrel.policy.clauses import auxkc, booting, fitness, vouching
from kextrel.policy.copying import replace
from kextrel.policy.mdm import MDM_01, MDM_02, MDM_03, MDM_04, MDM_05, MDM_06, MDM_09, MDM_10, MDM_16
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, Prediction, either, refused, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import (
    Enrollment,
    Environment,
    Extension,
    ExtensionKind,
    KextManagement,
    Outcome,
    Reason,
    SecurityMode,
    Version,
)
from kextrel.vocabulary.actions import Boot, PowerCut, Restart

__all__ = ["booted_by_somebody", "needs_an_mdm", "notified", "queued_in_recovery", "restarted_by_mdm"]

_TELLS_THE_USER = Version.parse("11.3")
_WATCHED = "/Library/Extensions"
_KEXTS = frozenset({"uakl", "aux_kc", "receipt", "loaded_kexts"})


def needs_an_mdm(situation: Situation, action: Restart, law: Law) -> Prediction | None:
    """MDM-01 and MDM-06: without an MDM that manages the device there is no restart by it, whatever the version."""
    if action.by == "user" or vouching.managed(situation):
        return None
    rule = MDM_06 if situation.mac.enrollment is Enrollment.USER else MDM_01
    if not rule.holds_for(situation.mac):
        return refused(Reason.ENROLLMENT, situation)
    return refused(Reason.ENROLLMENT, situation, rule) if law.says(rule) else None


def queued_in_recovery(situation: Situation, action: Restart, law: Law) -> Prediction | None:
    """MDM-16: the command waits at the server until the Mac is back in macOS."""
    if action.by == "user" or situation.environment in (Environment.MACOS, Environment.SAFE_MODE):
        return None
    kept = (*situation.queued, action) if law.says(MDM_16) else situation.queued
    return ruled(Outcome.DEFERRED, replace(situation, queued=kept), MDM_16)


def notified(situation: Situation, action: Restart, law: Law) -> Prediction | None:
    """MDM-05: with somebody logged in the restart is the user's to make. Left out, the rule is turned round."""
    if action.by == "user" or not action.notify_user:
        return None
    waits = situation.mac.macos >= _TELLS_THE_USER and situation.mac.logged_in
    if waits is not law.says(MDM_05):
        return None
    return ruled(Outcome.DEFERRED, replace(situation, told=action), MDM_05)


def restarted_by_mdm(situation: Situation, action: Restart, law: Law) -> Prediction | None:
    """The restart itself: what goes into the AuxKC first, if RebuildKernelCache asks for it (MDM-02, -03, -04, -10)."""
    if action.by == "user":
        return None
    told = (MDM_05,) if action.notify_user and law.says(MDM_05) else ()
    plain = not action.rebuild_kernel_cache and (law.says(MDM_04) or not action.kext_paths)
    if plain or not situation.has_auxkc:
        ignored = (MDM_04,) if action.kext_paths and situation.has_auxkc else ()
        return _and_rules(booting.into_macos(situation, Outcome.RESTARTED, law), *told, *ignored)
    return _and_rules(_rebuilding(situation, action, law), *told)


def _rebuilding(situation: Situation, action: Restart, law: Law) -> Prediction:
    """Without KextPaths only what was discovered; a kext that only lies where kernelmanagerd watches is open."""
    named, lying = _named(situation, action, law), _lying(situation, law)
    only = _rebuilt(situation, named, law)
    unnamed = lying - named
    if not unnamed:
        return only
    there = frozenset(name for name in unnamed if situation.extensions[name].path == _WATCHED)
    if not law.says(MDM_04):
        return _rebuilt(situation, named | unnamed, law)
    only = _and_rules(only, MDM_04)
    return either(only, _rebuilt(situation, named | there, law)) if there else only


def _named(situation: Situation, action: Restart, law: Law) -> frozenset[str]:
    """What KextPaths adds. Without MDM-04 it adds nothing."""
    return frozenset(action.kext_paths) & situation.on_disk if law.says(MDM_04) else frozenset()


def _lying(situation: Situation, law: Law) -> frozenset[str]:
    """Kexts on the disk that were never discovered and that a profile would let in."""
    if not situation.profiles:
        return frozenset()
    return frozenset(
        name
        for name in situation.on_disk - situation.discovered
        if _lets_in(situation, situation.extensions[name], law)
    )


def _lets_in(situation: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    is_kext = extension.kind is ExtensionKind.KEXT
    return vouching.lets_in(situation, extension, law) if is_kext else ()


def _rebuilt(situation: Situation, named: frozenset[str], law: Law) -> Prediction:
    known = replace(situation, discovered=situation.discovered | named)
    reasons: list[Rule] = []
    for name in sorted(known.discovered & known.on_disk):
        known, rules = _considered(known, known.extensions[name], law)
        reasons += rules
    if named:
        reasons.append(MDM_04)
    before = booting.into_macos(replace(known, staged=auxkc.buildable(known, law)), Outcome.RESTARTED, law)
    if not law.says(MDM_02):  # then nothing is said of whether a profile's kext is in the UAKL all the same
        before = _but_unsettled(before, frozenset({"uakl"}))
    return _and_rules(before, *reasons, first=True)


def _considered(known: Situation, extension: Extension, law: Law) -> tuple[Situation, tuple[Rule, ...]]:
    """One discovered kext: let in by a profile, approved by a person, or left out (MDM-03)."""
    bundle = {extension.bundle_id}
    enough = _lets_in(known, extension, law)
    if enough:
        unfit = fitness.keeps_out(known, extension, law)
        if unfit:
            return known, unfit
        vouched = replace(known, uakl=known.uakl | bundle, vouched=known.vouched | bundle)
        return _as_lowered(vouched, enough, law)
    if extension.bundle_id in known.uakl:
        return known, ()
    if not law.says(MDM_03):
        return replace(known, uakl=known.uakl | bundle), ()
    listed = vouching.listed(known, extension, law)
    return known, (MDM_09,) if listed and law.says(MDM_09) else (MDM_03,)


def _as_lowered(vouched: Situation, enough: tuple[Rule, ...], law: Law) -> tuple[Situation, tuple[Rule, ...]]:
    """MDM-10, first of the rules where it is needed: without it the kext is approved and the boot policy stays."""
    if MDM_10 not in enough:
        return vouched, enough
    rules = (MDM_10, *enough)
    return (_lowered(vouched), rules) if law.says(MDM_10) else (vouched, rules)


def _lowered(situation: Situation) -> Situation:
    """Reduced with remote management; a policy that is lower already stays and allows it too."""
    before = situation.stored
    mode = SecurityMode.REDUCED if before.mode is SecurityMode.FULL else before.mode
    management = before.management | {KextManagement.REMOTE}
    return replace(situation, stored=replace(before, mode=mode, management=management))


def booted_by_somebody(situation: Situation, action: Restart | PowerCut | Boot, law: Law) -> Prediction:
    """Any boot into macOS that no MDM started; then the commands that waited for it (MDM-16)."""
    outcome = Outcome.BOOTED if isinstance(action, Boot) else Outcome.RESTARTED
    booted = _user_restart(situation, outcome, law)
    return _queue_carried_out(booted, law) if situation.queued else booted


def _user_restart(situation: Situation, outcome: Outcome, law: Law) -> Prediction:
    """A restart by the user. Where the MDM was to make it (MDM-10), what comes of it is open."""
    plain = booting.into_macos(situation, outcome, law)
    if situation.told is not None:
        kept = replace(situation.told, notify_user=False)
        rebuilds = kept.rebuild_kernel_cache and situation.has_auxkc
        done = _with_outcome(_rebuilding(situation, kept, law), outcome) if rebuilds else plain
        waited = _waits_for_mdm(situation, law)
        return _and_rules(either(done, plain) if waited else _doubted(done, plain), MDM_05)
    if not _waits_for_mdm(situation, law):
        return _unsure_of_what_lies_there(situation, plain, law)
    return either(plain, _with_outcome(_rebuilt(situation, frozenset(), law), outcome))


def _waits_for_mdm(situation: Situation, law: Law) -> bool:
    """Whether a kext was asked for that only the MDM itself can let in (MDM-10)."""
    if not vouching.lowers_itself(situation) or not law.says(MDM_10):
        return False
    names = situation.discovered & situation.on_disk
    return any(MDM_10 in _lets_in(situation, situation.extensions[name], law) for name in names)


def _unsure_of_what_lies_there(situation: Situation, plain: Prediction, law: Law) -> Prediction:
    """Whether kernelmanagerd discovers by itself what lies in /Library/Extensions is open."""
    there = (name for name in _lying(situation, law) if situation.extensions[name].path == _WATCHED)
    return _but_unsettled(plain, _KEXTS) if any(there) else plain


def _queue_carried_out(booted: Prediction, law: Law) -> Prediction:
    """The queued restarts, one after the other; when they come after the boot is not said, so neither is the state."""
    first = booted.outcomes[0]
    after = replace(first.situation, queued=())
    rules: tuple[str, ...] = ()
    for command in first.situation.queued:
        next_ = notified(after, command, law) or restarted_by_mdm(after, command, law)
        assert next_ is not None, "a queued command is the MDM's"
        after, rules = next_.outcomes[0].situation, (*rules, *next_.rules)
    end = Prediction((Expected(first.outcome, None, after, first.unsettled),), booted.rules)
    told = _doubted(end, replace(booted, outcomes=(first,)))
    return replace(told, rules=(*told.rules, MDM_16.id, *rules))


def _doubted(likely: Prediction, other: Prediction) -> Prediction:
    """The likely one, sure only of what the other says too."""
    one, two = likely.outcomes[0].state, other.outcomes[0].state
    differing = frozenset(name for name in one.__dataclass_fields__ if getattr(one, name) != getattr(two, name))
    return _but_unsettled(likely, differing)


def _but_unsettled(prediction: Prediction, fields: frozenset[str]) -> Prediction:
    outcomes = tuple(replace(one, unsettled=one.unsettled | fields) for one in prediction.outcomes)
    return replace(prediction, outcomes=outcomes)


def _with_outcome(prediction: Prediction, outcome: Outcome) -> Prediction:
    return replace(prediction, outcomes=tuple(replace(one, outcome=outcome) for one in prediction.outcomes))


def _and_rules(prediction: Prediction, *rules: Rule, first: bool = False) -> Prediction:
    more = tuple(rule.id for rule in rules)
    return replace(prediction, rules=(*more, *prediction.rules) if first else (*prediction.rules, *more))
