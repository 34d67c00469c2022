"""One Mac, one owner at a time, across processes and people: a lock file a Mac, held for its owner's life.

A crashed owner leaves nothing behind: the lock ends with its process, and the next one is let in at once. Beside the
lock lies a note that says who holds it. Leases and quarantines are kept in the user's state folder; KEXTREL_STATE names
another one, for people who share a bench.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import platformdirs

from kextrel.errors import BenchError, UsageError
from kextrel.timing import Deadline

__all__ = ["lease", "state_folder"]

_LOOK_AGAIN = 0.02  # wall seconds between two tries of the lock: who waits is in at once when it is free
_SHARED = 0o666  # in a shared state folder the next owner may be another user


def state_folder() -> Path:
    """Where leases and quarantines are kept; made when it is not there."""
    given = os.environ.get("KEXTREL_STATE")
    folder = Path(given) if given else Path(platformdirs.user_state_dir("kextrel", appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "set KEXTREL_STATE to a folder that you may write"
        raise UsageError(f"cannot keep leases in {folder}: {error.strerror}; {hint}") from error
    return folder


@contextmanager
def lease(folder: Path, key: str, mac: str, *, deadline: Deadline) -> Iterator[None]:
    """Holds the Mac that `key` names, `mac` for people. Raises BenchError that names the holder when time is up."""
    path, note = folder / f"{key}.lease", folder / f"{key}.holder"
    lock = filelock.FileLock(path, mode=_SHARED, thread_local=False)
    try:
        lock.acquire(timeout=deadline.remaining, poll_interval=_LOOK_AGAIN)
    except filelock.Timeout:
        hint = "wait for its owner, or use another Mac"
        raise BenchError(f"it is in use by {_holder(note)}", wire=mac, hint=hint) from None
    except OSError as error:
        raise UsageError(f"cannot lease {mac}: {path}: {error.strerror}; look at the folder's permissions") from error
    try:
        _sign(note)
        yield
    finally:
        note.unlink(missing_ok=True)
        path.unlink(missing_ok=True)  # while it is ours: filelock sees that a file it waited for is gone
        lock.release()


def _sign(note: Path) -> None:
    """A new file each time: an earlier owner's note may be another user's."""
    said = json.dumps({"pid": os.getpid(), "command": shlex.join(sys.argv)[:200]})
    fresh = note.with_name(f"{note.name}.{os.getpid()}")
    fresh.write_text(said, encoding="utf-8")
    fresh.replace(note)


def _holder(note: Path) -> str:
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        return f"process {int(said['pid'])} ({said['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "somebody who left no name"
