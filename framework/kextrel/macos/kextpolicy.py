"""Rows of /var/db/SystemPolicyConfiguration/KextPolicy as sqlite3 prints them: columns separated by "|", or `.schema`.

sqlite3 ends with 0 also where what it printed went nowhere (a full disk), so `query` asks for a last line: `ended`.

Which table a row is from, and which columns it has, is known from the query, else from a row of titles (-header), else
from the number of columns. -json, -csv, -line, the modes that draw a table and the INSERT lines of .dump are read too.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kextrel.macos.sqlmodes import RULES, listed
from kextrel.macos.text import clean, meaningful, require, unique

__all__ = ["COLUMNS", "KextPolicyAnswer", "columns_of", "query", "read", "table_of"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "kext_policy": ("team_id", "bundle_id", "allowed", "developer_name", "flags"),
    "kext_policy_mdm": ("team_id", "bundle_id", "allowed", "payload_uuid"),
    "kext_load_history_v3": ("path", "team_id", "bundle_id", "boot_uuid", "created_at", "last_seen", "flags", "cdhash"),
    "settings": ("name", "value"),
}
_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?[\"'`\[]?(\w{1,80})", re.IGNORECASE)
_FROM = re.compile(r"\bFROM\s{1,20}[\"'`\[]?(\w{1,80})", re.IGNORECASE)
_SELECTED = re.compile(r"\bSELECT\s{1,20}([\w\s,\"'`]{1,400}?)\s{1,20}FROM\b", re.IGNORECASE)
_INSERT = re.compile(r"INSERT INTO [\"'`\[]?(\w{1,80})[\"'`\]]? VALUES ?\((.*)\);?\s*\Z", re.IGNORECASE)
_LINE_MODE = re.compile(r"\s{0,40}(\w{1,40}) = (.*)\Z")
_SETTING = re.compile(r"(?![A-Z0-9]{10}\Z)[\w.-]{1,80}\Z")  # a team stands before other columns
_PAYLOAD = re.compile(r"[0-9A-Fa-f-]{0,36}\s{0,8}\Z")
# A developer's name may have a "|" of its own.
_USUAL = re.compile(r"([A-Z0-9]{10})\|([^|\s]{1,250})\|([01])\|(\S(?:[^\n]*\S)?)\|(\d{1,19})\Z")
_END = "end"
_KNOWN = frozenset(column for columns in COLUMNS.values() for column in columns)
_DUMP = ("PRAGMA ", "BEGIN TRANSACTION", "COMMIT;")
_NO_SCHEMA_ROWS = ("CREATE INDEX", "CREATE UNIQUE INDEX", "CREATE TRIGGER", "CREATE VIEW")
_STATEMENTS = ("CREATE TABLE", *_NO_SCHEMA_ROWS, *_DUMP)
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
    """`rows` are mappings by column name; `allowed` is a bool in them, `flags` an int. `ended`: the last line that
    `query` asks for was there, so nothing is missing, and empty is a real answer."""

    table: str | None = None
    rows: tuple[dict[str, Any], ...] = ()
    tables: tuple[str, ...] = ()
    error: str | None = None
    unparsed: tuple[str, ...] = ()
    ended: bool = False

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
    """The SQL that reads the columns that every release has, of a table in COLUMNS, and then prints that it ends."""
    columns = ",".join(column for column in COLUMNS[table] if column != "cdhash")
    return f"select {columns} from {table}; select '{_END}';"  # noqa: S608 - both are from the table above


def table_of(sql: str) -> str | None:
    """The table that a query reads, when it is one that is known here."""
    match = _FROM.search(sql)
    return match[1].lower() if match and match[1].lower() in COLUMNS else None


def columns_of(sql: str) -> tuple[str, ...] | None:
    """The columns that a query names, in its order; None for `*` and for what is no plain list of known columns."""
    match = _SELECTED.search(sql)
    names = tuple(name.strip(" \t\n\"'`").lower() for name in match[1].split(",")) if match else ()
    return names if names and _KNOWN.issuperset(names) else None


@dataclass
class _Draft:
    table: str | None
    columns: tuple[str, ...] | None
    rows: list[dict[str, Any]] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    unparsed: list[str] = field(default_factory=list)
    error: str | None = None
    in_schema: bool = False
    titled: bool = False


def read(text: str | bytes, table: str | None = None, columns: tuple[str, ...] | None = None) -> KextPolicyAnswer:
    """Reads rows of `table` with `columns`, or a schema. Raises UnreadableAnswer for text that is neither."""
    cleaned = clean(text)
    lines = list(meaningful(cleaned))
    if cleaned.lstrip().startswith("[{"):
        return _read_json(cleaned, table, lines)
    ended = lines[-1:] == [_END]
    draft = _Draft(table or _asked(lines), columns)
    body = lines[:-1] if ended else lines
    for line in listed(body, _KNOWN) if any(rule in cleaned for rule in RULES) else body:
        if draft.rows and (usual := _usual(line, draft)):
            draft.rows.append(usual)
        elif not (_schema(line, draft) or _data(line, draft)):
            draft.unparsed.append(line)
    rest = _line_mode(draft)
    known = bool(draft.rows or draft.tables or draft.error or draft.titled or not rest)
    require(known, "sqlite3 KextPolicy", lines)
    return KextPolicyAnswer(table, tuple(draft.rows), unique(draft.tables), draft.error, tuple(rest), ended)


def _asked(lines: list[str]) -> str | None:
    """The table that was asked for at sqlite's own prompt, where it was one."""
    asked = {table_of(line) for line in lines if line.startswith("sqlite> ")} - {None}
    return asked.pop() if len(asked) == 1 else None


def _usual(line: str, draft: _Draft) -> dict[str, Any] | None:
    """An undamaged row of kext_policy, in one step; the first row of an answer may be one of titles."""
    whose = draft.columns or COLUMNS[draft.table or "kext_policy"]
    if draft.in_schema or whose != COLUMNS["kext_policy"] or (match := _USUAL.match(line)) is None:
        return None
    team, bundle, allowed, name, flags = match.groups()
    return {
        "team_id": team,
        "bundle_id": bundle,
        "allowed": allowed == "1",
        "developer_name": name,
        "flags": int(flags),
    }


def _schema(line: str, draft: _Draft) -> bool:
    """What `.schema`, `.tables` and `.dump` say beside rows. A statement may go over several lines."""
    upper = line[:60].lstrip().upper()
    if "|" in line and not draft.in_schema and not upper.startswith(_STATEMENTS):
        return False
    if upper.startswith("CREATE TABLE"):
        draft.tables.extend(match[1] for match in _TABLE.finditer(line))
        draft.in_schema = ";" not in line
        return True
    if draft.in_schema:
        draft.in_schema = ";" not in line
        return True
    if "|" not in line and set(words := line.split()) <= COLUMNS.keys():
        draft.tables.extend(words)
        return True
    return upper.startswith((*_NO_SCHEMA_ROWS, *_DUMP))


def _data(line: str, draft: _Draft) -> bool:
    if (word := _error(line)) is not None:
        draft.error = word
        return True
    if not draft.rows:
        titles = tuple(cell.strip() for cell in line.split(_separator(line), 64))
        if len(titles) > 1 and _KNOWN.issuperset(titles):
            draft.columns, draft.titled = titles, True
            return True
    row = _inserted(line) if "INSERT" in line else _row(line, draft)
    if row:
        draft.rows.append(row)
    return bool(row)


def _inserted(line: str) -> dict[str, Any] | None:
    match = _INSERT.match(line.strip())
    if match is None or match[1].lower() not in COLUMNS:
        return None
    cells = next(csv.reader([match[2]], quotechar="'"), [])
    return _typed(cells, COLUMNS[match[1].lower()])


def _line_mode(draft: _Draft) -> list[str]:
    """The rows of `-line`, a name and a value a line, taken out of what is unparsed; the rest of that."""
    rest: list[str] = []
    row: dict[str, str] = {}
    for line in draft.unparsed:
        match = _LINE_MODE.match(line)
        if match is None or match[1] not in _KNOWN:
            rest.append(line)
            continue
        if match[1] in row:
            draft.rows += _complete(row)
            row = {}
        row[match[1]] = match[2]
    draft.rows += _complete(row)
    return rest


def _complete(row: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    typed = _typed(list(row.values()), tuple(row))
    if typed:
        yield typed


def _read_json(cleaned: str, table: str | None, lines: list[str]) -> KextPolicyAnswer:
    try:
        found = json.loads(cleaned)
    except (ValueError, RecursionError):
        found = []
    rows = [
        typed
        for item in found
        if isinstance(item, dict) and _KNOWN.issuperset(item)
        if (typed := _typed(["" if cell is None else str(cell) for cell in item.values()], tuple(item)))
    ]
    require(bool(rows), "sqlite3 -json KextPolicy", lines)
    return KextPolicyAnswer(table, tuple(rows), unparsed=() if len(rows) == len(found) else tuple(lines))


def _error(line: str) -> str | None:
    if not line.lstrip().startswith(("Error", "Parse error", "Runtime error", "sqlite3:")):
        return None
    return next((word for phrase, word in _ERRORS if phrase in line), "failed")


def _row(line: str, draft: _Draft) -> dict[str, Any] | None:
    """One row; a developer's name may itself hold a "|", so that column takes what is left over."""
    separator = _separator(line)
    cells = _comma_separated(line) if separator == "," else line.split(separator, 64)
    columns = draft.columns or _columns(cells, draft.table)
    if columns is None or (len(cells) < 2 and not draft.columns):
        return None
    over = len(cells) - len(columns)
    if over > 0 and "developer_name" in columns:
        at = columns.index("developer_name")
        cells = [*cells[:at], separator.join(cells[at : at + over + 1]), *cells[at + over + 1 :]]
    if len(cells) not in (len(columns), len(columns) - ("cdhash" in columns)):
        return None
    return _typed(cells, columns)


def _separator(line: str) -> str:
    return "|" if "|" in line else "\t" if line.count("\t") > 1 else ","


def _comma_separated(line: str) -> list[str]:
    if line.count(",") < 3:
        return []
    try:
        cells = next(csv.reader([line]), [])
    except csv.Error:
        return []
    return cells if 3 < len(cells) < 9 else []


def _typed(cells: list[str], columns: tuple[str, ...]) -> dict[str, Any] | None:
    values: dict[str, Any] = {column: cell.strip() for column, cell in zip(columns, cells, strict=False)}
    for column, typed in _TYPES.items():
        if column in values:
            values[column] = typed(values[column])
            if values[column] is None:
                return None
    return values


def _columns(cells: list[str], table: str | None) -> tuple[str, ...] | None:
    name = table or _by_width(cells)
    # A query that names its columns leaves out the team where that is always empty.
    if table is None and len(cells) == 4 and cells[1] in ("0", "1") and cells[3].isdecimal():
        return COLUMNS["kext_policy"][1:]
    return COLUMNS[name] if name else None


def _by_width(cells: list[str]) -> str | None:
    if len(cells) in (7, 8) and cells[0].startswith("/"):
        return "kext_load_history_v3"
    if len(cells) == 2:
        return "settings" if _SETTING.match(cells[0]) else None
    if len(cells) == 4:  # or the beginning of a row of five
        return "kext_policy_mdm" if _PAYLOAD.match(cells[3]) else None
    return "kext_policy" if len(cells) >= 5 else None


_FLAGS_OF = {"0": False, "1": True}
_TEAM = re.compile(r"(?!\d{1,6}\Z)[A-Za-z0-9]{0,40}\Z")  # a mark or a line's number is none
_TYPES: Mapping[str, Callable[[str], str | bool | int | None]] = {
    "team_id": lambda cell: cell if _TEAM.match(cell) else None,
    "allowed": _FLAGS_OF.get,
    "flags": lambda cell: int(cell) if cell.isdecimal() and len(cell) < 20 else None,
}
"""The columns that are not any text; None for a cell that is not of its column's type."""
