"""Which rules a run exercised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kextrel.scenario import Scenario, covered, run

STEPS = "  - install: driver\n  - load: driver\n  - boot: {into: 1tr}\n"


def test_a_held_step_exercises_the_rules_that_decided_it(one: Callable[..., Scenario], paper_mac: Any) -> None:
    found = covered([run(one(STEPS), paper_mac())])
    assert set(found.exercised) == {"KEXT-06", "MDM-08", "BOOT-01"}
    assert found.to_json()["KEXT-06"] == {"held": 1, "violated": 0, "not_checked": 0}
    assert "KEXT-04" in found.missed


def test_a_violated_step_counts_against_the_blamed_rule_only(one: Callable[..., Scenario], paper_mac: Any) -> None:
    found = covered([run(one(STEPS), paper_mac(broken=frozenset({"KEXT-06"})))])
    assert found.exercised == ("KEXT-06",)
    assert [(place.scenario, place.device, place.step) for place in found.violated["KEXT-06"]] == [
        ("sample", "paper", 2)
    ]
    assert found.to_json()["BOOT-01"] == {"held": 0, "violated": 0, "not_checked": 1}
