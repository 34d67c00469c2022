"""A newer macOS on the same Mac: what was approved stays so; the boot into it is a boot like any other."""

from __future__ import annotations

from kextrel.policy.clauses import auxkc, booting, consenting, enrollment, removal
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
        return _onto_the_auxkc(newer, Law(newer.mac, law.without))
    return booting.into_macos(newer, Outcome.DONE, Law(newer.mac, law.without))


def _onto_the_auxkc(newer: Situation, law: Law) -> Prediction:
    """The first macOS with an AuxKC: what the user approved is its UAKL, and what a profile allows of the kexts that
    were asked for. The next restart builds it in."""
    kexts = newer.kexts_on_disk
    given = frozenset(one for one, kext in kexts.items() if consenting.covered(newer, kext))
    after = replace(
        newer,
        environment=Environment.MACOS,
        in_force=newer.stored,
        pending=frozenset(),
        lapsed=frozenset(),
        loaded=frozenset(),
        built={},
        uakl=given,
        consented=given,
        consent=Consent(),
    )
    after, gone = removal.booted(after, law)
    after = replace(after, staged=auxkc.buildable(after, law))
    after, let_in = enrollment.kexts_now_listed(after, law)
    return ruled(Outcome.DONE, after, *let_in, *gone, unsettled=_inherited(newer))


def _inherited(newer: Situation) -> frozenset[str]:
    """No rule says whether a UAKL takes over an approval that nobody gave by name: of a team's other kexts in one place
    (UAK-06), or of what was there before 10.13 (UAK-02)."""
    known = newer.kexts_on_disk.values()
    unnamed = (one for one in known if not consenting.by_name(newer, one))
    doubtful = any(consenting.covered(newer, one) or consenting.granted(newer, one) for one in unnamed)
    return frozenset({"uakl"}) if doubtful or newer.consent.old else frozenset()
