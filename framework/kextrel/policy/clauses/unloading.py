"""What lies on the disk and what runs: put there, replaced, removed, unloaded (KEXT-16, KEXT-17)."""

from __future__ import annotations

from kextrel.policy.copying import replace
from kextrel.policy.kext import KEXT_16, KEXT_17
from kextrel.policy.rule import HIGH_SIERRA, Law, Rule
from kextrel.policy.ruling import Expected, Prediction, refused, ruled
from kextrel.policy.situation import Consent, Situation
from kextrel.vocabulary import Outcome, Reason
from kextrel.vocabulary.actions import Install, Remove, Replace, Unload

__all__ = ["gone_at_last", "loaded_again", "put_on_disk", "removed_from_disk", "replaced_on_disk", "unloaded"]


def unloaded(situation: Situation, action: Unload, law: Law) -> Prediction:
    """KEXT-16: out of the kernel, still in the AuxKC. What the kernel does not have, kmutil does not find."""
    bundle_id = situation.extensions[action.extension].bundle_id
    if bundle_id not in situation.loaded:
        return refused(Reason.NOT_INSTALLED, situation)
    after = replace(situation, loaded=situation.loaded - {bundle_id})
    if law.says(KEXT_16):
        return ruled(Outcome.UNLOADED, after, KEXT_16)
    if not situation.has_auxkc:
        return ruled(Outcome.UNLOADED, after)
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
    name, bundle_id = frozenset({action.extension}), situation.extensions[action.extension].bundle_id
    after = _anew(situation, name)
    after = replace(after, on_disk=situation.on_disk - name, discovered=situation.discovered - name)
    after = replace(after, consent=_granted_once(after, name))
    if bundle_id not in situation.aux_kc:
        return ruled(Outcome.DONE, after)
    if law.says(KEXT_17):
        return ruled(Outcome.DONE, after, KEXT_17)
    gone = frozenset({bundle_id})
    return ruled(
        Outcome.DONE,
        replace(after, aux_kc=after.aux_kc - gone, receipt=after.receipt - gone, loaded=after.loaded - gone),
    )


def _granted_once(after: Situation, name: frozenset[str]) -> Consent:
    """UAK-02 is about what lies there since 10.12; that it did so once is remembered from 10.13 on."""
    consent = after.consent
    granted = consent.granted | (consent.old & name) if after.mac.macos >= HIGH_SIERRA else consent.granted
    return replace(consent, old=consent.old - name, granted=granted)


def put_on_disk(situation: Situation, action: Install, law: Law) -> Prediction:
    """The bundle lies there, and has done so since 10.12 if that is what runs (UAK-02)."""
    name = frozenset({action.extension})
    after = replace(situation, on_disk=situation.on_disk | name)
    if situation.mac.macos < HIGH_SIERRA:
        after = replace(after, consent=replace(after.consent, old=after.consent.old | name))
    return ruled(Outcome.DONE, after)


def replaced_on_disk(situation: Situation, action: Replace, law: Law) -> Prediction:
    """Another version of the bundle. What runs is what was built; the Mac sees the new one when it is asked for."""
    extension = situation.extensions[action.extension]
    after = _anew(situation, frozenset({action.extension}))
    return ruled(Outcome.DONE, after.knowing(replace(extension, version=action.version)))


def _anew(situation: Situation, names: frozenset[str]) -> Situation:
    """No bundle that a rebuild dropped lies there any more."""
    return replace(situation, dropped=situation.dropped - {situation.extensions[name].bundle_id for name in names})


def gone_at_last(begun: Situation, law: Law) -> tuple[Rule, ...]:
    """KEXT-17 at a boot: it decides about a kext of the AuxKC that does not lie on the disk any more."""
    absent = begun.aux_kc and begun.aux_kc - begun.kexts_on_disk.keys()
    return (KEXT_17,) if absent and law.says(KEXT_17) else ()
