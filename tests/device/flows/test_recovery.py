"""From the startup options to a root prompt: one thing done on each screen, and only once it was seen."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.flows import recovery
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.timing import Deadline

PASSWORD = "correct-horse"


def reacting(world: Any, screens: dict[str, str]) -> None:
    """A Mac whose recovery does as the field notes say; our user is the second in the picker."""
    at = {"user": 0}

    def key(pressed: str) -> None:
        here = next((name for name, text in screens.items() if text == world.screen), "")
        after = {
            ("options", "right"): "chosen",
            ("chosen", "return"): "picker",
            ("field", PASSWORD): "typed",
            ("typed", "return"): "main",
            ("main", "command+shift+t"): "terminal",
        }
        if here == "picker" and pressed == "right":
            at["user"] += 1
        if here == "picker" and pressed == "return":
            world.screen = screens["field"] if at["user"] == 1 else screens["field"].replace("Lab Admin", "Lab Owner")
        elif (here, pressed) in after:
            world.screen = screens[after[here, pressed]]

    screens["typed"] = screens["field"] + "•••••"
    world.on_key = key


def test_the_whole_way_to_the_prompt(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    reacting(world, screens)
    world.screen = screens["options"]
    recovery.open_terminal(rig, deadline=deadline)
    assert world.screen == screens["terminal"]
    assert world.log.index("press return") < world.log.index("type a secret") < world.log.index("press command+shift+t")
    assert PASSWORD not in " ".join(world.log)


def test_a_prompt_that_is_there_needs_no_key(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    world.screen = screens["terminal"]
    recovery.open_terminal(rig, deadline=deadline)
    assert world.log == []


def test_another_users_field_is_left_without_typing(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    reacting(world, screens)
    inner = world.on_key

    def key(pressed: str) -> None:
        if pressed == "escape":
            world.screen = screens["picker"]
        else:
            inner(pressed)

    world.on_key, world.screen = key, screens["field"].replace("Lab Admin", "Lab Owner")
    recovery.open_terminal(rig, deadline=deadline)
    assert world.log[0] == "press escape"


def test_a_user_who_is_not_offered_is_the_macs_preparation(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen = screens["picker"].replace("    Lab Admin", "")
    with pytest.raises(NotPossible, match="PREP-04"):
        recovery.open_terminal(rig, deadline=deadline)


def test_a_refused_password_is_not_typed_again(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    def key(pressed: str) -> None:
        if pressed == "return":
            world.screen = screens["field"] + "The password you entered is incorrect.\n"

    world.on_key, world.screen = key, screens["field"]
    with pytest.raises(NotPossible, match="refuses the password of admin"):
        recovery.open_terminal(rig, deadline=deadline)
    assert world.log.count("type a secret") == 1


def test_keys_that_do_nothing_blame_the_keyboard(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen = screens["options"]
    with pytest.raises(BenchError, match="stayed") as failed:
        recovery.open_terminal(rig, deadline=deadline)
    assert failed.value.wire == "mini.keyboard"


def test_the_menu_is_taken_where_the_chord_does_nothing(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    steps = iter(["control+f2", "right", "right", "right", "down", "down", "return"])
    expected = [next(steps)]

    def key(pressed: str) -> None:
        if pressed == expected[0]:
            expected[0] = next(steps, "")
            if not expected[0]:
                world.screen = screens["terminal"]

    world.on_key, world.screen = key, screens["main"]
    recovery.open_terminal(rig, deadline=deadline)
    assert world.log[0] == "press command+shift+t"


def test_a_missing_mouse_is_said(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.screen = "Connect a mouse or trackpad to continue."
    with pytest.raises(BenchError, match="PREP-08"):
        recovery.open_terminal(rig, deadline=deadline)


def test_no_known_screen_is_said_with_what_is_shown(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.screen = "support.apple.com/mac/startup"
    with pytest.raises(BenchError, match="apple"):
        recovery.open_terminal(rig, deadline=deadline)


def test_a_dark_screen_is_blamed_itself(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.screen = ""
    with pytest.raises(BenchError, match="without a word") as failed:
        recovery.open_terminal(rig, deadline=deadline)
    assert failed.value.wire == "mini.screen"


def test_software_recovery_that_is_not_honoured_is_told(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    def again() -> str:
        world.boot += 1
        return ""

    world.shell_up, world.screen, world.commands["shutdown -r"] = True, screens["desktop"], again
    assert recovery.enter_by_software(rig, deadline=deadline) is False


def test_software_recovery_that_comes_is_opened(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    def again() -> str:
        world.shell_up, world.screen = False, screens["terminal"]
        return ""

    world.shell_up, world.screen, world.commands["shutdown -r"] = True, screens["desktop"], again
    assert recovery.enter_by_software(rig, deadline=deadline) is True


def test_leaving_by_terminal_types_reboot(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    def key(pressed: str) -> None:
        if pressed == "return":
            world.screen, world.shell_up = screens["desktop"], True

    world.on_key, world.screen = key, screens["terminal"]
    recovery.leave(rig, deadline=deadline)
    assert world.log[:2] == ["type reboot", "press return"]
