"""Rows of /var/db/SystemPolicyConfiguration/KextPolicy as sqlite3 prints them: columns separated by "|", or `.schema`.

Which table a row is from is known from the command line, else from its number of columns.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from kextrel.macos.text import clean, meaningful, require, unique

__all__ = ["COLUMNS", "KextPolicyAnswer", "query", "read", "table_of"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "kext_policy": ("team_id", "bundle_id", "allowed", "developer_name", "flags"),
    "kext_policy_mdm": ("team_id", "bundle_id", "allowed", "payload_uuid"),
    "kext_load_history_v3": ("path", "team_id", "bundle_id", "boot_uuid", "created_at", "last_seen", "flags", "cdhash"),
    "settings": ("name", "value"),
}
_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?[\"'`\[]?(\w{1,80})", re.IGNORECASE)
_FROM = re.compile(r"\bFROM\s{1,20}[\"'`\[]?(\w{1,80})", re.IGNORECASE)
_NO_SCHEMA_ROWS = ("CREATE INDEX", "CREATE UNIQUE INDEX", "CREATE TRIGGER", "CREATE VIEW")
_ERRORS = (
    ("Operation not permitted", "not_permitted"),
    ("authorization denied", "not_permitted"),
    ("unable to open database", "cannot_open"),
    ("no such table", "no_such_table"),
    ("no such column", "no_such_column"),
    ("database is locked", "locked"),
)


@dataclass(frozen=True)
class KextPolicyAnswer:
    """`rows` are mappings by column name; `allowed` is a bool in them, `flags` an int. Empty is a real answer."""

    table: str | None = None
    rows: tuple[dict[str, Any], ...] = ()
    tables: tuple[str, ...] = ()
    error: str | None = None
    unparsed: tuple[str, ...] = ()

    def allowed(self) -> frozenset[str]:
        """The bundle identifiers whose row says allowed."""
        return frozenset(row["bundle_id"] for row in self.rows if row.get("allowed") is True)

    @property
    def bundles(self) -> frozenset[str]:
        """The bundle identifiers of all rows."""
        return frozenset(row["bundle_id"] for row in self.rows if row.get("bundle_id"))

    def covered(self, allowed: Collection[tuple[str, str]]) -> frozenset[str]:
        """The kexts in the history that `allowed` covers: pairs of team and bundle identifier, "" for all of a team."""
        pairs = {(row["team_id"], row["bundle_id"]) for row in self.rows}
        return frozenset(bundle for team, bundle in pairs if (team, bundle) in allowed or (team, "") in allowed)

    def facts(self) -> dict[str, Any]:
        return {"rows": [dict(row) for row in self.rows], "tables": list(self.tables), "error": self.error}


def query(table: str) -> str:
    """The SQL that reads the columns that every release has, of a table in COLUMNS."""
    columns = ",".join(column for column in COLUMNS[table] if column != "cdhash")
    return f"select {columns} from {table};"  # noqa: S608 - both are from the table above


def table_of(sql: str) -> str | None:
    """The table that a query reads, when it is one that is known here."""
    match = _FROM.search(sql)
    return match[1].lower() if match and match[1].lower() in COLUMNS else None


def read(text: str | bytes, table: str | None = None) -> KextPolicyAnswer:
    """Reads rows of `table`, or a schema. Raises UnreadableAnswer for text that is neither."""
    rows: list[dict[str, Any]] = []
    tables: list[str] = []
    unparsed: list[str] = []
    error, lines = None, list(meaningful(clean(text)))
    for line in lines:
        if line.lstrip().upper().startswith("CREATE TABLE"):
            tables.extend(match[1] for match in _TABLE.finditer(line))
        elif (word := _error(line)) is not None:
            error = word
        elif (row := _row(line, table)) is not None:
            rows.append(row)
        elif not line.lstrip().upper().startswith(_NO_SCHEMA_ROWS):
            unparsed.append(line)
    require(bool(rows or tables or error or not unparsed), "sqlite3 KextPolicy", lines)
    return KextPolicyAnswer(table, tuple(rows), unique(tables), error, tuple(unparsed))


def _error(line: str) -> str | None:
    if not line.lstrip().startswith(("Error", "Parse error", "Runtime error", "sqlite3:")):
        return None
    return next((word for phrase, word in _ERRORS if phrase in line), "failed")


def _row(line: str, table: str | None) -> dict[str, Any] | None:
    """One row; a developer's name may itself hold a "|", so that column takes what is left over."""
    cells = line.split("|", 64)
    name = table or _by_width(cells)
    if name is None or len(cells) < 2:
        return None
    columns = COLUMNS[name]
    if name == "kext_policy" and len(cells) > len(columns):
        cells = [*cells[:3], "|".join(cells[3:-1]), cells[-1]]
    if len(cells) not in (len(columns), len(columns) - (name == "kext_load_history_v3")):
        return None
    values = {column: _value(column, cell) for column, cell in zip(columns, cells, strict=False)}
    return None if any(value is None for value in values.values()) else values


def _by_width(cells: list[str]) -> str | None:
    if len(cells) in (7, 8) and cells[0].startswith("/"):
        return "kext_load_history_v3"
    widths = {4: "kext_policy_mdm", 2: "settings"}
    return widths.get(len(cells), "kext_policy" if len(cells) >= 5 else None)


def _value(column: str, cell: str) -> Any:
    """The cell as its column's type; None when it is not of that type."""
    if column == "allowed":
        return {"0": False, "1": True}.get(cell.strip())
    if column == "flags":
        return int(cell) if cell.strip().isdecimal() and len(cell) < 20 else None
    return cell
