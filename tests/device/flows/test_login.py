"""Somebody at the desktop: waited for, logged in, unlocked, and never by a password where no field is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.flows import login
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Architecture, Mac, Version


def logging_in(world: Any, screens: dict[str, str]) -> None:
    def key(pressed: str) -> None:
        if pressed == "return":
            world.screen, world.commands["stat -f"] = screens["desktop"], "admin\n"

    world.shell_up, world.screen, world.on_key = True, screens["login"], key
    world.commands["stat -f"] = "root\n"


@pytest.fixture
def by_hand(rig: Rig) -> Rig:
    """A Mac whose profile says that nobody is logged in by itself."""
    rig.facts = replace(rig.facts, automatic_login=False)
    return rig


def test_who_is_there_needs_no_key(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    world.shell_up, world.screen, world.commands["stat -f"] = True, screens["desktop"], "admin\n"
    assert login.ensure(rig, deadline=deadline) == "admin"
    assert world.log == ["run stat -f %Su /dev/console"]


def test_the_login_window_is_answered(world: Any, by_hand: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    logging_in(world, screens)
    assert login.ensure(by_hand, deadline=deadline) == "admin"
    assert world.log.count("type a secret") == 1


def test_an_automatic_login_that_did_not_come_is_named(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    logging_in(world, screens)
    with pytest.raises(NotPossible, match=r"PREP-05.*automatic_login: false"):
        login.ensure(rig, deadline=deadline)
    assert "type a secret" not in world.log


def logged_out(world: Any, screens: dict[str, str], code: int = 0) -> None:
    """Somebody is logged in until launchctl ends that."""

    def ended() -> tuple[int, str, str]:
        world.screen, world.commands["stat -f %Su"] = screens["login"], "root\n"
        world.commands["test -e /private/tmp/kextrel.logged-out"] = ""
        return code, "", ""

    world.shell_up, world.screen = True, screens["desktop"]
    world.commands |= {"stat -f %u": "501\n", "stat -f %Su": "admin\n", "launchctl bootout": ended}


@pytest.mark.parametrize("code", [0, 36])
def test_whom_we_logged_out_we_log_in_again(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], code: int
) -> None:
    logged_out(world, screens, code)
    login.log_out(rig, deadline=deadline)
    assert "run sudo -n launchctl bootout gui/501" in world.log
    login.log_out(rig, deadline=deadline)
    assert world.log.count("run sudo -n launchctl bootout gui/501") == 1
    world.on_key = lambda _: (
        world.commands.update({"stat -f %Su": "admin\n"}) or setattr(world, "screen", screens["desktop"])
    )
    assert login.ensure(rig, deadline=deadline) == "admin"


def test_who_stays_whatever_is_said_is_named(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    logged_out(world, screens)
    world.commands["launchctl bootout"] = ""
    with pytest.raises(NotPossible, match="admin stays logged in"):
        login.log_out(rig, deadline=deadline)


def test_a_scenario_that_wants_nobody_there_has_nobody(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    logged_out(world, screens)
    login.stay_out(rig, deadline=deadline)
    rig.start = Mac(Architecture.APPLE_SILICON, Version(14, 5))
    login.stay_out(rig, deadline=deadline)
    assert world.log == []
    rig.start = replace(rig.start, logged_in=False)
    login.stay_out(rig, deadline=deadline)
    assert login.console_user(rig, deadline=deadline) is None


def test_a_screen_that_locks_by_itself_is_named(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    logging_in(world, screens)
    world.commands |= {
        "stat -f": "admin\n",
        "sysadminctl": "screenLock delay is immediate\n",
        "pmset": " displaysleep 10\n",
    }
    with pytest.raises(NotPossible, match=r"the screen locks \(immediate\), the display sleeps after 10 min.*PREP-06"):
        login.ensure(rig, deadline=deadline)
    assert "type a secret" not in world.log


def test_one_that_somebody_locked_by_hand_is_unlocked(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    logging_in(world, screens)
    world.commands |= {"stat -f": "admin\n", "sysadminctl": "screenLock is off\n", "pmset": " displaysleep 0\n"}
    assert login.ensure(rig, deadline=deadline) == "admin"


def test_a_locked_screen_is_unlocked(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    logging_in(world, screens)
    world.commands["stat -f"] = "admin\n"
    assert login.ensure(rig, deadline=deadline) == "admin"
    assert world.screen == screens["desktop"]


def test_an_automatic_login_is_waited_for(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    def arrive() -> None:
        world.screen, world.commands["stat -f"] = screens["desktop"], "admin\n"

    world.shell_up, world.screen, world.on_look = True, "a progress bar", arrive
    world.commands["stat -f"] = "root\n"
    assert login.arrived_user(rig, deadline=deadline) == "admin"
    assert "type a secret" not in world.log


def test_a_window_of_somebody_else_gets_no_password(
    world: Any, by_hand: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    logging_in(world, screens)
    world.screen = screens["login"].replace("Lab Admin", "Somebody Else")
    with pytest.raises(NotPossible, match="does not show 'Lab Admin'"):
        login.ensure(by_hand, deadline=deadline)
    assert "type a secret" not in world.log


def test_a_password_that_leads_nowhere_blames_the_keyboard(
    world: Any, by_hand: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    logging_in(world, screens)
    world.on_key = lambda key: None
    with pytest.raises(BenchError) as failed:
        login.ensure(by_hand, deadline=deadline)
    assert failed.value.wire == "mini.keyboard"


def test_nobody_and_no_screen_is_the_macs_preparation(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.commands["stat -f"] = True, "root\n"
    rig.wires = replace(rig.wires, screen=None)
    with pytest.raises(NotPossible, match="PREP-05"):
        login.ensure(rig, deadline=deadline)


def test_a_sleeping_display_is_woken_by_a_modifier(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.shell_up, world.screen, world.commands["stat -f"] = True, None, "admin\n"
    world.on_key = lambda key: setattr(world, "screen", screens["desktop"])
    assert login.ensure(rig, deadline=deadline) == "admin"
    assert [line for line in world.log if line.startswith("press")] == ["press shift"]
