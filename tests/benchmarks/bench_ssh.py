"""Commands a second over SSH, on one OpenSSH sshd: our shell against labgrid's SSHDriver. Target: at least twice."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Login
from kextrel.evidence import EvidenceLog
from kextrel.timing import Deadline

COMMANDS = 100
LABGRID = """
import json, sys, time
from labgrid import Environment
target = Environment(sys.argv[1]).get_target()
driver = target.get_driver("SSHDriver")
driver.run_check("true")
found = []
for _ in range(int(sys.argv[2])):
    began = time.perf_counter()
    for _ in range(int(sys.argv[3])):
        assert driver.run("true")[2] == 0
    found.append(time.perf_counter() - began)
print(json.dumps(found))
target.deactivate(driver)
"""


@pytest.fixture
def shell(sshd: Any) -> Iterator[SshShell]:
    made = SshShell(
        "bench", "127.0.0.1", sshd.port, Login(sshd.user, key=sshd.key), [sshd.host_key], EvidenceLog("bench")
    )
    yield made
    made.close()


def test_commands_a_second(
    benchmark: Any, shell: SshShell, sshd: Any, labgrid: str, child: Any, rounds: int, tell: Any, tmp_path: Path
) -> None:
    def ours() -> None:
        for _ in range(COMMANDS):
            assert shell.run("true", deadline=Deadline.after(30)).exit_code == 0

    benchmark.pedantic(ours, rounds=rounds, warmup_rounds=1)
    mine = COMMANDS / benchmark.stats.stats.median
    theirs = COMMANDS / statistics.median(child(labgrid, LABGRID, environment(sshd, tmp_path), rounds, COMMANDS))
    tell(f"SSH commands a second: {mine:.0f}, labgrid {theirs:.0f}: {mine / theirs:.1f} times (target 2)")


def environment(sshd: Any, folder: Path) -> Path:
    """labgrid's description of the server."""
    path = folder / "labgrid.yaml"
    path.write_text(
        "targets:\n  main:\n    resources:\n"
        f"      NetworkService: {{address: 127.0.0.1, port: {sshd.port}, username: {sshd.user}}}\n"
        f"    drivers:\n      SSHDriver: {{keyfile: {sshd.key}}}\n"
    )
    return path


OURS = """
import pytest
from kextrel.evidence import EvidenceLog

@pytest.fixture(scope="session")
def shell(lab):
    with lab.open("peer", EvidenceLog("peer")) as mac:
        yield mac.wires.shell
"""
MY_TEST = """
import pytest
from kextrel.timing import Deadline

@pytest.mark.parametrize("n", range(100))
def test_it(shell, n):
    assert shell.run("true", deadline=Deadline.after(30)).exit_code == 0
"""
THEIR_TEST = """
import pytest

@pytest.fixture(scope="session")
def shell(target):
    return target.get_driver("SSHDriver")

@pytest.mark.parametrize("n", range(100))
def test_it(shell, n):
    assert shell.run("true")[2] == 0
"""
BARE_TEST = """
import pytest

@pytest.mark.parametrize("n", range(100))
def test_it(n):
    assert n >= 0
"""


def test_a_hundred_tests_with_a_command_each(
    sshd: Any,
    here: str,
    labgrid: str,
    cost_of: Callable[..., list[Any]],
    rounds: int,
    tell: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    projects(sshd, tmp_path)
    monkeypatch.setenv("NO_PASSWORD", "none is needed")
    monkeypatch.setenv("KEXTREL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    quiet = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    lab = ["-p", "kextrel.plugin", "--kextrel-lab", str(tmp_path / "lab.yaml")]
    grid = ["-p", "labgrid.pytestplugin", "--lg-env", str(environment(sshd, tmp_path))]
    commands = [
        [here, *quiet, *lab, "ours/test_it.py"],
        [labgrid, *quiet, *grid, "theirs.py"],
        [here, *quiet, "bare.py"],
    ]
    costs = cost_of(commands, rounds, tmp_path)
    for what in ("wall", "cpu"):
        mine, theirs, bare = (getattr(one, what) for one in costs)
        ratios = f"{mine / bare:.1f} times bare pytest (target 2.5), {theirs / mine:.1f} times as fast as labgrid (3.2)"
        told = f"{mine:.2f} s, labgrid {theirs:.2f} s, bare pytest {bare:.2f} s: {ratios}"
        tell(f"100 tests with a command each, {what} time: {told}")


def projects(sshd: Any, folder: Path) -> None:
    """A hundred tests for each of the three, and our lab with the server for a Mac."""
    (folder / "ours").mkdir()
    (folder / "ours" / "conftest.py").write_text(OURS)
    (folder / "ours" / "test_it.py").write_text(MY_TEST)
    (folder / "theirs.py").write_text(THEIR_TEST)
    (folder / "bare.py").write_text(BARE_TEST)
    (folder / "lab.yaml").write_text(
        "schema: kextrel/lab/v1\nname: bench\nmacs:\n  peer:\n    architecture: intel\n    macos: '12.7'\n"
        f"    accounts: {{admin: {{user: {sshd.user}, password: env:NO_PASSWORD}}}}\n"
        f"    wires: {{shell: {{driver: ssh, host: 127.0.0.1, port: {sshd.port}, key: {sshd.key}, "
        f"host_keys: ['{sshd.host_key}']}}}}\n"
    )
