"""What a signature comes to (SIG)."""

from __future__ import annotations

from kextrel.policy.copying import replace
from kextrel.policy.rule import Law, Rule
from kextrel.policy.ruling import Prediction, refused
from kextrel.policy.signature import SIG_01, SIG_02, SIG_03
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Extension, Reason, Signature
from kextrel.vocabulary.actions import Load

__all__ = ["must_be_valid", "relaxed", "unfit", "unfit_among"]


def unfit(extension: Extension, *, sip: bool) -> bool:
    """Whether SIG-01 refuses the signature of `extension` on a Mac whose SIP is `sip`."""
    return sip and extension.signature is not Signature.DEVELOPER_ID


def unfit_among(situation: Situation, bundle_ids: frozenset[str]) -> frozenset[str]:
    """Those that SIG-01 refuses under the boot policy in force; kexts that no description is known of are left out."""
    sip = situation.in_force.sip
    if not sip or not bundle_ids:
        return frozenset()
    bad = {one.bundle_id for one in situation.extensions.values() if unfit(one, sip=sip)}
    return bundle_ids & bad


def must_be_valid(situation: Situation, action: Load, law: Law) -> Prediction | None:
    """SIG-01, and SIG-02 without which a bad signature would be refused with SIP disabled too.

    A kext is discovered by the request, whatever the answer.
    """
    extension = situation.extensions[action.extension]
    enforced = situation.in_force.sip or not law.says(SIG_02)
    if law.says(SIG_01) and unfit(extension, sip=enforced):
        after = replace(situation, discovered=situation.discovered | {action.extension})
        return refused(Reason.SIGNATURE, after, SIG_01)
    return None


def relaxed(extension: Extension, situation: Situation, law: Law) -> tuple[Rule, ...]:
    """The rules that let a badly signed kext pass here, for those steps where it does."""
    if situation.in_force.sip or extension.signature is Signature.DEVELOPER_ID:
        return ()
    unsigned = extension.signature is Signature.NONE and law.says(SIG_03)
    return (SIG_02, SIG_03) if unsigned else (SIG_02,)
