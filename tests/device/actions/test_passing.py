"""Waiting, by the Mac's own clock."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.rig import Rig
from kextrel.errors import UnreadableAnswer
from kextrel.timing import Clock, Deadline
from kextrel.vocabulary import Outcome
from kextrel.vocabulary.actions import Wait


def test_the_mac_itself_waits_minute_by_minute(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    assert perform(rig, Wait(2.5), deadline=deadline).outcome is Outcome.DONE
    assert world.log == ["run sleep 60", "run sleep 60", "run sleep 30"]


def test_a_wait_that_was_cut_short_is_no_wait(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.commands["sleep"] = True, (143, "", "Terminated: 15")
    with pytest.raises(UnreadableAnswer, match="Terminated"):
        perform(rig, Wait(1), deadline=deadline)


def test_in_recovery_the_bench_waits(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    waited: list[float] = []
    rig.clock, world.screen = Clock(50, sleep=waited.append), screens["terminal"]
    assert perform(rig, Wait(5), deadline=deadline).outcome is Outcome.DONE
    assert waited == [6.0]
