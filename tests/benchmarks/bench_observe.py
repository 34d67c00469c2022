"""One look at a Mac against one single command (target: 1.5 times its time), and against the same facts by separate
commands, on a virtual Mac over SSH. All of it in turns, on one connection.
"""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Login
from kextrel.evidence import EvidenceLog
from kextrel.lab import default_profile_path
from kextrel.macos import observation
from kextrel.macos.probes import MACOS
from kextrel.timing import Deadline

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


def test_one_look(shell: SshShell, rounds: int, tell: Any) -> None:
    ways: dict[str, Callable[[], None]] = {
        "one look": lambda: look(shell),
        "its facts by separate commands": lambda: separately(shell),
        **{command: lambda command=command: ask(shell, command) for command in SINGLE},
    }
    turns = [{name: timed(way) for name, way in ways.items()} for _ in range(rounds + 1)][1:]
    took = {name: statistics.median(turn[name] for turn in turns) for name in ways}
    mine = took.pop("one look")
    for name, other in took.items():
        target = " (target 1.5)" if name in SINGLE else ""
        tell(f"one look at a virtual Mac: {mine * 1000:.0f} ms, {name} {other * 1000:.0f}: {mine / other:.1f}{target}")


def timed(way: Callable[[], None]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def look(shell: SshShell) -> None:
    token = secrets.token_hex(16)
    script = observation.script(token).encode()
    done = shell.run(observation.COMMAND, deadline=Deadline.after(60), input=script)
    seen = observation.read(done.stdout, token=token)
    assert not seen.problem
    assert seen.macos.known


def separately(shell: SshShell) -> None:
    for probe in MACOS:
        ask(shell, ("sudo -n " if probe.root else "") + probe.line.removeprefix("sudo "))


def ask(shell: SshShell, command: str) -> None:
    shell.run(command, deadline=Deadline.after(60))
