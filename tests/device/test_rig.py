"""What the rig sees of the screen, when it may come or not."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.rig import Rig
from kextrel.errors import DeadlineExceeded
from kextrel.timing import Deadline


def finder(text: str) -> bool:
    return "Finder" in text


def test_what_came_with_the_last_moment_is_seen(world: Any, rig: Rig, deadline: Deadline) -> None:
    """A busy machine lets the time go by between two looks."""

    def wait(*_: Any, **__: Any) -> str:
        world.screen = "Finder  File"
        raise DeadlineExceeded("Finder was not seen in time", wire="mini.screen")

    world.screen = "Dock"
    rig.screen.wait = wait  # type: ignore[method-assign]
    assert rig.sees(finder, 0.0, deadline=deadline, what="Finder") == "Finder  File"


def test_what_does_not_come_is_the_flows_to_judge_unless_the_step_has_no_time_left(
    world: Any, rig: Rig, deadline: Deadline
) -> None:
    world.screen = "Dock"
    assert rig.sees(finder, 1.0, deadline=deadline, what="Finder") is None
    with pytest.raises(DeadlineExceeded, match="Finder did not come; it shows 'Dock'"):
        rig.sees(finder, 1.0, deadline=Deadline.after(0), what="Finder")
