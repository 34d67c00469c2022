"""`spctl kext-consent`: what the tool lists afterwards decides, and releases without the question are left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.rig import Rig
from kextrel.errors import UnreadableAnswer
from kextrel.timing import Deadline
from kextrel.vocabulary import Outcome, Reason, Version
from kextrel.vocabulary.actions import KextConsent, PanicMedic, Rebuild

TEAM = "KXTRL00001"
ON, OFF, SPARED = (
    f"Kernel Extension User Consent: {word}\nAllowed Team Identifiers:\n{teams}"
    for word, teams in (("ENABLED", ""), ("DISABLED", ""), ("ENABLED", f"{TEAM}\n"))
)


@pytest.fixture
def asking(intel: Rig) -> Rig:
    intel.facts = replace(intel.facts, macos=Version(10, 14, 6))
    return intel


@pytest.mark.parametrize("macos", [Version(10, 12, 6), Version(11, 7), Version(15, 1)])
def test_a_release_without_the_question_is_not_touched(
    world: Any, intel: Rig, deadline: Deadline, macos: Version
) -> None:
    intel.facts = replace(intel.facts, macos=macos)
    done = perform(intel, KextConsent(add=TEAM), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.UNSUPPORTED_VERSION)
    assert world.log == []


def test_macos_refuses_and_the_list_is_what_it_was(world: Any, asking: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    world.commands |= {"consent add": (1, "", "spctl: only in Recovery OS"), "consent status": ON}
    done = perform(asking, KextConsent(add=TEAM), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)
    assert f"run sudo -n spctl kext-consent add {TEAM}" in world.log


def test_a_complaint_is_a_refusal_though_the_switch_stands_so(world: Any, asking: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    world.commands |= {"consent enable": (0, "", "failed to store new configuration"), "consent status": ON}
    done = perform(asking, KextConsent(enabled=True), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)


@pytest.mark.parametrize(
    ("action", "said", "outcome"),
    [
        (KextConsent(add=TEAM), SPARED, Outcome.CHANGED),
        (KextConsent(add=TEAM), ON, Outcome.REFUSED),
        (KextConsent(enabled=False), OFF, Outcome.CHANGED),
        (KextConsent(enabled=False), ON, Outcome.REFUSED),
        (KextConsent(enabled=True), ON, Outcome.CHANGED),
    ],
)
def test_in_recovery_what_is_listed_afterwards_decides(
    world: Any, asking: Rig, deadline: Deadline, screens: Any, action: KextConsent, said: str, outcome: Outcome
) -> None:
    world.screen, world.reports = screens["terminal"], [f"{said}then exit 0\n".encode()]
    assert perform(asking, action, deadline=deadline).outcome is outcome


def test_an_answer_that_was_cut_off_is_no_answer(world: Any, asking: Rig, deadline: Deadline, screens: Any) -> None:
    world.screen, world.reports = screens["terminal"], [SPARED.encode()]
    with pytest.raises(UnreadableAnswer, match="spctl kext-consent"):
        perform(asking, KextConsent(add=TEAM), deadline=deadline)


@pytest.mark.parametrize("action", [Rebuild(), PanicMedic()])
def test_what_came_with_the_collections_is_refused_before(
    world: Any, asking: Rig, deadline: Deadline, action: Any
) -> None:
    done = perform(asking, action, deadline=deadline)
    assert (done.reason, world.log) == (Reason.UNSUPPORTED_VERSION, [])
