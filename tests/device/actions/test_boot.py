"""Restart, boot and power cut."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Environment, Outcome, Reason
from kextrel.vocabulary.actions import Boot, PowerCut, Restart

booting = importlib.import_module("kextrel.device.actions.boot")


def coming_up(world: Any) -> None:
    world.boot += 1
    world.shell_up, world.screen = True, "Finder File Edit View Go Window Help"


def test_a_restart_out_of_recovery_ends_in_macos(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen, world.on_key = screens["terminal"], lambda key: key == "return" and coming_up(world)
    assert perform(rig, Restart(), deadline=deadline).outcome is Outcome.RESTARTED
    assert world.log[0] == "type reboot"


def test_booting_into_macos_from_macos_is_a_restart(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.commands["shutdown -r"] = True, lambda: coming_up(world) or ""
    assert perform(rig, Boot(Environment.MACOS), deadline=deadline).outcome is Outcome.BOOTED
    assert world.boot == 2


@pytest.mark.parametrize(
    ("into", "fallback"), [(Environment.ONE_TRUE_RECOVERY, False), (Environment.FALLBACK_RECOVERYOS, True)]
)
def test_a_gesture_that_led_elsewhere_is_tried_once_more(
    world: Any,
    rig: Rig,
    deadline: Deadline,
    screens: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    into: Environment,
    fallback: bool,
) -> None:
    entered: list[bool] = []
    kinds = iter(["ordinary (software-launched) recoveryOS", "one true recoveryOS"])

    def enter(rig: Rig, *, fallback: bool, deadline: Deadline) -> None:
        entered.append(fallback)
        world.screen, world.policy.os_type = screens["terminal"], next(kinds)

    monkeypatch.setattr(booting.recovery, "enter", enter)
    assert perform(rig, Boot(into), deadline=deadline).outcome is Outcome.BOOTED
    assert entered == [fallback, fallback]


def test_recovery_by_software_that_does_not_come_is_not_possible(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.commands["nvram"] = True, (1, "", "nvram: Error setting variable")
    with pytest.raises(NotPossible, match="software way"):
        perform(rig, Boot(Environment.RECOVERYOS), deadline=deadline)


def test_a_power_cut_is_seen_and_ends_in_macos(world: Any, rig: Rig, deadline: Deadline) -> None:
    def mains(on: bool) -> None:
        if on:
            coming_up(world)
        else:
            world.shell_up, world.screen = False, None

    world.shell_up, world.screen, world.on_mains = True, "Finder File Edit View Go Window Help", mains
    assert perform(rig, PowerCut(), deadline=deadline).outcome is Outcome.RESTARTED
    assert world.log == ["run pmset -g", "mains off", "mains on"]


def test_a_mac_that_would_stay_off_is_not_cut(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.screen = True, "Finder File Edit View Go Window Help"
    world.commands["pmset -g"] = " displaysleep 0\n autorestart 0\n"
    with pytest.raises(NotPossible, match="PREP-09"):
        perform(rig, PowerCut(), deadline=deadline)
    assert "mains off" not in world.log


def test_a_mac_that_does_not_start_by_itself_all_the_same_is_pressed(world: Any, rig: Rig, deadline: Deadline) -> None:
    def mains(on: bool) -> None:
        world.shell_up, world.screen = False, None

    world.shell_up, world.screen, world.on_mains = True, "Finder File Edit View Go Window Help", mains
    world.on_button = lambda event: coming_up(world)
    assert perform(rig, PowerCut(), deadline=deadline).outcome is Outcome.RESTARTED
    assert world.log[-1] == "button press"


def test_mains_that_do_not_act_are_the_relays_failure(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.screen = True, "Finder File Edit View Go Window Help"
    with pytest.raises(BenchError) as failed:
        perform(rig, PowerCut(), deadline=deadline)
    assert failed.value.wire == "mini.relay"


@pytest.mark.parametrize("into", [Environment.ONE_TRUE_RECOVERY, Environment.FALLBACK_RECOVERYOS])
def test_no_intel_mac_is_touched_for_a_recovery_that_none_has(
    world: Any, intel: Rig, deadline: Deadline, into: Environment
) -> None:
    world.shell_up = True
    done = perform(intel, Boot(into), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.UNSUPPORTED_HARDWARE)
    assert world.log == []


def test_an_intel_mac_goes_into_its_recovery_by_command_r(
    world: Any, intel: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen = None
    world.on_button = lambda event: setattr(world, "screen", "")
    world.on_key = lambda key: key == "hold command+r" and setattr(world, "screen", screens["terminal"])
    assert perform(intel, Boot(Environment.RECOVERYOS), deadline=deadline).outcome is Outcome.BOOTED
    assert world.log == ["button press", "hold command+r"]


def test_mains_are_cut_in_the_middle_of_a_restart(world: Any, rig: Rig, deadline: Deadline) -> None:
    def down() -> str:
        world.shell_up, world.screen = False, ""
        return ""

    world.shell_up, world.screen, world.commands["shutdown -r"] = True, "Finder File Edit View Go Window Help", down
    world.on_mains = lambda on: coming_up(world) if on else setattr(world, "screen", None)
    assert perform(rig, PowerCut(during="rebuild"), deadline=deadline).outcome is Outcome.RESTARTED
    assert world.log[-3:] == ["run sudo -n shutdown -r now", "mains off", "mains on"]


def test_nothing_is_rebuilt_in_recovery(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    world.screen = screens["terminal"]
    with pytest.raises(NotPossible, match="needs macOS"):
        perform(rig, PowerCut(during="rebuild"), deadline=deadline)
    assert world.log == []


@pytest.mark.parametrize("action", [Boot(Environment.OFF)])
def test_what_is_not_built_is_said(world: Any, rig: Rig, deadline: Deadline, action: Any) -> None:
    world.shell_up = True
    with pytest.raises(NotPossible, match="not implemented"):
        perform(rig, action, deadline=deadline)
