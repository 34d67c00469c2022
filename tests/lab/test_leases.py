"""A lease ends with its owner, and the next one is let in at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
import pytest

from kextrel.errors import BenchError, UsageError
from kextrel.lab.leases import lease, state_folder
from kextrel.timing import Deadline

HOLD = """
import sys
from kextrel.lab.leases import lease, state_folder
from kextrel.timing import Deadline
with lease(state_folder(), "mini-1", "mini", deadline=Deadline.after(30)):
    print("held", flush=True)
    sys.stdin.readline()
print("given back", flush=True)
sys.stdin.readline()
"""


def soon(seconds: float = 60) -> Deadline:
    return Deadline.after(seconds, "waiting for mini")


Owner = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    """Starts another process that holds the lease of `mini-1` until a line is written to it."""
    started: list[subprocess.Popen[bytes]] = []
    script = tmp_path / "nightly_run.py"
    script.write_text(HOLD)

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, str(script), "--all"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_is_told_who_has_it(owner: Owner) -> None:
    other = owner()
    with pytest.raises(BenchError) as caught, lease(state_folder(), "mini-1", "mini", deadline=soon(0.1)):
        raise AssertionError("two owners")
    assert str(caught.value).startswith(f"mini: it is in use by process {other.pid} (")
    assert "nightly_run.py --all); wait for its owner" in str(caught.value)
    with lease(state_folder(), "mini-2", "mini", deadline=soon()):
        assert True, "another Mac is free"


def test_who_waits_is_in_at_once(owner: Owner) -> None:
    other = owner()
    assert other.stdin is not None
    freed: list[float] = []

    def give_back() -> None:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(b"\n")
        other.stdin.flush()
        assert other.stdout.readline() == b"given back\n"
        freed.append(time.monotonic())

    timer = threading.Timer(0.3, give_back)
    timer.start()
    with lease(state_folder(), "mini-1", "mini", deadline=soon()):
        entered = time.monotonic()
    timer.join()
    assert entered - freed[0] < 10, "not at the end of its patience"


def test_a_killed_owner_leaves_nothing_behind(owner: Owner) -> None:
    other = owner()
    other.send_signal(signal.SIGKILL)
    other.wait()
    with lease(state_folder(), "mini-1", "mini", deadline=soon()):
        assert sorted(path.name for path in state_folder().iterdir()) == ["mini-1.holder", "mini-1.lease"]
    assert list(state_folder().iterdir()) == []


def test_one_process_does_not_lease_twice() -> None:
    with lease(state_folder(), "mini-1", "mini", deadline=soon()):
        with (
            pytest.raises(BenchError, match="it is in use by process"),
            lease(state_folder(), "mini-1", "mini", deadline=soon(0.1)),
        ):
            raise AssertionError("two owners")
        assert (state_folder() / "mini-1.holder").exists()


def test_an_error_gives_it_back() -> None:
    with pytest.raises(ValueError, match="out"), lease(state_folder(), "mini-1", "mini", deadline=soon()):
        raise ValueError("out")
    with lease(state_folder(), "mini-1", "mini", deadline=soon()):
        assert True


def test_many_take_turns_and_never_two(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def take() -> None:
        for _ in range(5):
            with lease(state_folder(), "mini-1", "mini", deadline=soon()):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    people = [threading.Thread(target=take) for _ in range(4)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert most == [1] * 20


def test_state_is_the_users_unless_said(state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert state_folder() == state
    monkeypatch.delenv("KEXTREL_STATE")
    monkeypatch.setattr(platformdirs, "user_state_dir", lambda name, appauthor: str(tmp_path / name))
    assert state_folder() == tmp_path / "kextrel"
    (tmp_path / "file").touch()
    monkeypatch.setenv("KEXTREL_STATE", str(tmp_path / "file" / "below"))
    with pytest.raises(UsageError, match=r"cannot keep leases in .*; set KEXTREL_STATE"):
        state_folder()
