"""sqlite3(1) on the real databases of the virtual file system."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from kextrel.virtual.macos.database import LIMIT, opened
from kextrel.virtual.macos.files import read_bounded
from kextrel.virtual.macos.tools.options import Options, parse
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["sqlite3_tool"]


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
    before, readonly = _content(proc, path), "readonly" in options
    try:
        with opened(before) as database:
            if readonly:
                database.execute("PRAGMA query_only = ON")
            for command in commands:
                await _run(proc, database, command, options)
            after = database.serialize()
    except sqlite3.Error as error:
        raise Exit(1, f"Error: {_words(error)}") from None
    if after != before and not readonly:
        proc.fs.write_bytes(path, after)
    return 0


def _content(proc: Proc, path: str) -> bytes:
    try:
        return read_bounded(proc.fs, path, LIMIT)
    except FileNotFoundError:
        return b""
    except PermissionError as error:
        reason = "authorization denied" if error.errno == 1 else "unable to open database file"
        raise Exit(1, f'Error: unable to open database "{path}": {reason}') from None


async def _run(proc: Proc, database: sqlite3.Connection, command: str, options: Options) -> None:
    if command.startswith("."):
        lines = _dot(database, command)
    else:
        lines = [line for statement in _statements(command) for line in _rows(database, statement, options)]
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
