"""What a boot does: the stored boot policy comes into force, and the AuxKC that it allows is loaded."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy.boot import BOOT_01, BOOT_11
from kextrel.policy.clauses import intel, loading, removal, signing, unloading, vouching
from kextrel.policy.kext import KEXT_04, KEXT_05, KEXT_06, KEXT_08, KEXT_15
from kextrel.policy.mdm import MDM_02, MDM_14
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Prediction, ruled
from kextrel.policy.signature import SIG_01
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Environment, Outcome

__all__ = ["into_another_system", "into_macos"]

_NOTHING: frozenset[str] = frozenset()


def into_another_system(situation: Situation, into: Environment, law: Law) -> Prediction:
    """A recovery: no third-party kext runs there; what the last normal boot loaded stays on record."""
    after = replace(situation, environment=into, loaded=_NOTHING)
    by_button = into is not Environment.RECOVERYOS and law.says(BOOT_01)
    return ruled(Outcome.BOOTED, after, *([BOOT_01] if by_button else []))


def into_macos(situation: Situation, outcome: Outcome, law: Law) -> Prediction:
    """A normal boot, by whatever way (BOOT-11, KEXT-04, KEXT-05, KEXT-15)."""
    rules = [BOOT_01] if outcome is Outcome.BOOTED and law.says(BOOT_01) else []
    begun = replace(situation, environment=Environment.MACOS, in_force=situation.stored)
    if situation.in_force != situation.stored:
        rules.append(BOOT_11)
    begun, dropped = _no_longer_approved(begun, law)
    kept, reasons = _aux_kc(begun, law)
    rules += [*dropped, *reasons]
    after = replace(begun, aux_kc=kept, receipt=kept, loaded=kept, staged=None)
    after = replace(after, pending=frozenset(), lapsed=begun.lapsed | begun.pending, told=None)
    if KEXT_15 in reasons or begun.rewritten:
        after = replace(after, doubtful=situation.uakl)
    after, gone = removal.booted(after, law)
    unsettled = _unsettled(begun, after)
    after = replace(after, rewritten=False)
    return _by_both(situation, ruled(outcome, after, *rules, *gone, unsettled=unsettled))


def _by_both(before: Situation, booted: Prediction) -> Prediction:
    """MDM-14 is open about an approval that the user also gave: it stays, or goes with the profile's."""
    (kept,) = booted.outcomes
    after = kept.situation
    both = (before.vouched - after.vouched) & before.consented
    if not both:
        return booted
    other = replace(after, uakl=after.uakl - both, consented=after.consented - both, doubtful=after.doubtful - both)
    other = replace(other, aux_kc=after.aux_kc - both, receipt=after.receipt - both, loaded=after.loaded - both)
    return replace(booted, outcomes=(kept, replace(kept, situation=other)), open=True)


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
    if after.doubtful or strangers or _only_remote(after, found):
        fields |= {"aux_kc", "receipt", "loaded_kexts"}
    return frozenset(fields)


def _only_remote(after: Situation, found: frozenset[str]) -> bool:
    """Whether kexts that no profile vouches for are in the AuxKC, and only remote management is allowed."""
    remote = after.apple_silicon and not loading.users_allowed(after.in_force)
    return remote and bool(found - after.vouched)


def _aux_kc(begun: Situation, law: Law) -> tuple[frozenset[str], list[Rule]]:
    """The AuxKC that this boot loads, and the rules that made it so."""
    wanted = begun.aux_kc if begun.staged is None else begun.staged
    rules: list[Rule] = []
    if begun.apple_silicon and not loading.kexts_allowed(begun.in_force):
        return _taken_away(begun, wanted, law)
    signed = _well_signed(begun, wanted, law)
    kept, unvouched = intel.starts_unvouched(begun, signed if law.says(KEXT_04) else signed & begun.aux_kc, law)
    if signed != wanted:
        rules.append(SIG_01)
    if kept - begun.loaded:
        rules.append(KEXT_04)
    if kept - begun.aux_kc:
        rules += [*_let_in_by(begun, kept - begun.aux_kc, law), *_relaxed(begun, kept - begun.aux_kc, law)]
    if kept != begun.aux_kc:
        rules.append(KEXT_05)
    if _left_out(begun):
        rules.append(KEXT_08)
    return kept, [*rules, *unloading.gone_at_last(begun, law), *unvouched]


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
