"""sqlite3(1) on the real databases of the virtual file system."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from kextrel.virtual.macos.tools.options import Options, parse
from kextrel.virtual.unix.process import Exit, Proc, tool

__all__ = ["sqlite3_tool"]

_STEPS, _MOST_STEPS = 10_000, 2_000
_DENIED = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})


@tool("/usr/bin/sqlite3")
async def sqlite3_tool(proc: Proc) -> int:
    """sqlite3 [-readonly] [-header] [-separator S] FILE SQL…; without SQL the statements are standard input's."""
    options = parse(
        proc.args, flags=("readonly", "header", "noheader", "list", "batch", "bail"), values=("separator",), code=1
    )
    if not options.operands:
        raise Exit(1, "Usage: sqlite3 [OPTIONS] FILENAME [SQL]")
    path, *commands = options.operands
    if not commands:
        commands = [(await proc.read_all()).decode(errors="replace")]
    before = _content(proc, path)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        _prepare(database, before, options)
        for command in commands:
            await _run(proc, database, command, options)
        after = database.serialize()
    if after != before and "readonly" not in options:
        proc.fs.write_bytes(path, after)
    return 0


def _content(proc: Proc, path: str) -> bytes:
    try:
        return proc.fs.read_bytes(path)
    except FileNotFoundError:
        return b""
    except PermissionError as error:
        reason = "authorization denied" if error.errno == 1 else "unable to open database file"
        raise Exit(1, f'Error: unable to open database "{path}": {reason}') from None


def _prepare(database: sqlite3.Connection, content: bytes, options: Options) -> None:
    """The file in memory. Nothing of the host can be reached: no ATTACH, no extension, no endless statement."""
    try:
        if content:
            database.deserialize(content)
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if "readonly" in options:
            database.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise Exit(1, f"Error: {error}") from None
    database.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action in _DENIED else sqlite3.SQLITE_OK)
    rounds = iter(range(_MOST_STEPS))
    database.set_progress_handler(lambda: next(rounds, None) is None, _STEPS)


async def _run(proc: Proc, database: sqlite3.Connection, command: str, options: Options) -> None:
    try:
        if command.startswith("."):
            lines = _dot(database, command)
        else:
            lines = [line for statement in _statements(command) for line in _rows(database, statement, options)]
    except sqlite3.Error as error:
        raise Exit(1, f"Error: {_words(error)}") from None
    await proc.write("".join(f"{line}\n" for line in lines))


def _words(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0)
    where = "in prepare" if code == sqlite3.SQLITE_ERROR else "stepping"
    return f"{where}, {error}" + (f" ({code})" if where == "stepping" else "")


def _dot(database: sqlite3.Connection, command: str) -> list[str]:
    tables = "SELECT {} FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    match command.split():
        case [".schema"]:
            return [f"{sql};" for (sql,) in database.execute(tables.format("sql"))]
        case [".tables"]:
            return ["  ".join(name for (name,) in database.execute(tables.format("name")))]
        case _:
            raise Exit(1, f'Error: unknown command or invalid arguments:  "{command[1:]}". Enter ".help" for help')


def _statements(text: str) -> Iterable[str]:
    """The statements of `text`, one by one."""
    part = ""
    for piece in text.split(";"):
        part += piece
        if part.strip() and sqlite3.complete_statement(part + ";"):
            yield part
            part = ""
        else:
            part += ";" if part.strip() else ""
    if part.strip(" \n;"):
        yield part


def _rows(database: sqlite3.Connection, statement: str, options: Options) -> Iterable[str]:
    separator = options.last("separator", "|")
    cursor = database.execute(statement)
    if "header" in options and cursor.description:
        yield separator.join(column[0] for column in cursor.description)
    for row in cursor:
        yield separator.join(_text(value) for value in row)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
