"""From the startup options to a root prompt: one thing done on each screen, and only once it was seen."""

from __future__ import annotations

from dataclasses import replace
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
            elif pressed == "down":
                world.screen = screens["main"] + "Startup Security Utility\nTerminal\nShare Disk…\n"

    world.on_key, world.screen = key, screens["main"]
    recovery.open_terminal(rig, deadline=deadline)
    assert world.log[0] == "press command+shift+t"


def holding(world: Any, screens: dict[str, str], *, heard: int) -> None:
    """An Intel Mac that sees the held keys from its `heard`-th start on."""
    starts = []

    def button(event: str) -> None:
        starts.append(event)
        world.screen = ""

    def key(pressed: str) -> None:
        if pressed == "hold command+r" and len(starts) >= heard:
            world.screen = screens["main"]
        elif pressed == "hold command+r":
            world.boot, world.shell_up, world.screen = world.boot + 1, True, screens["desktop"]
        elif pressed == "command+shift+t":
            world.screen = screens["terminal"]

    def halt() -> str:
        world.shell_up, world.screen = False, None
        return ""

    world.screen, world.on_button, world.commands["shutdown -h"], world.on_key = None, button, halt, key


def test_an_intel_mac_enters_its_recovery_with_command_r_held(
    world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    holding(world, screens, heard=1)
    recovery.enter(intel, deadline=deadline)
    assert world.log[:2] == ["button press", "hold command+r"]
    assert (world.screen, world.keys_held) == (screens["terminal"], False)


def test_a_keyboard_that_takes_nothing_before_the_mac_is_on_is_asked_again(
    world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    holding(world, screens, heard=1)
    inner, refusals = world.on_key, iter([True, True])

    def key(pressed: str) -> None:
        if pressed.startswith("hold") and next(refusals, False):
            raise BenchError("the keyboard board refused a report", wire="mini.keyboard")
        inner(pressed)

    world.on_key = key
    recovery.enter(intel, deadline=deadline)
    assert world.log[:4] == ["button press", *["hold command+r"] * 3]


def test_a_mac_that_stays_off_is_the_buttons_failure(
    world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen = None
    with pytest.raises(BenchError, match="stayed off") as failed:
        recovery.enter(intel, deadline=deadline)
    assert failed.value.wire == "mini.button"
    assert not world.keys_held


def test_keys_that_came_too_late_are_held_once_more(
    world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    holding(world, screens, heard=2)
    recovery.enter(intel, deadline=deadline)
    assert world.log.count("hold command+r") == 2


def test_keys_that_are_never_seen_are_the_keyboards_failure_where_nvram_is_protected(
    world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    holding(world, screens, heard=9)
    world.commands["nvram"] = (1, "", "nvram: Error setting variable - 'recovery-boot-mode': not permitted")
    with pytest.raises(BenchError, match="held Command-R") as failed:
        recovery.enter(intel, deadline=deadline)
    assert failed.value.wire == "mini.keyboard"


def test_without_a_button_macos_is_restarted_with_the_keys_held(
    world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    def down() -> str:
        assert world.keys_held
        world.shell_up, world.screen = False, screens["main"]
        return ""

    intel.wires = replace(intel.wires, button=None)
    world.shell_up, world.screen, world.commands["shutdown -r"] = True, screens["desktop"], down
    world.on_key = lambda key: setattr(world, "screen", screens["terminal"]) if key == "command+shift+t" else None
    recovery.enter(intel, deadline=deadline)
    assert world.screen == screens["terminal"]


def test_the_main_window_is_behind_terminal(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    world.screen = screens["terminal"]
    world.on_key = lambda key: setattr(world, "screen", screens["main"]) if key == "command+q" else None
    recovery.main_window(rig, deadline=deadline)
    assert world.log == ["press command+q"]


def test_a_menu_without_the_entry_is_left(world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    def key(pressed: str) -> None:
        world.screen = screens["main"] + ("Terminal\n" if pressed == "down" else "")

    world.screen, world.on_key = screens["main"], key
    assert recovery.choose_utility(intel, "Startup Security Utility", deadline=deadline) is False
    assert world.log[-1] == "press escape"


def test_terminal_is_the_first_entry_where_there_is_no_security_utility(
    world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen = screens["main"]
    world.on_key = lambda key: key == "down" and setattr(world, "screen", screens["main"] + "Terminal\n")
    assert recovery.choose_utility(intel, "Terminal", deadline=deadline) is True
    assert world.log[-2:] == ["press down", "press return"]


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


@pytest.mark.parametrize("left", ["Enter username: ", "-bash-3.2# bputil -k\nEnter password: ", "-bash-3.2# curl -sS"])
def test_what_another_run_left_in_terminal_is_ended_before_a_line_is_typed(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], left: str
) -> None:
    def key(pressed: str) -> None:
        if pressed == "control+c":
            world.screen += "^C\n-bash-3.2# "
        if pressed == "return":
            world.screen, world.shell_up = screens["desktop"], True

    world.on_key, world.screen = key, screens["terminal"] + left
    recovery.leave(rig, deadline=deadline)
    assert world.log[:3] == ["press control+c", "type reboot", "press return"]


def test_a_second_macos_among_the_startup_options_is_named(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen = screens["options"].replace("Options", "Untitled    Options")
    with pytest.raises(NotPossible, match=r"2 startup disks \(Macintosh HD, Untitled\).*PREP-10"):
        recovery.open_terminal(rig, deadline=deadline)
    assert not [line for line in world.log if line.startswith("press")]


def test_a_second_macos_that_the_profile_names_is_passed_over(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    rig.facts = replace(rig.facts, other_macos="Untitled")

    def key(pressed: str) -> None:
        if pressed == "return":
            world.screen = screens["terminal"]

    world.screen, world.on_key = screens["options"].replace("Options", "Untitled    Options"), key
    recovery.open_terminal(rig, deadline=deadline)
    assert world.log == [*["press right"] * 3, "press return"]
