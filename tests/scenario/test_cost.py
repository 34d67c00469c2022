"""What a run costs, and in which order it costs least."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kextrel.device.baseline import Level
from kextrel.device.rig import Facts
from kextrel.scenario import Scenario, foresee, level_of, plan
from kextrel.vocabulary import Architecture, Version

FACTS = Facts(Architecture.APPLE_SILICON, Version.parse("14.5"))
LOWERED = """schema: kextrel/scenario/v1
mac: {macos: "14.5", security_mode: reduced, kext_management: [user]}
extensions: {driver: {}}
"""


@pytest.mark.parametrize(
    ("steps", "level"),
    [
        ("  - install: driver\n  - load: driver\n", Level.CLEAN),
        ("  - approve: driver\n", Level.FORGOTTEN),
        ("  - upgrade: {macos: 15.0}\n", Level.ERASED),
    ],
)
def test_the_level_follows_from_what_is_approved(one: Callable[..., Scenario], steps: str, level: Level) -> None:
    assert level_of(foresee(one(steps))) is level


def test_a_request_that_asks_for_approval_needs_a_mac_that_forgot(one: Callable[..., Scenario]) -> None:
    assert level_of(foresee(one("  - install: driver\n  - load: driver\n", LOWERED))) is Level.FORGOTTEN


def test_equal_starts_stand_together_across_levels(one: Callable[..., Scenario]) -> None:
    refuse, ask = "  - boot: {into: 1tr}\n", "  - install: driver\n  - load: driver\n"
    full, lowered = one(refuse), one(refuse, LOWERED)
    asked, walk = one(ask, LOWERED), one("  - approve: driver\n")
    ordered = [visit.scenario for visit in plan([walk, lowered, asked, full], FACTS)]
    assert ordered == [lowered, full, walk, asked]


def test_a_wait_costs_its_minutes_and_a_lowered_start_its_walk(one: Callable[..., Scenario]) -> None:
    def cost(steps: str, head: str | None = None) -> float:
        (visit,) = plan([one(steps, head) if head else one(steps)], FACTS)
        return visit.minutes

    boot = "  - boot: {into: 1tr}\n"
    assert cost(boot, LOWERED) > cost(boot) > 4
    assert cost(boot + "  - boot: {into: macos}\n") > cost(boot)
    assert cost("  - install: driver\n  - wait: {minutes: 30}\n") == pytest.approx(
        cost("  - install: driver\n") + 30, abs=0.1
    )


def test_what_does_not_fit_costs_nothing(one: Callable[..., Scenario]) -> None:
    intel = Facts(Architecture.INTEL, Version.parse("14.5"))
    assert [visit.minutes for visit in plan([one("  - restart:\n")], intel)] == [0.0]
