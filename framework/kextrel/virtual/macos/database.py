"""SQLite on bytes that anybody may have written: in memory, bounded, and with no way out to the host."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

__all__ = ["LIMIT", "opened"]

LIMIT = 16 << 20
"""Bytes of a database, of a statement, of one value."""

_STEPS, _MOST_ROUNDS = 10_000, 200
_DENIED = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})


@contextmanager
def opened(content: bytes) -> Iterator[sqlite3.Connection]:
    """A connection to the database in `content` (empty: a new one), in autocommit.

    ATTACH and VACUUM INTO are denied, nothing is larger than LIMIT, and what runs on without end is interrupted.
    Raises sqlite3.Error for bytes that are no database.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        if content:
            database.deserialize(content)
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LIMIT)
        rounds = iter(range(_MOST_ROUNDS))
        database.set_progress_handler(lambda: next(rounds, None) is None, _STEPS)
        database.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action in _DENIED else sqlite3.SQLITE_OK)
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield database
