"""What a boot does: the stored boot policy comes into force, and the AuxKC that it allows is loaded."""

from __future__ import annotations

from kextrel.policy.boot import BOOT_01, BOOT_11, BOOT_13, BOOT_14
from kextrel.policy.clauses import approving, fitness, intel, loading, removal, signing, unloading, vouching
from kextrel.policy.copying import replace
from kextrel.policy.kext import (
    KEXT_04,
    KEXT_05,
    KEXT_06,
    KEXT_08,
    KEXT_09,
    KEXT_10,
    KEXT_11,
    KEXT_12,
    KEXT_13,
    KEXT_15,
    KEXT_18,
    KEXT_19,
    KEXT_23,
)
from kextrel.policy.mdm import MDM_02, MDM_14
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Expected, Prediction, either, ruled
from kextrel.policy.signature import SIG_01
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
    rules = _said(law, *((BOOT_01,) if by_button else ()), *((BOOT_14,) if lowered else ()))
    return ruled(Outcome.BOOTED, after, *rules)


def into_safe_mode(situation: Situation, law: Law) -> Prediction:
    """BOOT-13: macOS without the AuxKC, which stays as it is. It is no normal boot: nothing is built in by it."""
    begun = replace(situation, environment=Environment.SAFE_MODE, in_force=situation.stored)
    begun, rules = _after_the_medic(begun, law)
    loaded = _NOTHING if law.says(BOOT_13) else begun.aux_kc
    after = replace(begun, loaded=loaded, pending=_NOTHING, lapsed=begun.lapsed | begun.pending)
    after, kept = removal.outlasts_the_boot(after, law)
    return ruled(Outcome.BOOTED, after, *_said(law, BOOT_13), *_in_force(situation), *rules, *kept)


def into_macos(situation: Situation, outcome: Outcome, law: Law) -> Prediction:
    """A normal boot, by whatever way (BOOT-11, KEXT-04, KEXT-05, KEXT-15)."""
    by_hand = outcome is Outcome.BOOTED and situation.apple_silicon
    rules = [*_said(law, *((BOOT_01,) if by_hand else ())), *_in_force(situation)]
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
    rules = tuple(rule.id for rule in _said(law, KEXT_19, KEXT_12))
    return Prediction(ends, (*rules, *before.rules), open=before.open or new.open)


def _spoilt(old: Expected, new: Expected, law: Law) -> tuple[Expected, ...]:
    """What the two rules exclude: a mix of both, and a Mac that does not come back."""
    mix = replace(new.situation, receipt=old.situation.receipt)
    dead = replace(old.situation, environment=Environment.OFF, loaded=_NOTHING)
    mixed = () if law.says(KEXT_19) else (replace(new, situation=mix),)
    return (*mixed, *(() if law.says(KEXT_12) else (replace(old, situation=dead),)))


def _with_staged(expected: Expected, staged: frozenset[str] | None) -> Expected:
    return replace(expected, situation=replace(expected.situation, staged=staged))


def _said(law: Law, *rules: Rule) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if law.says(rule))


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
    banned = approving.banned_among(begun, _found(begun), law)
    kept, rules = _aux_kc(begun, banned, law)
    remembered = KEXT_15 in rules or begun.rewritten
    after = replace(
        begun,
        aux_kc=kept,
        receipt=kept,
        loaded=kept,
        staged=None,
        built=_versions(begun, kept),
        dropped=begun.dropped | banned,
        told=None,
        pending=_NOTHING,
        lapsed=begun.lapsed | begun.pending,
        rewritten=False,
        forgettable=begun.uakl if remembered else _NOTHING,
    )
    after, gone = removal.booted(after, law)
    booted = ruled(outcome, after, *rules, *gone, unsettled=_unsettled(begun, after))
    return _or_forgotten(booted, law)


def _found(begun: Situation) -> frozenset[str]:
    return begun.aux_kc if begun.staged is None else begun.staged


def _versions(begun: Situation, kept: frozenset[str]) -> dict[str, str]:
    """The version of each kext in the AuxKC: that on the disk, where it was built anew."""
    if begun.staged is None:
        return {one: version for one, version in begun.built.items() if one in kept}
    there = {one: kext.version for one, kext in begun.kexts_on_disk.items()}
    return {one: version for one, version in {**begun.built, **there}.items() if one in kept}


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
    kept = begun.aux_kc if begun.staged is None else begun.staged
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


def _unsettled(begun: Situation, after: Situation) -> frozenset[str]:
    """What the rules are silent about: approvals given before, and what was built of them (KEXT-15); kexts in the AuxKC
    that only remote management would allow, or that it holds since SIP was off (SIG-01 is about going in)."""
    fields = {"uakl"} if after.doubtful else set()
    if begun.apple_silicon and not loading.kexts_allowed(after.in_force):
        return frozenset(fields)
    found = begun.aux_kc | (begun.staged or _NOTHING)
    strangers = signing.unfit_among(begun, found)
    if after.doubtful or after.forgettable or strangers or _only_remote(after, found):
        fields |= {"aux_kc", "receipt", "loaded_kexts"}
    return frozenset(fields)


def _only_remote(after: Situation, found: frozenset[str]) -> bool:
    """Whether kexts that no profile vouches for are in the AuxKC, and only remote management is allowed."""
    remote = after.apple_silicon and not loading.users_allowed(after.in_force)
    return remote and bool(found - after.vouched)


def _aux_kc(begun: Situation, banned: frozenset[str], law: Law) -> tuple[frozenset[str], list[Rule]]:
    """The AuxKC that this boot loads, and the rules that made it so."""
    wanted = _found(begun) - banned
    rules: list[Rule] = [KEXT_10] if banned else []
    if begun.apple_silicon and not loading.kexts_allowed(begun.in_force):
        return _taken_away(begun, wanted, law)
    signed = _well_signed(begun, wanted, law)
    kept, unvouched = intel.starts_unvouched(begun, signed if law.says(KEXT_04) else signed & begun.aux_kc, law)
    kept = _as_signed(begun, kept, law)
    if signed != wanted:
        rules.append(SIG_01)
    if kept - begun.loaded:
        rules.append(KEXT_04)
    if kept - begun.aux_kc:
        rules += [*_let_in_by(begun, kept - begun.aux_kc, law), *_relaxed(begun, kept - begun.aux_kc, law)]
    if kept != begun.aux_kc or (begun.staged and any(map(begun.outdated, begun.kexts_on_disk.values()))):
        rules += [KEXT_05, *_measured(begun, kept, law)]
    if _left_out(begun):
        rules.append(KEXT_08)
    return kept, [*rules, *unloading.gone_at_last(begun, law), *unvouched]


def _as_signed(begun: Situation, kept: frozenset[str], law: Law) -> frozenset[str]:
    """Apple silicon: the AuxKC that LocalPolicy has the hash of, so not an older one (KEXT-11)."""
    older = begun.apple_silicon and bool(begun.aux_kc) and not law.says(KEXT_11)
    return begun.aux_kc if older else kept


def _measured(begun: Situation, kept: frozenset[str], law: Law) -> tuple[Rule, ...]:
    """The rules about a new AuxKC: its hashes, the one before it, what its receipt lists and who reads that."""
    older = (KEXT_11,) if begun.aux_kc else ()
    return _said(law, KEXT_09, *older, *((KEXT_10, KEXT_13) if kept else ()))


def _let_in_by(begun: Situation, fresh: frozenset[str], law: Law) -> tuple[Rule, ...]:
    """A profile (MDM-02) or a person (MDM-01): who may start the restart follows from it."""
    by_profile = fresh & begun.vouched and law.says(MDM_02)
    return (MDM_02,) if by_profile else vouching.approved_by_persons(begun, law)


def _taken_away(begun: Situation, wanted: frozenset[str], law: Law) -> tuple[frozenset[str], list[Rule]]:
    """The policy does not let kexts in: KEXT-15 for those that were in, KEXT-06 for those that asked."""
    rules: list[Rule] = []
    if wanted and not law.says(KEXT_15):
        return wanted, rules
    if wanted:
        rules.append(KEXT_15)
    if law.says(KEXT_06) and begun.discovered & begun.on_disk:
        rules.append(KEXT_06)
    return _NOTHING, rules


def _well_signed(begun: Situation, wanted: frozenset[str], law: Law) -> frozenset[str]:
    """SIG-01 again at the boot: SIP may have been enabled since these were built in. See _unsettled."""
    return wanted - signing.unfit_among(begun, wanted) if law.says(SIG_01) else wanted


def _relaxed(begun: Situation, fresh: frozenset[str], law: Law) -> list[Rule]:
    found: list[Rule] = []
    for extension in begun.extensions.values():
        if extension.bundle_id in fresh:
            found += [rule for rule in signing.relaxed(extension, begun, law) if rule not in found]
    return found


def _left_out(begun: Situation) -> bool:
    """Whether a kext that asked to be loaded was not approved, and so is not considered."""
    asked = {begun.extensions[name].bundle_id for name in begun.discovered & begun.on_disk}
    return bool(asked - begun.uakl)
