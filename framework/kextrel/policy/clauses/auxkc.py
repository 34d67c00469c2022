"""The AuxKC on macOS 11 and later: what a rebuild puts into it, and what a boot finds there and lets run (KEXT)."""

from __future__ import annotations

from kextrel.policy.clauses import fitness, intel, signing, unloading, vouching
from kextrel.policy.copying import replace
from kextrel.policy.kext import (
    KEXT_04,
    KEXT_05,
    KEXT_06,
    KEXT_08,
    KEXT_09,
    KEXT_10,
    KEXT_11,
    KEXT_13,
    KEXT_15,
)
from kextrel.policy.mdm import MDM_02
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Prediction, ruled
from kextrel.policy.signature import SIG_01
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Outcome
from kextrel.vocabulary.actions import Rebuild

__all__ = ["banned_among", "buildable", "found_by", "let_run", "rebuilt", "unsettled", "versions"]

_NOTHING: frozenset[str] = frozenset()


def buildable(situation: Situation, law: Law) -> frozenset[str]:
    """The kexts that a rebuild puts into the AuxKC: on disk, in the UAKL (KEXT-08), fit for it, not known as banned."""
    approved = situation.uakl - situation.doubtful
    return frozenset(
        one
        for one, kext in situation.kexts_on_disk.items()
        if (one in approved or not law.says(KEXT_08))
        and one not in situation.dropped
        and not fitness.keeps_out(situation, kext, law)
    )


def banned_among(situation: Situation, found: frozenset[str], law: Law) -> frozenset[str]:
    """KEXT-10: those that a rebuild drops."""
    banned = found & {one.bundle_id for one in situation.extensions.values() if one.banned}
    return frozenset(banned & situation.kexts_on_disk.keys()) if banned and law.says(KEXT_10) else frozenset()


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
    banned = banned_among(situation, wanted, law)
    kexts = situation.kexts_on_disk
    unchanged = ruled(Outcome.UNCHANGED, replace(situation, staged=None), KEXT_08)
    after = replace(situation, staged=wanted - banned, dropped=situation.dropped | banned)
    changed = ruled(Outcome.RESTART_REQUIRED, after, KEXT_08, KEXT_05, *((KEXT_10,) if banned else ()))
    if any(situation.outdated(kexts[one]) for one in wanted) or wanted - banned != situation.aux_kc:
        return changed
    likely, other = (unchanged, changed) if wanted == situation.aux_kc else (changed, unchanged)
    return _whatever_it_says_of_the_banned(likely, other, banned)


def _whatever_it_says_of_the_banned(likely: Prediction, other: Prediction, banned: frozenset[str]) -> Prediction:
    """Where the approved kexts differ from the AuxKC only in a banned one, kmutil may count that one or not, each time:
    the rules say what is built (KEXT-10), not that."""
    situation = likely.outcomes[0].situation
    approved = situation.uakl & situation.dropped & situation.kexts_on_disk.keys()
    if not banned and not approved:
        return likely
    (answer,) = other.outcomes
    known = replace(situation, staged=answer.situation.staged, dropped=situation.dropped | banned)
    return replace(likely, outcomes=(*likely.outcomes, replace(answer, situation=known)))


def found_by(begun: Situation) -> frozenset[str]:
    """The AuxKC that this boot finds: what was staged for it, else the one before."""
    return begun.aux_kc if begun.staged is None else begun.staged


def versions(begun: Situation, kept: frozenset[str]) -> dict[str, str]:
    """The version of each kext in the AuxKC: that on the disk, where it was built anew."""
    if begun.staged is None:
        return {one: version for one, version in begun.built.items() if one in kept}
    there = {one: kext.version for one, kext in begun.kexts_on_disk.items()}
    return {one: version for one, version in {**begun.built, **there}.items() if one in kept}


def let_run(begun: Situation, banned: frozenset[str], law: Law) -> tuple[frozenset[str], list[Rule]]:
    """The AuxKC that this boot loads, and the rules that made it so."""
    wanted = found_by(begun) - banned
    rules: list[Rule] = [KEXT_10] if banned else []
    if begun.apple_silicon and not begun.in_force.lets_kexts_in:
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
    return law.those_said(KEXT_09, *older, *((KEXT_10, KEXT_13) if kept else ()))


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
    """SIG-01 again at the boot: SIP may have been enabled since these were built in. See `unsettled`."""
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


def unsettled(begun: Situation, after: Situation) -> frozenset[str]:
    """What the rules are silent about: approvals given before, and what was built of them (KEXT-15); kexts in the AuxKC
    that only remote management would allow, or that it holds since SIP was off (SIG-01 is about going in)."""
    fields = {"uakl"} if after.doubtful else set()
    if begun.apple_silicon and not after.in_force.lets_kexts_in:
        return frozenset(fields)
    found = begun.aux_kc | (begun.staged or _NOTHING)
    strangers = signing.unfit_among(begun, found)
    if after.doubtful or after.forgettable or strangers or _only_remote(after, found):
        fields |= {"aux_kc", "receipt", "loaded_kexts"}
    return frozenset(fields)


def _only_remote(after: Situation, found: frozenset[str]) -> bool:
    """Whether kexts that no profile vouches for are in the AuxKC, and only remote management is allowed."""
    remote = after.apple_silicon and not after.in_force.lets_users_in
    return remote and bool(found - after.vouched)
