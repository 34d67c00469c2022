"""One Mac, one owner at a time, across processes and people: a lock file a Mac, held for its owner's life.

A crashed owner leaves nothing behind: the lock ends with its process, and the next one is let in at once. Beside the
lock lies a note that says who holds it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import platformdirs

from kextrel.errors import BenchError

__all__ = ["lease", "state_folder"]


def state_folder(lab: str) -> Path:
    """Where leases and quarantines of one lab are kept; KEXTREL_STATE names another place for all labs."""
    base = os.environ.get("KEXTREL_STATE") or platformdirs.user_state_dir("kextrel", appauthor=False)
    folder = Path(base) / lab
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def lease(folder: Path, mac: str, *, wait: float) -> Iterator[None]:
    """Holds the Mac `mac`. Raises BenchError that names the holder when it is not free within `wait` wall seconds."""
    lock = filelock.FileLock(folder / f"{mac}.lease")
    note = folder / f"{mac}.holder"
    try:
        lock.acquire(timeout=wait, poll_interval=0.02)
    except filelock.Timeout:
        raise BenchError(
            f"it is in use by {_holder(note)}", wire=mac, hint="wait for its owner, or use another Mac"
        ) from None
    try:
        note.write_text(json.dumps({"pid": os.getpid(), "command": " ".join(sys.argv)[:200]}), encoding="utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        return f"process {said['pid']} ({said['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "somebody who left no name"
