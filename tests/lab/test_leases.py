"""A lease holds each wire of a Mac, ends with its owner, and the next one is let in at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import platformdirs
import pytest

from kextrel.errors import BenchError, UsageError
from kextrel.lab import leases
from kextrel.lab.ends import End
from kextrel.lab.leases import state_folder, state_path
from kextrel.timing import Deadline

HOLD = """
import json, sys
from kextrel.lab.ends import End
from kextrel.lab.leases import lease, state_folder
from kextrel.timing import Deadline
ends = [End(f"studio.{at}", at, frozenset()) for at in json.loads(sys.argv[2])]
for _ in range(int(sys.argv[3])):
    with lease(state_folder(), "studio", ends, deadline=Deadline.after(120)):
        print("held", flush=True)
        sys.stdin.readline()
print("given back", flush=True)
sys.stdin.readline()
"""


def soon(seconds: float = 60) -> Deadline:
    return Deadline.after(seconds, "waiting for mini")


def lease(*ats: str, deadline: Deadline | None = None, mac: str = "mini") -> AbstractContextManager[None]:
    ends = [End(f"{mac}.wire ({at})", at, frozenset()) for at in ats]
    return leases.lease(state_folder(), mac, ends, deadline=deadline or soon())


Owner = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    """Starts another process that holds these wires, as often as is said, until a line is written to it."""
    started: list[subprocess.Popen[bytes]] = []
    script = tmp_path / "nightly_run.py"
    script.write_text(HOLD)

    def start(*ats: str, times: int = 1) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, str(script), "--all", json.dumps(ats), str(times)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_is_told_who_has_which_wire_since_when(owner: Owner) -> None:
    other = owner("ssh studio:22", "relay#1", "relay#2", "kvm")
    for shared in ("ssh studio:22", "relay#1", "relay#2", "kvm"):
        with pytest.raises(BenchError) as caught, lease("ssh mini:22", shared, deadline=soon(0)):
            raise AssertionError("two owners")
        said = str(caught.value)
        assert said.startswith(f"mini.wire ({shared}): it is in use by process {other.pid} (")
        assert "nightly_run.py --all" in said
        assert "), as 'studio' since 20" in said
        assert said.endswith("+00:00; wait for its owner, or use another Mac")
    with lease("ssh mini:22", "relay#3"):
        assert len(list(state_folder().glob("*.lease"))) == 6, "another channel of the board is another Mac's"
    with pytest.raises(BenchError, match=r"mini\.wire \(kvm\)"), lease("a", "kvm", "z", deadline=soon(0)):
        raise AssertionError("two owners")
    with lease("a", "z", deadline=soon(0)):
        assert True, "who was refused holds nothing"


def test_who_waits_is_in_at_once(owner: Owner) -> None:
    other = owner("a", "b")
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
    with lease("a", "b"):
        entered = time.monotonic()
    timer.join()
    assert entered - freed[0] < 10, "not at the end of its patience"


def test_a_killed_owner_leaves_nothing_behind(owner: Owner) -> None:
    other = owner("a", "b", "c")
    other.send_signal(signal.SIGKILL)
    other.wait()
    with lease("c", "b", "a", deadline=soon(0)):
        assert sorted(path.suffix for path in state_folder().iterdir()) == [".holder"] * 3 + [".lease"] * 3
    assert list(state_folder().iterdir()) == []


def test_two_who_want_the_same_wires_never_wait_for_each_other(owner: Owner) -> None:
    """Each took them in the order of its profile, and would soon hold what the other one waits for."""
    other = owner("a", "b", "c", times=20)
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write(b"\n" * 20)
    other.stdin.flush()
    for _ in range(20):
        with lease("c", "b", "a", deadline=soon(120)):
            assert len(list(state_folder().glob("*.lease"))) == 3
    assert other.stdout.read(len(b"held\n" * 19 + b"given back\n")).endswith(b"given back\n")


@pytest.mark.parametrize("wires", [("a", "b", "c"), ("c", "b", "a")])
def test_everybody_takes_them_in_one_order(wires: tuple[str, ...]) -> None:
    with lease("c", "b"), pytest.raises(BenchError, match=r"mini\.wire \(b\)"), lease(*wires, deadline=soon(0)):
        raise AssertionError("two owners")


def test_one_process_does_not_lease_twice() -> None:
    with lease("a", "b"):
        with pytest.raises(BenchError, match="it is in use by process") as caught, lease("a", deadline=soon(0)):
            raise AssertionError("two owners")
        assert "wait for its owner" in str(caught.value)
        with pytest.raises(BenchError, match="'mini' and 'ours' are one Mac"), lease("b", mac="ours", deadline=soon(0)):
            raise AssertionError("two owners")
        assert len(list(state_folder().glob("*.holder"))) == 2


def test_a_note_that_cannot_be_written_is_said_and_nothing_stays_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, mode: int) -> None:
        raise OSError(28, "No space left on device", path, mode)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "chmod", full)
        with pytest.raises(UsageError, match=r"cannot write .*: No space left on device; look"), lease("a", "b"):
            raise AssertionError("it is not signed")
    assert list(state_folder().iterdir()) == []
    with lease("a", "b", deadline=soon(0)):
        assert len(list(state_folder().glob("*.holder"))) == 2


def test_a_file_that_cannot_be_taken_away_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sticky folder the lock of an owner that was killed is another user's file."""

    def refused(path: Path, missing_ok: bool) -> None:
        raise PermissionError(1, "Operation not permitted", path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    for _ in range(2):
        with lease("a", deadline=soon(0)):
            assert len(list(state_folder().iterdir())) == 2


def test_one_end_that_two_wires_have_is_held_once() -> None:
    with lease("a", "a", "b", deadline=soon(0)):
        assert len(list(state_folder().glob("*.lease"))) == 2


@pytest.mark.parametrize(
    "note", ["", "[]", '{"pid": 1}', '{"pid": "x", "command": "", "mac": "", "since": ""}', "[" * 9999]
)
def test_a_holder_whose_note_cannot_be_read_holds_all_the_same(note: str) -> None:
    with lease("a"):
        next(state_folder().glob("*.holder")).write_text(note)
        with pytest.raises(BenchError, match="by somebody who left no name"), lease("a", deadline=soon(0)):
            raise AssertionError("two owners")


def test_an_error_gives_it_back() -> None:
    with pytest.raises(ValueError, match="out"), lease("a", "b"):
        raise ValueError("out")
    with lease("a", "b"):
        assert True


def test_many_take_turns_and_never_two(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def take() -> None:
        for _ in range(5):
            with lease("a", "b"):
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
    assert state_path() == state_folder() == state
    monkeypatch.delenv("KEXTREL_STATE")
    monkeypatch.setattr(platformdirs, "user_state_dir", lambda name, appauthor: str(tmp_path / name))
    assert state_folder() == tmp_path / "kextrel"
    (tmp_path / "file").touch()
    monkeypatch.setenv("KEXTREL_STATE", str(tmp_path / "file" / "below"))
    with pytest.raises(UsageError, match=r"cannot keep leases in .*; set KEXTREL_STATE"):
        state_folder()
