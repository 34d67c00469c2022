"""One look at a Mac against one single command (target: 1.5 times its time), and against the same facts by separate
commands. All of it in turns, on one connection.

A virtual Mac answers a command in a few milliseconds and does one thing at a time, so there a look costs what its
sections cost together. A Mac's tools take tenths of a second and have several cores: that is tried with programs of the
same names that wait as long, behind OpenSSH.
"""

from __future__ import annotations

import json
import secrets
import shlex
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Login
from kextrel.evidence import EvidenceLog
from kextrel.lab import default_profile_path
from kextrel.macos import observation
from kextrel.macos.observation import Observation
from kextrel.macos.probes import MACOS
from kextrel.timing import Deadline

TOOL_TAKES = 0.3  # seconds
SINGLE = ("sw_vers", "systemextensionsctl list", "kmutil showloaded")


@pytest.fixture(scope="module")
def shell(here: str) -> Iterator[SshShell]:
    """Of the virtual lab's mini, which another process serves."""
    serving = [here, "-m", "kextrel.cli", "virtual", "serve", str(default_profile_path())]
    with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = (json.loads(line) for line in child.stdout)
        ssh = next(one["ssh"] for one in lines if one["name"] == "mini")
        login, pins = Login(ssh["user"], password=ssh["password"]), [ssh["host_key"]]
        made = SshShell("mini.shell", ssh["host"], ssh["port"], login, pins, EvidenceLog("mini"))
        try:
            yield made
        finally:
            made.close()
            child.terminate()


@pytest.fixture(scope="module")
def slow(sshd: Any) -> Iterator[SshShell]:
    """Of OpenSSH on this machine."""
    login = Login(sshd.user, key=sshd.key)
    made = SshShell("slow.shell", "127.0.0.1", sshd.port, login, [sshd.host_key], EvidenceLog("slow"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program for each tool that a look asks, none of which answers before TOOL_TAKES seconds."""
    folder = tmp_path_factory.mktemp("tools")
    for name in {probe.command[0] for probe in MACOS} - {"cat"}:  # which sends the answer, too
        (folder / name).write_text(f"#!/bin/sh\nsleep {TOOL_TAKES}\necho $0\n")
        (folder / name).chmod(0o755)
    return folder


def test_one_look_where_tools_are_as_slow_as_a_macs(slow: SshShell, tools: Path, rounds: int, tell: Any) -> None:
    path = f"PATH={shlex.quote(str(tools))}:/usr/bin:/bin"
    ways: dict[str, Callable[[], None]] = {
        "one look": lambda: look_with(slow, f"{path} {observation.COMMAND}"),
        "one command": lambda: ask(slow, f"{path} systemextensionsctl list"),
    }
    took = in_turns(ways, rounds)
    mine, other = took["one look"], took["one command"]
    tell(
        f"one look where each tool takes {TOOL_TAKES} s: {mine * 1000:.0f} ms, "
        f"one command {other * 1000:.0f}: {mine / other:.1f} (target 1.5)"
    )


def test_one_look(shell: SshShell, rounds: int, tell: Any) -> None:
    ways: dict[str, Callable[[], None]] = {
        "one look": lambda: look(shell),
        "its facts by separate commands": lambda: separately(shell),
        **{command: lambda command=command: ask(shell, command) for command in SINGLE},
    }
    took = in_turns(ways, rounds)
    mine = took.pop("one look")
    for name, other in took.items():
        target = " (target 1.5)" if name in SINGLE else ""
        tell(f"one look at a virtual Mac: {mine * 1000:.0f} ms, {name} {other * 1000:.0f}: {mine / other:.1f}{target}")


def in_turns(ways: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """The median of each, in seconds; a first round is not counted."""
    turns = [{name: timed(way) for name, way in ways.items()} for _ in range(rounds + 1)][1:]
    return {name: statistics.median(turn[name] for turn in turns) for name in ways}


def timed(way: Callable[[], None]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def look(shell: SshShell) -> None:
    assert look_with(shell, observation.COMMAND).macos.known


def look_with(shell: SshShell, command: str) -> Observation:
    token = secrets.token_hex(16)
    done = shell.run(command, deadline=Deadline.after(60), input=observation.script(token).encode())
    seen = observation.read(done.stdout, token=token)
    assert not seen.problem
    return seen


def separately(shell: SshShell) -> None:
    for probe in MACOS:
        ask(shell, ("sudo -n " if probe.root else "") + probe.line.removeprefix("sudo "))


def ask(shell: SshShell, command: str) -> None:
    shell.run(command, deadline=Deadline.after(60))
