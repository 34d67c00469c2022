"""Off and on: each step confirmed by what is seen, and the right wire blamed when nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.flows import power
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.timing import Deadline


def test_a_running_macos_is_asked_to_shut_down(world: Any, rig: Rig, deadline: Deadline) -> None:
    def halt() -> str:
        world.shell_up, world.screen = False, None
        return ""

    world.shell_up, world.screen, world.commands["shutdown -h now"] = True, "Finder", halt
    power.shut_down(rig, deadline=deadline)
    assert "button hold" not in world.log


def test_a_connection_that_ends_with_the_shutdown_is_no_failure(world: Any, rig: Rig, deadline: Deadline) -> None:
    def halt() -> str:
        world.shell_up, world.screen = False, None
        raise BenchError("the connection was closed", wire="mini.shell")

    world.shell_up, world.screen, world.commands["shutdown -h now"] = True, "Finder", halt
    power.shut_down(rig, deadline=deadline)
    assert world.screen is None


def test_sudo_that_asks_for_a_password_is_the_macs_preparation(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    world.commands["shutdown"] = (1, "", "sudo: a terminal is required to read the password")
    with pytest.raises(NotPossible, match="PREP-02"):
        power.shut_down(rig, deadline=deadline)


def test_recovery_is_switched_off_by_the_button(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    def button(event: str) -> None:
        if event == "hold":
            world.on_look = lambda: setattr(world, "screen", None)

    world.screen, world.on_button = screens["terminal"], button
    power.shut_down(rig, deadline=deadline)
    assert world.log == ["button hold"]
    assert not world.pressed


def test_a_button_that_does_not_act_is_named_after_two_tries(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen = screens["terminal"]
    with pytest.raises(BenchError, match="stayed on") as failed:
        power.shut_down(rig, deadline=deadline)
    assert failed.value.wire == "mini.button"
    assert world.log == ["button hold", "button hold"]


def test_holding_ends_when_the_options_are_being_loaded(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    coming = iter([screens["holding"], screens["loading"]])

    def button(event: str) -> None:
        if event == "hold":
            world.on_look = lambda: setattr(world, "screen", next(coming))
        if event == "release":
            assert world.screen == screens["loading"]
            world.on_look = lambda: setattr(world, "screen", screens["options"])

    world.screen, world.on_button = None, button
    power.startup_options(rig, deadline=deadline)
    assert world.screen == screens["options"]


def test_fallback_is_a_press_and_then_a_hold(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    world.screen = None
    world.on_button = lambda event: event == "hold" and setattr(world, "screen", screens["options"])
    power.startup_options(rig, fallback=True, deadline=deadline)
    assert world.log == ["button press", "button hold"]


def test_a_mac_that_stays_off_while_the_button_is_held_blames_the_button(
    world: Any, rig: Rig, deadline: Deadline
) -> None:
    world.screen = None
    with pytest.raises(BenchError, match="no startup options came") as failed:
        power.startup_options(rig, deadline=deadline)
    assert failed.value.wire == "mini.button"
    assert not world.pressed


def test_a_screen_without_a_word_is_blamed_itself(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.screen = None
    world.on_button = lambda event: setattr(world, "screen", "")
    with pytest.raises(BenchError, match="without a word") as failed:
        power.startup_options(rig, deadline=deadline)
    assert failed.value.wire == "mini.screen"


def test_a_press_that_wakes_nothing_is_tried_again_and_named(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.screen = None
    with pytest.raises(BenchError, match="stayed off") as failed:
        power.start_macos(rig, deadline=deadline)
    assert failed.value.wire == "mini.button"
    assert world.log == ["button press", "button press"]


def test_a_restart_is_proved_by_another_boot(world: Any, rig: Rig, deadline: Deadline) -> None:
    def again() -> str:
        world.boot = 2
        return ""

    world.shell_up, world.commands["shutdown -r now"] = True, again
    assert power.restart(rig, deadline=deadline).sec == 2


def test_a_restart_that_does_not_come_is_no_restart(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    with pytest.raises(BenchError):
        power.restart(rig, deadline=deadline)


def test_mains_that_do_not_act_are_named_and_given_back(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.shell_up, world.screen = True, screens["desktop"]
    with pytest.raises(BenchError, match="stayed on") as failed:
        power.cut(rig, deadline=deadline)
    assert failed.value.wire == "mini.relay"
    assert world.log[-1] == "mains on"


def test_a_second_interrupt_leaves_no_mains_off(
    world: Any, rig: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    on, off, interrupts = rig.power.on, rig.power.off, iter([KeyboardInterrupt()])

    def cut(*, deadline: Deadline) -> None:
        off(deadline=deadline)
        raise KeyboardInterrupt

    def give_back(*, deadline: Deadline) -> None:
        for interrupt in interrupts:
            raise interrupt
        on(deadline=deadline)

    monkeypatch.setattr(rig.power, "off", cut)
    monkeypatch.setattr(rig.power, "on", give_back)
    world.shell_up = True
    with pytest.raises(KeyboardInterrupt):
        power.cut(rig, deadline=deadline)
    assert world.log[-2:] == ["mains off", "mains on"]


def test_the_button_is_released_when_the_wait_is_interrupted(world: Any, rig: Rig, deadline: Deadline) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    world.screen, world.on_look = None, interrupt
    with pytest.raises(KeyboardInterrupt):
        power.startup_options(rig, deadline=deadline)
    assert not world.pressed
