"""Letters typed into Settings, and read back."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.flows.probe import Typed, typed
from kextrel.device.rig import Rig
from kextrel.timing import Deadline

DESKTOP = "Finder File Edit View Go Window Help"
PANE = "System Settings\nPrivacy & Security\nSecurity\nAllow applications downloaded from\n"


@pytest.mark.parametrize(
    ("shown", "came"),
    [
        ("qyxz", Typed.RIGHT),
        ("qzxy", Typed.EXCHANGED),
        ("ayxw", Typed.OTHER),
        ("q", Typed.OTHER),
        ("", Typed.NOTHING),
        (" \n", Typed.NOTHING),
    ],
)
def test_what_became_of_the_letters(world: Any, rig: Rig, deadline: Deadline, shown: str, came: Typed) -> None:
    world.shell_up, world.screen = True, DESKTOP
    world.commands |= {"stat -f": "admin\n", "open ": lambda: setattr(world, "screen", PANE) or ""}
    world.commands["osascript"] = lambda: setattr(world, "screen", DESKTOP) or ""
    world.on_key = lambda key: setattr(world, "screen", PANE + shown)
    assert typed(rig, deadline=deadline) is came
    assert world.screen == DESKTOP


def test_a_minute_that_goes_by_is_no_letter(world: Any, rig: Rig, deadline: Deadline) -> None:
    bar = "System Settings  File  Edit    Sun 22 Nov  15:44\n"
    world.shell_up, world.screen = True, DESKTOP
    world.commands |= {"stat -f": "admin\n", "open ": lambda: setattr(world, "screen", bar + PANE) or ""}
    world.commands["osascript"] = lambda: setattr(world, "screen", DESKTOP) or ""
    world.on_key = lambda key: setattr(world, "screen", bar.replace("15:44", "15:45") + PANE)
    assert typed(rig, deadline=deadline) is Typed.NOTHING
