"""One Mac, one owner at a time, across processes and people: a lock file a wire, held for its owner's life.

A Mac is held as soon as one of its wires is, whatever the other profile names it or leaves out; see `lab.ends`. A
crashed owner leaves nothing behind: the locks end with its process, and the next one is let in at once. Beside each
lock lies a note that says who holds it. Leases and quarantines are kept in the user's state folder; KEXTREL_STATE names
another one, for people who share a bench.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import filelock
import platformdirs

from kextrel.errors import BenchError, UsageError
from kextrel.lab import notes
from kextrel.lab.ends import End
from kextrel.timing import Deadline

__all__ = ["lease", "state_folder", "state_path"]

_LOOK_AGAIN = 0.02  # wall seconds between two tries of a lock: who waits is in at once when it is free
_SHARED = 0o666  # in a shared state folder the next owner may be another user


def state_path() -> Path:
    """Where leases and quarantines are kept, if any ever were."""
    given = os.environ.get("KEXTREL_STATE")
    return Path(given) if given else Path(platformdirs.user_state_dir("kextrel", appauthor=False))


def state_folder() -> Path:
    """Where leases and quarantines are kept; made when it is not there."""
    folder = state_path()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "set KEXTREL_STATE to a folder that you may write"
        raise UsageError(f"cannot keep leases in {folder}: {error.strerror}; {hint}") from error
    return folder


@contextmanager
def lease(folder: Path, mac: str, ends: Iterable[End], *, deadline: Deadline) -> Iterator[None]:
    """Holds the Mac that people call `mac`: every one of its wires, or none.

    Everybody takes them in one order, so that two who want the same wires cannot wait for each other. Raises BenchError
    that names the wire and its holder when time is up.
    """
    places = {end.at: end for end in ends}
    with ExitStack() as held:
        for at in sorted(places):
            held.enter_context(_held(folder, mac, places[at], deadline))
        yield


@contextmanager
def _held(folder: Path, mac: str, end: End, deadline: Deadline) -> Iterator[None]:
    key = f"wire-{hashlib.sha256(end.at.encode()).hexdigest()[:16]}"
    path, note = folder / f"{key}.lease", folder / f"{key}.holder"
    lock = filelock.FileLock(path, mode=_SHARED, thread_local=False)
    try:
        lock.acquire(timeout=deadline.remaining, poll_interval=_LOOK_AGAIN)
    except filelock.Timeout:
        raise _refusal(note, mac, end.wire) from None
    except OSError as error:
        raise UsageError(f"cannot lease {mac}: {path}: {error.strerror}; look at the folder's permissions") from error
    with ExitStack() as after:
        after.callback(lock.release)
        after.callback(_taken_away, path)  # while it is ours: filelock sees that a file it waited for is gone
        _sign(note, mac)
        after.callback(_taken_away, note)
        yield


def _taken_away(path: Path) -> None:
    """In a sticky folder (/tmp) another user's file stays, which holds nothing: what counts is the lock on it."""
    with suppress(PermissionError):
        path.unlink(missing_ok=True)


def _sign(note: Path, mac: str) -> None:
    command, since = shlex.join(sys.argv)[:200], datetime.now(UTC).isoformat(timespec="seconds")
    notes.write(note, {"pid": os.getpid(), "command": command, "mac": mac, "since": since})


def _refusal(note: Path, mac: str, wire: str) -> BenchError:
    hint = "wait for its owner, or use another Mac"
    try:
        said = notes.read(note) or {}
        pid, theirs = int(said["pid"]), str(said["mac"])
        holder = f"process {pid} ({said['command']}), as '{theirs}' since {said['since']}"
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return BenchError("it is in use by somebody who left no name", wire=wire, hint=hint)
    if pid == os.getpid() and theirs != mac:
        hint = f"'{theirs}' and '{mac}' are one Mac or share this wire: use them one after the other"
    return BenchError(f"it is in use by {holder}", wire=wire, hint=hint)
