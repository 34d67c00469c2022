"""syspolicyd's database: who may load kexts and what was asked for, a real SQLite file in the Mac's file system.

Every question opens the file as it is now and every change writes it back, so that what a root shell did to it counts.
The schema is that of captures of macOS 10.13 to 15.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from kextrel.virtual.macos.database import LIMIT, opened
from kextrel.virtual.macos.files import read_bounded
from kextrel.virtual.unix.fs import FileSystem

__all__ = ["PATH", "Approval", "KextPolicy"]

FOLDER = "/private/var/db/SystemPolicyConfiguration"
PATH = f"{FOLDER}/KextPolicy"

_SCHEMA = (
    "CREATE TABLE kext_load_history_v3 ( path TEXT PRIMARY KEY, team_id TEXT, bundle_id TEXT, boot_uuid TEXT, "
    "created_at TEXT, last_seen TEXT, flags INTEGER )",
    "CREATE TABLE kext_policy ( team_id TEXT, bundle_id TEXT, allowed BOOLEAN, developer_name TEXT, flags INTEGER, "
    "PRIMARY KEY (team_id, bundle_id) )",
    "CREATE TABLE kext_policy_mdm ( team_id TEXT, bundle_id TEXT, allowed BOOLEAN, payload_uuid TEXT, "
    "PRIMARY KEY (team_id, bundle_id) )",
    "CREATE TABLE settings ( name TEXT, value TEXT, PRIMARY KEY (name) )",
)
_HASHED = "ALTER TABLE kext_load_history_v3 ADD COLUMN cdhash TEXT"
"""From 11 on the history knows which version of a kext was asked for."""
_MANAGED = 0x1
"""The flag of a load request that a profile allowed."""


@dataclass(frozen=True, order=True)
class Approval:
    """One row of kext_policy: team (empty: unsigned) and bundle identifier, and whether it was allowed."""

    team_id: str
    bundle_id: str
    allowed: bool
    developer_name: str


class KextPolicy:
    """The database on `disk`. A file that is missing or no database is made anew, as syspolicyd does."""

    def __init__(self, disk: FileSystem, *, hashes: bool = True) -> None:
        """`hashes`: the history has a column for them, as from macOS 11 on."""
        self._disk, self._hashes = disk, hashes

    @property
    def is_new(self) -> bool:
        """Whether there is no database yet."""
        return not self._disk.exists(PATH)

    def create(self) -> None:
        """Makes the empty database if there is none yet."""
        if self.is_new:
            self._disk.mkdir(FOLDER, parents=True, mode=0o755)
            self._disk.write_bytes(PATH, _empty(self._hashes), mode=0o644)

    def approvals(self) -> list[Approval]:
        """Every row of kext_policy, by team and bundle identifier."""
        with self._open() as database:
            rows = database.execute(
                "SELECT team_id, bundle_id, allowed, developer_name FROM kext_policy ORDER BY team_id, bundle_id"
            ).fetchall()
        return [Approval(str(team), str(bundle), bool(allowed), str(name)) for team, bundle, allowed, name in rows]

    def allowed(self, team_id: str, bundle_id: str) -> bool:
        """Whether a user allowed that very kext of that very team."""
        return any(row.allowed and (row.team_id, row.bundle_id) == (team_id, bundle_id) for row in self.approvals())

    def ask(self, team_id: str, bundle_id: str, developer_name: str) -> None:
        """Notes that a kext waits for its user; what was allowed before stays allowed."""
        with self._open() as database:
            database.execute(
                "INSERT OR IGNORE INTO kext_policy VALUES (?, ?, 0, ?, 0)", (team_id, bundle_id, developer_name)
            )

    def allow(self, team_id: str, bundle_id: str, developer_name: str) -> None:
        """Notes that its user allowed a kext."""
        with self._open() as database:
            database.execute(
                "INSERT OR REPLACE INTO kext_policy VALUES (?, ?, 1, ?, 0)", (team_id, bundle_id, developer_name)
            )

    def forget(self) -> None:
        """Takes every approval and the whole history away."""
        with self._open() as database:
            database.execute("DELETE FROM kext_policy")
            database.execute("DELETE FROM kext_load_history_v3")

    def manage(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """What profiles allow now: rows of team, bundle identifier ("" for all of a team) and the payload's UUID."""
        with self._open() as database:
            database.execute("DELETE FROM kext_policy_mdm")
            database.executemany("INSERT OR REPLACE INTO kext_policy_mdm VALUES (?, ?, 1, ?)", list(rows))

    def seen(
        self, path: str, team_id: str, bundle_id: str, cdhash: str, boot_uuid: str, now: float, *, managed: bool = False
    ) -> None:
        """Notes a load request for the kext at `path` at `now` (Mac seconds); `managed`: a profile allowed it then."""
        at = datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        row: dict[str, object] = {
            "path": path,
            "team_id": team_id,
            "bundle_id": bundle_id,
            "boot_uuid": boot_uuid,
            "created_at": at,
        }
        row |= {"last_seen": at, "flags": _MANAGED if managed else 0} | ({"cdhash": cdhash} if self._hashes else {})
        changed = ", ".join(f"{name}=excluded.{name}" for name in row if name not in ("path", "created_at"))
        with self._open() as database:
            database.execute(
                f"INSERT INTO kext_load_history_v3 ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) "  # noqa: S608
                f"ON CONFLICT(path) DO UPDATE SET {changed}",
                list(row.values()),
            )

    def asked(self) -> list[tuple[str, str, str]]:
        """Path, team and bundle identifier of every kext that was asked for."""
        with self._open() as database:
            rows = database.execute("SELECT path, team_id, bundle_id FROM kext_load_history_v3").fetchall()
        return [(str(path), str(team), str(bundle)) for path, team, bundle in rows]

    def managed(self) -> set[tuple[str, str]]:
        """Team and bundle identifier of what was asked for while a profile allowed it."""
        with self._open() as database:
            rows = database.execute(
                "SELECT team_id, bundle_id FROM kext_load_history_v3 WHERE flags & ?", (_MANAGED,)
            ).fetchall()
        return {(str(team), str(bundle)) for team, bundle in rows}

    def paths(self) -> list[str]:
        """Where every kext that was asked for lay, the oldest first."""
        with self._open() as database:
            rows = database.execute("SELECT path FROM kext_load_history_v3 ORDER BY created_at, rowid").fetchall()
        return [str(path) for (path,) in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The database in memory; what was changed goes back to the file."""
        self.create()
        before = self._usable()
        with opened(before) as database:
            yield database
            after = database.serialize()
        if after != before:
            self._disk.write_bytes(PATH, after)

    def _usable(self) -> bytes:
        """The file's content, or an empty database's where it has not these tables."""
        content = read_bounded(self._disk, PATH, LIMIT)
        try:
            with opened(content) as database:
                database.execute("SELECT count(*) FROM kext_policy, kext_policy_mdm, kext_load_history_v3").fetchone()
                columns = {row[1] for row in database.execute("PRAGMA table_info(kext_load_history_v3)")}
                if self._hashes and "cdhash" not in columns:  # a release before 11 made it
                    database.execute(_HASHED)
                    return database.serialize()
        except sqlite3.Error:
            return _empty(self._hashes)
        return content


@cache
def _empty(hashes: bool) -> bytes:
    with opened(b"") as database:
        for statement in (*_SCHEMA, *((_HASHED,) if hashes else ())):
            database.execute(statement)
        return database.serialize()
