"""Scripts and prompts in recovery's Terminal."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.flows import terminal
from kextrel.device.flows.terminal import Answer
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, UnreadableAnswer
from kextrel.timing import Deadline

ANSWERS = [Answer("enterusername", "admin"), Answer("enterpassword", "correct-horse", secret=True)]


def prompting(world: Any, screens: dict[str, str], asked: list[str]) -> None:
    """A tool that prints one line of `asked` after each Return, then ends."""
    lines = iter(asked)

    def word() -> str:
        return world.offered[-1].split("echo 'begin ")[1].split("'")[0]

    def key(pressed: str) -> None:
        if pressed.startswith("curl"):
            world.screen = screens["terminal"] + pressed
        elif pressed == "return":
            first = "begin " not in world.screen
            world.screen += f"\nbegin {word()}\n" if first else "\n"
            world.screen += next(lines, f"end {word()}\n-bash-3.2# ")
        elif pressed == "admin":
            world.screen += pressed

    world.on_key, world.screen = key, screens["terminal"]


def test_a_script_is_fetched_with_few_characters(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen, world.reports = screens["terminal"], [b"answer"]
    assert terminal.run(rig, "bputil -d", deadline=deadline) == b"answer"
    assert world.log == ["type curl -sSo /tmp/k http://127.0.0.1:8000/t1; sh /tmp/k", "press return", "withdraw t1"]
    assert "bputil -d\n" in world.offered[0]
    assert "@REPORT@" in world.offered[0]


def test_each_prompt_is_answered_once(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    prompting(world, screens, ["Enter username: ", "Enter password: "])
    world.reports = [b"before", b"0", b"after"]
    talk = terminal.converse(rig, "bputil -k", ANSWERS, observe="bputil -d", deadline=deadline)
    assert (talk.exit_code, talk.before, talk.after) == (0, b"before", b"after")
    assert world.log[2:6] == ["type admin", "press return", "type a secret", "press return"]


def test_a_tool_that_works_after_its_prompt_is_not_given_the_password_again(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    prompting(world, screens, ["Enter username: ", "Enter password: "])
    world.reports = [b"", b"0", b""]
    inner = world.on_key

    def key(pressed: str) -> None:
        if pressed == "return" and world.log.count("type a secret") == 1:
            world.on_look = lambda: inner("return")  # the line stays for one look more
            return
        inner(pressed)

    world.on_key = key
    terminal.converse(rig, "bputil -k", ANSWERS, observe="true", deadline=deadline)
    assert world.log.count("type a secret") == 1


def test_a_tool_that_asks_again_is_answered_again(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    prompting(world, screens, ["Enter password: ", "Sorry.\nEnter password: "])
    world.reports = [b"", b"1", b""]
    talk = terminal.converse(rig, "csrutil disable", ANSWERS, observe="true", deadline=deadline)
    assert world.log.count("type a secret") == 2
    assert talk.exit_code == 1
    assert "Sorry." in talk.screen


def test_prompts_of_an_earlier_command_are_not_answered(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    prompting(world, screens, [])
    world.screen += "bputil -d\nEnter username: admin\nEnter password: \n-bash-3.2# "
    world.reports = [b"", b"0", b""]
    terminal.converse(rig, "true", ANSWERS, observe="true", deadline=deadline)
    assert "type admin" not in world.log
    assert "type a secret" not in world.log


def test_a_tool_without_its_prompt_ends_at_the_deadline(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    prompting(world, screens, ["Pick a macOS installation (1..2): "])
    world.reports = [b"", b"0", b""]
    with pytest.raises(BenchError, match="prompt"):
        terminal.converse(rig, "csrutil disable", ANSWERS, observe="true", deadline=deadline)
    assert world.log[-4:-3] == ["press control+c"]
    assert sorted(world.log[-3:]) == ["withdraw t1", "withdraw t2", "withdraw t3"]


def test_a_line_that_terminal_does_not_show_blames_the_keyboard(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.screen, world.lost = screens["terminal"], ["", ""]
    with pytest.raises(BenchError) as failed:
        terminal.run(rig, "true", deadline=deadline)
    assert failed.value.wire == "mini.keyboard"
    assert "press return" not in world.log


def test_a_script_takes_itself_away_first(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    """A line with a lost key must not run what an earlier one left."""
    world.screen, world.reports = screens["terminal"], [b"", b"answer", b"0", b""]
    terminal.run(rig, "bputil -d", deadline=deadline)
    assert world.offered[0].startswith("rm -f /tmp/k\n")


@pytest.mark.parametrize("code", [b"", b"27 ", b"TOKEN begin 65536", b"-1", b"999"])
def test_a_report_that_is_no_exit_code_is_no_answer(code: bytes) -> None:
    if code == b"27 ":
        assert terminal.exit_code("kmutil", code) == 27
    else:
        with pytest.raises(UnreadableAnswer):
            terminal.exit_code("kmutil", code)


def test_a_report_that_comes_twice_is_not_taken_for_the_next(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    """curl --retry sends again what was taken already: each report has its own ticket."""
    prompting(world, screens, [])
    world.reports = [b"before", b"0", b"after"]
    terminal.converse(rig, "true", ANSWERS, observe="post @REPORT@", deadline=deadline)
    script = world.offered[-1]
    assert script.count("@REPORT@") == 1
    assert script.index("@REPORT@") < script.index("/t1 ") < script.index("/t2\n")


def test_a_line_that_is_there_without_a_report_blames_the_beacon(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    def key(pressed: str) -> None:
        if pressed.startswith("curl"):
            world.screen += pressed + "\ncurl: (7) Failed to connect"

    world.on_key, world.screen = key, screens["terminal"]
    with pytest.raises(BenchError, match="PREP-12") as failed:
        terminal.run(rig, "true", deadline=deadline)
    assert failed.value.wire == "mini.beacon"
