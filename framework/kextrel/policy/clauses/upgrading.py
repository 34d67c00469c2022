"""A newer macOS on the same Mac: what was approved stays so; the boot into it is a boot like any other."""

from __future__ import annotations

from kextrel.policy.clauses import approving, booting, consenting, removal
from kextrel.policy.copying import replace
from kextrel.policy.rule import Law
from kextrel.policy.ruling import Prediction, refused, ruled
from kextrel.policy.situation import Consent, Situation
from kextrel.vocabulary import Environment, Outcome, Reason
from kextrel.vocabulary.actions import Upgrade

__all__ = ["upgraded"]


def upgraded(situation: Situation, action: Upgrade, law: Law) -> Prediction:
    """Up only. It ends in the new macOS, whose first boot is one more boot into macOS."""
    if action.macos <= situation.mac.macos:
        return refused(Reason.UNSUPPORTED_VERSION, situation)
    newer = replace(situation, mac=replace(situation.mac, macos=action.macos))
    if not situation.has_auxkc and newer.has_auxkc:
        return ruled(Outcome.DONE, _onto_the_auxkc(newer, law))
    return booting.into_macos(newer, Outcome.DONE, Law(newer.mac, law.without))


def _onto_the_auxkc(newer: Situation, law: Law) -> Situation:
    """The first macOS with an AuxKC: the user's approvals are its UAKL, which the next restart builds in."""
    given = frozenset(one for one, kext in newer.kexts_on_disk.items() if consenting.covered(newer, kext))
    after = replace(
        newer,
        environment=Environment.MACOS,
        in_force=newer.stored,
        pending=frozenset(),
        lapsed=frozenset(),
        loaded=frozenset(),
        uakl=given,
        consented=given,
        consent=Consent(),
    )
    after, _ = removal.booted(after, law)
    return replace(after, staged=approving.buildable(after, Law(after.mac, law.without)))
