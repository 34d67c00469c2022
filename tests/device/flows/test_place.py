"""Where the Mac is: found, and a wire blamed only for its own silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.flows.place import Place, find
from kextrel.device.rig import Rig
from kextrel.errors import BenchError
from kextrel.timing import Deadline


def test_an_answering_shell_is_macos_whatever_the_screen_shows(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.screen = True, ""
    assert find(rig, deadline=deadline) is Place.MACOS


@pytest.mark.parametrize(
    ("name", "place"),
    [("terminal", Place.RECOVERY), ("picker", Place.RECOVERY), ("options", Place.STARTUP_OPTIONS)],
)
def test_the_screen_tells_where_no_shell_answers(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], name: str, place: Place
) -> None:
    world.screen = screens[name]
    assert find(rig, deadline=deadline) is place


def test_no_signal_is_off(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.screen = None
    assert find(rig, deadline=deadline) is Place.OFF


@pytest.mark.parametrize("name", ["desktop", "login"])
def test_macos_on_the_screen_without_a_shell_blames_the_shell(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], name: str
) -> None:
    world.screen = screens[name]
    with pytest.raises(BenchError) as failed:
        find(rig, deadline=deadline)
    assert failed.value.wire == "mini.shell"


def test_a_dark_screen_without_a_shell_blames_the_screen(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.screen = ""
    with pytest.raises(BenchError, match="without a word") as failed:
        find(rig, deadline=deadline)
    assert failed.value.wire == "mini.screen"


def test_without_a_screen_a_silent_shell_is_all_there_is_to_say(world: Any, rig: Rig, deadline: Deadline) -> None:
    rig.wires = replace(rig.wires, screen=None)
    with pytest.raises(BenchError, match="no screen wire") as failed:
        find(rig, deadline=deadline)
    assert failed.value.wire == "mini.shell"


def test_a_mac_on_its_way_is_waited_for(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    world.screen = "a progress bar"
    world.on_look = lambda: setattr(world, "screen", screens["main"])
    assert find(rig, deadline=deadline) is Place.RECOVERY
