"""KEXT-16 and KEXT-17: what takes a kext out of the kernel, or its bundle off the disk, and leaves it in the AuxKC."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy.kext import KEXT_16, KEXT_17
from kextrel.policy.rule import BIG_SUR, Law, Rule
from kextrel.policy.ruling import Expected, NotModelled, Prediction, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Outcome
from kextrel.vocabulary.actions import Remove, Unload

__all__ = ["gone_at_last", "loaded_again", "removed_from_disk", "unloaded"]


def unloaded(situation: Situation, action: Unload, law: Law) -> Prediction:
    """KEXT-16: out of the kernel, still in the AuxKC."""
    bundle_id = situation.extensions[action.extension].bundle_id
    if bundle_id not in situation.loaded:
        raise NotModelled("unloading a kext that is not loaded")
    after = replace(situation, loaded=situation.loaded - {bundle_id})
    if law.says(KEXT_16):
        return ruled(Outcome.UNLOADED, after, KEXT_16)
    gone = replace(after, aux_kc=after.aux_kc - {bundle_id}, receipt=after.receipt - {bundle_id})
    taken = (Expected(Outcome.UNLOADED, None, gone), Expected(Outcome.REFUSED, None, situation))
    return Prediction(taken, ())


def loaded_again(situation: Situation, bundle_id: str, also: Rule, law: Law) -> Prediction:
    """KEXT-16 too: what is in the AuxKC and was unloaded needs no restart."""
    if not law.says(KEXT_16):
        return ruled(Outcome.RESTART_REQUIRED, situation)
    return ruled(Outcome.LOADED, replace(situation, loaded=situation.loaded | {bundle_id}), KEXT_16, also)


def removed_from_disk(situation: Situation, action: Remove, law: Law) -> Prediction:
    """The bundle goes. KEXT-17: the AuxKC that runs does not change by that."""
    name, bundle_id = {action.extension}, situation.extensions[action.extension].bundle_id
    after = replace(situation, on_disk=situation.on_disk - name, discovered=situation.discovered - name)
    after = replace(after, pending=after.pending - name, lapsed=after.lapsed | after.pending & name)
    if bundle_id not in situation.aux_kc or situation.mac.macos < BIG_SUR:
        return ruled(Outcome.DONE, after)
    if law.says(KEXT_17):
        return ruled(Outcome.DONE, after, KEXT_17)
    gone = frozenset({bundle_id})
    return ruled(
        Outcome.DONE,
        replace(after, aux_kc=after.aux_kc - gone, receipt=after.receipt - gone, loaded=after.loaded - gone),
    )


def gone_at_last(begun: Situation, law: Law) -> tuple[Rule, ...]:
    """KEXT-17 at a boot: it decides about a kext of the AuxKC that does not lie on the disk any more."""
    absent = begun.aux_kc - begun.kexts_on_disk
    return (KEXT_17,) if absent and law.says(KEXT_17) else ()
