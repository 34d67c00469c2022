"""Benchmarks: ratios of two things measured in one run, beside each other, and what a virtual Mac costs.

`ci/bench` runs them; nothing here asserts a time. labgrid has an environment of its own, which KEXTREL_LABGRID names.
"""

from __future__ import annotations

import json
import os
import pwd
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loopback import SSHD, free_port, until_listening

_MEASURED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_MEASURED] = []


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.stash[_MEASURED]:
        terminalreporter.section("measured")
    for line in config.stash[_MEASURED]:
        terminalreporter.write_line(line)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds a line to what is printed at the end."""
    return request.config.stash[_MEASURED].append


@pytest.fixture
def rounds() -> int:
    """How often each side is measured; KEXTREL_BENCH_ROUNDS says."""
    return int(os.environ.get("KEXTREL_BENCH_ROUNDS", "5"))


@pytest.fixture(scope="session")
def labgrid() -> str:
    """The Python that has labgrid."""
    python = os.environ.get("KEXTREL_LABGRID")
    if not python:
        pytest.skip("KEXTREL_LABGRID names no Python with labgrid; ci/bench makes one")
    return python


@dataclass(frozen=True)
class Sshd:
    """OpenSSH's own server on loopback."""

    port: int
    user: str
    key: Path
    host_key: str


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder = tmp_path_factory.mktemp("sshd")
    if not SSHD.exists():
        pytest.skip(f"no {SSHD}; ci/install-peers installs it")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_bytes((folder / "user.pub").read_bytes())
    port = free_port()
    lines = [f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder}/host", "UsePAM no", "StrictModes no"]
    lines += [f"AuthorizedKeysFile {folder}/authorized", "PermitRootLogin prohibit-password", "MaxSessions 50"]
    lines += [f"SetEnv HOME={folder}"]  # no start-up files of the user's, which may take longer than any driver
    (folder / "config").write_text("\n".join([*lines, f"PidFile {folder}/pid"]) + "\n")
    child = subprocess.Popen([SSHD, "-D", "-f", folder / "config", "-E", folder / "log"], start_new_session=True)
    try:
        until_listening(port)
        user = pwd.getpwuid(os.getuid()).pw_name
        yield Sshd(port, user, folder / "user", (folder / "host.pub").read_text().strip())
    finally:
        child.terminate()
        child.wait()


@pytest.fixture(scope="session")
def child(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`child(python, script, *arguments)`: a fresh process; the JSON object that it prints last. It prints into files,
    for what it leaves behind (an SSH master) would hold a pipe open."""

    def run(python: str, script: str, *arguments: object) -> Any:
        folder = tmp_path_factory.mktemp("child")
        with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
            command = [python, "-c", script, *map(str, arguments)]
            code = subprocess.run(command, stdout=out, stderr=err, check=False, timeout=200).returncode
        assert code == 0, (folder / "err").read_text()
        return json.loads((folder / "out").read_text().splitlines()[-1])

    return run


@dataclass(frozen=True)
class Cost:
    """Medians, in seconds: `wall`, and `cpu`, which other work on the machine disturbs less."""

    wall: float
    cpu: float


@pytest.fixture(scope="session")
def cost_of() -> Callable[..., list[Cost]]:
    """`cost_of(commands, rounds, folder)`: the Cost of each command, run in turns so that what else the machine does
    falls on all alike. One round more, which is not counted, warms up."""

    def measure(commands: Sequence[Sequence[str]], rounds: int, folder: Path) -> list[Cost]:
        turns = [[_once(command, folder) for command in commands] for _ in range(rounds + 1)][1:]
        return [
            Cost(statistics.median(one.wall for one in own), statistics.median(one.cpu for one in own))
            for own in zip(*turns, strict=True)
        ]

    return measure


def _once(command: Sequence[str], folder: Path) -> Cost:
    with (folder / "said").open("w") as said:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        code = subprocess.run(command, cwd=folder, stdout=said, stderr=said, check=False).returncode
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert code == 0, (folder / "said").read_text()
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


@pytest.fixture(scope="session")
def here() -> str:
    """The Python that has Kextrel."""
    return sys.executable
