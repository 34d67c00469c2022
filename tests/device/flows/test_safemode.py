"""Safe mode: Shift seen at the start, and kern.safeboot as the proof."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.flows import safemode
from kextrel.device.rig import Rig
from kextrel.errors import BenchError
from kextrel.timing import Deadline


def starting(world: Any, screens: dict[str, str], *, heard: bool = True) -> None:
    """A Mac that is off; Shift held from a press on makes the boot a safe one, whose login is not automatic."""

    def key(pressed: str) -> None:
        if pressed == "hold shift":
            world.shell_up, world.screen = True, screens["login" if heard else "desktop"]
            world.commands |= {"kern.safeboot": f"{heard:d}\n", "stat -f": "root\n" if heard else "admin\n"}
        if pressed == "return" and world.screen == screens["login"]:
            world.screen = screens["desktop"]
            world.commands["stat -f"] = "admin\n"

    def halt() -> str:
        world.shell_up, world.screen = False, None
        return ""

    world.screen, world.on_key, world.commands["shutdown"] = None, key, halt
    world.on_button = lambda event: setattr(world, "screen", "")


def test_an_intel_mac_is_started_with_shift_held_and_somebody_logs_in(
    world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    starting(world, screens)
    safemode.enter(intel, deadline=deadline)
    assert world.log[:2] == ["button press", "hold shift"]
    assert (world.screen, world.keys_held) == (screens["desktop"], False)


def test_a_start_that_was_not_a_safe_one_is_the_keyboards(
    world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    starting(world, screens, heard=False)
    with pytest.raises(BenchError, match="held Shift 2 times") as failed:
        safemode.enter(intel, deadline=deadline)
    assert failed.value.wire == "mini.keyboard"


def test_apple_silicon_is_asked_at_the_startup_options(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    chosen = "Macintosh HD    Options\nContinue\nShut Down    Restart\n"

    def key(pressed: str) -> None:
        if pressed == "right":
            world.screen = chosen
        elif pressed == "hold shift" and world.screen == chosen:
            world.screen = chosen.replace("Continue", "Continue in Safe Mode")
        elif pressed == "shift+return" and "Safe Mode" in world.screen:
            world.shell_up, world.screen = True, screens["desktop"]
            world.commands |= {"kern.safeboot": "1\n", "stat -f": "admin\n"}

    world.screen, world.on_key = None, key
    world.on_button = lambda event: event == "hold" and setattr(world, "screen", screens["options"])
    safemode.enter(rig, deadline=deadline)
    assert [line for line in world.log if line.startswith(("press", "hold"))] == [
        "press right",
        "hold shift",
        "press shift+return",
    ]
