"""Whether a kext itself is fit to be loaded, whoever asks: its slices, signature, notarization and interfaces."""

from __future__ import annotations

from kextrel.policy.clauses import interfaces, signing, vouching
from kextrel.policy.copying import replace
from kextrel.policy.kext import KEXT_21
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Prediction, refused
from kextrel.policy.signature import SIG_01, SIG_04
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Architecture, Extension, Reason
from kextrel.vocabulary.actions import Load

__all__ = ["asked_for", "keeps_out", "may_be_spared", "must_be_notarized", "must_be_supported", "must_have_a_slice"]

_SLICES = {Architecture.APPLE_SILICON: "arm64e", Architecture.INTEL: "x86_64", Architecture.INTEL_T2: "x86_64"}


def asked_for(situation: Situation, name: str) -> Situation:
    """A load was asked for, and whatever the answer, the kext is discovered by it."""
    return replace(situation, discovered=situation.discovered | {name})


def must_have_a_slice(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """KEXT-21."""
    if not law.says(KEXT_21) or _has_a_slice(situation, situation.extensions[action.extension]):
        return None
    return refused(Reason.ARCHITECTURE, asked_for(situation, action.extension), KEXT_21)


def _has_a_slice(situation: Situation, extension: Extension) -> bool:
    return _SLICES[situation.mac.architecture] in extension.architectures


def must_be_notarized(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """SIG-04, with SIP enabled."""
    if not law.says(SIG_04) or not _needs_notarization(situation, situation.extensions[action.extension]):
        return None
    return refused(Reason.NOTARIZATION, asked_for(situation, action.extension), SIG_04)


def _needs_notarization(situation: Situation, extension: Extension) -> bool:
    return situation.in_force.sip and not extension.notarized


def may_be_spared(situation: Situation, extension: Extension, law: Law) -> bool:
    """SIG-04 is open for a kext that a profile allows."""
    return vouching.managed(situation) and vouching.listed(situation, extension, law)


def must_be_supported(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """KPI-01."""
    against = interfaces.unsupported(situation, situation.extensions[action.extension], law)
    if not against:
        return None
    return refused(Reason.UNSUPPORTED_KPI, asked_for(situation, action.extension), *against)


def keeps_out(situation: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    """The rules that keep this kext out of an AuxKC for what it is, in the order of a load request's refusals.

    One that a profile allows and that is not notarized is fit once it is in the UAKL: the Mac took it (SIG-04).
    """
    if law.says(KEXT_21) and not _has_a_slice(situation, extension):
        return (KEXT_21,)
    if law.says(SIG_01) and signing.unfit(extension, sip=situation.in_force.sip):
        return (SIG_01,)
    if law.says(SIG_04) and _needs_notarization(situation, extension) and not _was_taken(situation, extension, law):
        return (SIG_04,)
    return interfaces.unsupported(situation, extension, law)


def _was_taken(situation: Situation, extension: Extension, law: Law) -> bool:
    return extension.bundle_id in situation.uakl and may_be_spared(situation, extension, law)
