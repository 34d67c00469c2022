"""What a boot does: the stored boot policy comes into force, and the AuxKC that it allows is loaded."""

from __future__ import annotations

from dataclasses import replace

from kextrel.policy import boot, kext, signature
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Prediction, ruled
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Environment, Outcome

__all__ = ["into_another_system", "into_macos"]

_NOTHING: frozenset[str] = frozenset()


def into_another_system(situation: Situation, into: Environment, law: Law) -> Prediction:
    """A recovery: no third-party kext runs there; what the last normal boot loaded stays on record."""
    after = replace(situation, environment=into, loaded=_NOTHING)
    by_button = into is not Environment.RECOVERYOS and law.says(boot.BOOT_01)
    return ruled(Outcome.BOOTED, after, *([boot.BOOT_01] if by_button else []))


def into_macos(situation: Situation, outcome: Outcome, law: Law) -> Prediction:
    """A normal boot, by whatever way (BOOT-11, KEXT-04, KEXT-05, KEXT-15)."""
    rules = [boot.BOOT_01] if outcome is Outcome.BOOTED and law.says(boot.BOOT_01) else []
    begun = replace(situation, environment=Environment.MACOS, in_force=situation.stored)
    if situation.in_force != situation.stored:
        rules.append(boot.BOOT_11)
    kept, reasons = _aux_kc(begun, law)
    rules += reasons
    after = replace(begun, aux_kc=kept, receipt=kept, loaded=kept, staged=None)
    after = replace(after, pending=frozenset(), lapsed=begun.lapsed | begun.pending)
    if kext.KEXT_15 in reasons or begun.rewritten:
        after = replace(after, doubtful=situation.uakl)
    return ruled(outcome, replace(after, rewritten=False), *rules, unsettled=_unsettled(begun, after))


def _unsettled(begun: Situation, after: Situation) -> frozenset[str]:
    """What the rules are silent about: approvals given before, and what was built of them (KEXT-15); kexts in the AuxKC
    that only remote management would allow, or that it holds since SIP was off (SIG-01 is about going in)."""
    fields = {"uakl"} if after.doubtful else set()
    if not kext.kexts_allowed(after.in_force):
        return frozenset(fields)
    found = begun.aux_kc | (begun.staged or _NOTHING)
    strangers = signature.unfit_among(begun, found)
    if after.doubtful or strangers or (found and not kext.users_allowed(after.in_force)):
        fields |= {"aux_kc", "receipt", "loaded_kexts"}
    return frozenset(fields)


def _aux_kc(begun: Situation, law: Law) -> tuple[frozenset[str], list[Rule]]:
    """The AuxKC that this boot loads, and the rules that made it so."""
    wanted = begun.aux_kc if begun.staged is None else begun.staged
    rules: list[Rule] = []
    if begun.apple_silicon and not kext.kexts_allowed(begun.in_force):
        return _taken_away(begun, wanted, law)
    kept = _well_signed(begun, wanted, law)
    if kept != wanted:
        rules.append(signature.SIG_01)
    if kept - begun.aux_kc:
        rules.append(kext.KEXT_04)
        rules += _relaxed(begun, kept - begun.aux_kc, law)
    if kept != begun.aux_kc:
        rules.append(kext.KEXT_05)
    if _left_out(begun):
        rules.append(kext.KEXT_08)
    return kept, rules


def _taken_away(begun: Situation, wanted: frozenset[str], law: Law) -> tuple[frozenset[str], list[Rule]]:
    """The policy does not let kexts in: KEXT-15 for those that were in, KEXT-06 for those that asked."""
    rules: list[Rule] = []
    if wanted and not law.says(kext.KEXT_15):
        return wanted, rules
    if wanted:
        rules.append(kext.KEXT_15)
    if law.says(kext.KEXT_06) and begun.discovered & begun.on_disk:
        rules.append(kext.KEXT_06)
    return _NOTHING, rules


def _well_signed(begun: Situation, wanted: frozenset[str], law: Law) -> frozenset[str]:
    """SIG-01 again at the boot: SIP may have been enabled since these were built in. See _unsettled."""
    return wanted - signature.unfit_among(begun, wanted) if law.says(signature.SIG_01) else wanted


def _relaxed(begun: Situation, fresh: frozenset[str], law: Law) -> list[Rule]:
    found: list[Rule] = []
    for extension in begun.extensions.values():
        if extension.bundle_id in fresh:
            found += [rule for rule in signature.relaxed(extension, begun, law) if rule not in found]
    return found


def _left_out(begun: Situation) -> bool:
    """Whether a kext that asked to be loaded was not approved, and so is not considered."""
    asked = {begun.extensions[name].bundle_id for name in begun.discovered & begun.on_disk}
    return bool(asked - begun.uakl)
