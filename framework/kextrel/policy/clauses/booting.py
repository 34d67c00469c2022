"""What a boot does: the stored boot policy comes into force, and the AuxKC that it allows is loaded."""

from __future__ import annotations

from kextrel.policy.boot import BOOT_01, BOOT_11, BOOT_13, BOOT_14
from kextrel.policy.clauses import auxkc, fitness, removal, vouching
from kextrel.policy.copying import replace
from kextrel.policy.kext import (
    KEXT_12,
    KEXT_15,
    KEXT_18,
    KEXT_19,
    KEXT_23,
)
from kextrel.policy.mdm import MDM_14
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, Prediction, either, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Environment, Outcome, SecurityMode

__all__ = ["interrupted", "into_another_system", "into_macos", "into_safe_mode"]

_NOTHING: frozenset[str] = frozenset()


def into_another_system(situation: Situation, into: Environment, law: Law) -> Prediction:
    """A recovery: no third-party kext runs there; what the last normal boot loaded stays on record.

    It runs by a policy of its own, however low that of macOS is (BOOT-14).
    """
    lowered = situation.apple_silicon and situation.stored.mode is not SecurityMode.FULL
    loaded = _NOTHING if law.says(BOOT_14) or not lowered else situation.aux_kc
    after = replace(situation, environment=into, loaded=loaded)
    by_button = into is not Environment.RECOVERYOS
    rules = law.those_said(*((BOOT_01,) if by_button else ()), *((BOOT_14,) if lowered else ()))
    return ruled(Outcome.BOOTED, after, *rules)


def into_safe_mode(situation: Situation, law: Law) -> Prediction:
    """BOOT-13: macOS without the AuxKC, which stays as it is. It is no normal boot: nothing is built in by it."""
    begun = replace(situation, environment=Environment.SAFE_MODE, in_force=situation.stored)
    begun, rules = _after_the_medic(begun, law)
    loaded = _NOTHING if law.says(BOOT_13) else begun.aux_kc
    after = replace(begun, loaded=loaded, pending=_NOTHING, lapsed=begun.lapsed | begun.pending)
    after, kept = removal.outlasts_the_boot(after, law)
    return ruled(Outcome.BOOTED, after, *law.those_said(BOOT_13), *_in_force(situation), *rules, *kept)


def into_macos(situation: Situation, outcome: Outcome, law: Law) -> Prediction:
    """A normal boot, by whatever way (BOOT-11, KEXT-04, KEXT-05, KEXT-15)."""
    by_hand = outcome is Outcome.BOOTED and situation.apple_silicon
    rules = [*law.those_said(*((BOOT_01,) if by_hand else ())), *_in_force(situation)]
    begun = replace(situation, environment=Environment.MACOS, in_force=situation.stored)
    if not situation.has_auxkc:
        return _without_an_auxkc(begun, outcome, rules, law)
    begun, forgotten = _after_the_medic(begun, law)
    begun, ended = _no_longer_approved(begun, law)
    booted = _booted(begun, outcome, law)
    booted = _or_blocked(begun, booted, law)
    booted = replace(booted, rules=(*(rule.id for rule in (*rules, *forgotten, *ended)), *booted.rules))
    return _by_both(situation, booted)


def interrupted(situation: Situation, law: Law) -> Prediction:
    """KEXT-19: power is lost while the AuxKC is built. The Mac comes back with the old one or the new one, and usable
    (KEXT-12). The rule itself names both, so neither is open."""
    new = into_macos(situation, Outcome.RESTARTED, law)
    if situation.staged is None or situation.environment is not Environment.MACOS or not situation.has_auxkc:
        return new
    before = into_macos(replace(situation, staged=None), Outcome.RESTARTED, law)
    if before.outcomes[0].state == new.outcomes[0].state:
        return new
    old = tuple(_with_staged(one, situation.staged) for one in before.outcomes)
    ends = (*_spoilt(old[0], new.outcomes[0], law), *old, *new.outcomes)
    rules = tuple(rule.id for rule in law.those_said(KEXT_19, KEXT_12))
    return Prediction(ends, (*rules, *before.rules), open=before.open or new.open)


def _spoilt(old: Expected, new: Expected, law: Law) -> tuple[Expected, ...]:
    """What the two rules exclude: a mix of both, and a Mac that does not come back."""
    mix = replace(new.situation, receipt=old.situation.receipt)
    dead = replace(old.situation, environment=Environment.OFF, loaded=_NOTHING)
    mixed = () if law.says(KEXT_19) else (replace(new, situation=mix),)
    return (*mixed, *(() if law.says(KEXT_12) else (replace(old, situation=dead),)))


def _with_staged(expected: Expected, staged: frozenset[str] | None) -> Expected:
    return replace(expected, situation=replace(expected.situation, staged=staged))


def _in_force(situation: Situation) -> tuple[Rule, ...]:
    same = situation.in_force is situation.stored or situation.in_force == situation.stored
    return () if same else (BOOT_11,)


def _without_an_auxkc(begun: Situation, outcome: Outcome, rules: list[Rule], law: Law) -> Prediction:
    """Before macOS 11 a boot loads no third-party kext that nobody asks for; what restart consent waited for is over
    (UAK-07)."""
    consent = replace(begun.consent, fresh=frozenset())
    after, gone = removal.booted(replace(begun, loaded=_NOTHING, built={}, told=None, consent=consent), law)
    return ruled(outcome, after, *rules, *gone)


def _after_the_medic(begun: Situation, law: Law) -> tuple[Situation, tuple[Rule, ...]]:
    """KEXT-18: the AuxKC and every approval are gone."""
    if not begun.medic:
        return begun, ()
    if not law.says(KEXT_18):
        return replace(begun, medic=False), ()
    forgotten = replace(begun, uakl=_NOTHING, vouched=_NOTHING, consented=_NOTHING, doubtful=_NOTHING, vetted={})
    emptied = replace(forgotten, aux_kc=_NOTHING, receipt=_NOTHING, staged=None, built={}, dropped=_NOTHING)
    return replace(emptied, medic=False, pending=_NOTHING, lapsed=_NOTHING), (KEXT_18,)


def _booted(begun: Situation, outcome: Outcome, law: Law) -> Prediction:
    """The AuxKC that is found is loaded, as far as the policy in force and the rules for kexts let it."""
    banned = auxkc.banned_among(begun, auxkc.found_by(begun), law)
    kept, rules = auxkc.let_run(begun, banned, law)
    remembered = KEXT_15 in rules or begun.rewritten
    after = replace(
        begun,
        aux_kc=kept,
        receipt=kept,
        loaded=kept,
        staged=None,
        built=auxkc.versions(begun, kept),
        dropped=begun.dropped | banned,
        told=None,
        pending=_NOTHING,
        lapsed=begun.lapsed | begun.pending,
        rewritten=False,
        forgettable=begun.uakl if remembered else _NOTHING,
    )
    after, gone = removal.booted(after, law)
    booted = ruled(outcome, after, *rules, *gone, unsettled=auxkc.unsettled(begun, after))
    return _or_forgotten(booted, law)


def _or_forgotten(booted: Prediction, law: Law) -> Prediction:
    """KEXT-15 is open about approvals given before: remembered, or not."""
    (kept,) = booted.outcomes
    after = kept.situation
    if not after.forgettable or not law.says(KEXT_15):
        return booted
    forgotten = replace(after, uakl=_NOTHING, vouched=_NOTHING, consented=_NOTHING, forgettable=_NOTHING, vetted={})
    emptied = replace(forgotten, aux_kc=_NOTHING, receipt=_NOTHING, loaded=_NOTHING, built={})
    return either(booted, Prediction((replace(kept, situation=emptied),), (KEXT_15.id,)))


def _or_blocked(begun: Situation, booted: Prediction, law: Law) -> Prediction:
    """KEXT-23 is open about a rebuild that meets a bad or unapproved kext: it is left out, or all stay as they were."""
    built = booted.outcomes[0].situation.aux_kc != begun.aux_kc
    if begun.staged is None or not built or not law.says(KEXT_23) or not _spoilers(begun, law):
        return booted
    stopped = _booted(replace(begun, staged=None), booted.outcomes[0].outcome, law)
    stopped = replace(stopped, outcomes=tuple(_with_staged(one, begun.staged) for one in stopped.outcomes))
    return either(booted, replace(stopped, rules=(KEXT_23.id,)))


def _spoilers(begun: Situation, law: Law) -> frozenset[str]:
    """Kexts that somebody asked for and that are bad or not approved; never a banned one."""
    kexts = begun.kexts_on_disk
    asked = (begun.extensions[name].bundle_id for name in begun.discovered & begun.on_disk)
    return frozenset(
        one
        for one in asked
        if not kexts[one].banned and (one not in begun.uakl or fitness.keeps_out(begun, kexts[one], law))
    )


def _by_both(before: Situation, booted: Prediction) -> Prediction:
    """MDM-14 is open about an approval that the user also gave: it stays, or goes with the profile's."""
    if not before.vouched:
        return booted
    kept = booted.outcomes[0]
    after = kept.situation
    both = (before.vouched - after.vouched) & before.consented & after.uakl
    if not both:
        return booted
    other = replace(after, uakl=after.uakl - both, consented=after.consented - both, doubtful=after.doubtful - both)
    other = replace(other, aux_kc=after.aux_kc - both, receipt=after.receipt - both, loaded=after.loaded - both)
    return either(booted, Prediction((replace(kept, situation=other),), ()))


def _no_longer_approved(begun: Situation, law: Law) -> tuple[Situation, list[Rule]]:
    """MDM-14: approvals that only a profile gave end with the boot after it was removed."""
    stale = _stale(begun, law)
    if not stale or not law.says(MDM_14):
        return begun, []
    kept = auxkc.found_by(begun)
    ended = stale - begun.consented
    after = replace(begun, uakl=begun.uakl - ended, staged=kept - ended)
    return replace(after, vouched=begun.vouched - stale), [MDM_14]


def _stale(situation: Situation, law: Law) -> frozenset[str]:
    """The kexts in the UAKL because of a profile that is not there any more."""
    if not situation.vouched:
        return _NOTHING
    known = {one.bundle_id: one for one in situation.extensions.values()}
    return frozenset(
        one
        for one in situation.vouched & known.keys()
        if not (vouching.managed(situation) and vouching.listed(situation, known[one], law))
    )
