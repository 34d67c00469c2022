"""`kextrel parse`: one macOS command's output as facts, the way an observation reads it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from kextrel.cli.jsonline import json_line

__all__ = ["parse"]

_LIMIT = 32 << 20  # bytes; what is longer is a log that nobody narrowed down
_LINE = 4096  # characters of an unread line that are shown

_COMMAND = typer.Argument(metavar="COMMAND", help="The command line as it was typed, as one word: 'sudo bputil -d'.")
_FILE = typer.Argument(metavar="[FILE|-]", help="What it printed; standard input when left out or '-'.")


def parse(
    command: Annotated[str, _COMMAND],
    file: Annotated[str, _FILE] = "-",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object: the facts, and `unparsed`.")] = False,
) -> None:
    """Read what a command printed on a Mac into facts; lines that were not understood are kept as `unparsed`."""
    from kextrel.errors import InputError, UnreadableAnswer
    from kextrel.macos.pasted import tolerant
    from kextrel.macos.registry import reader
    from kextrel.macos.transcript import answer_to

    read = tolerant(reader(command))
    answer, others = answer_to(command, _content(file))
    try:
        reading = read(answer)
    except UnreadableAnswer as error:
        where = "standard input" if file == "-" else file
        raise InputError(str(error), path=where, hint=f"is it what '{command[:200]}' printed?") from None
    facts = {**reading.facts(), "unparsed": [_short(line) for line in (*reading.unparsed, *others)]}
    typer.echo(json_line(facts) if as_json else "\n".join(_lines(facts)))


def _content(file: str) -> bytes:
    from kextrel.errors import InputError

    if file == "-":
        if sys.stdin is None:  # closed by the caller
            raise InputError(
                "it is closed", path="standard input", hint="name a FILE, or pipe what was printed into this"
            )
        return _bounded(sys.stdin.buffer, "standard input")
    with Path(file).open("rb") as opened:
        return _bounded(opened, file)


def _bounded(stream: BinaryIO, name: str) -> bytes:
    from kextrel.errors import InputError

    raw = stream.read(_LIMIT + 1)
    if len(raw) > _LIMIT:
        raise InputError(
            f"it is longer than {_LIMIT >> 20} MiB", path=name, hint="keep the lines that matter, and parse those"
        )
    return raw


def _short(line: str) -> str:
    return line if len(line) <= _LINE else f"{line[:_LINE]}… ({len(line)} characters)"


def _lines(facts: dict[str, Any]) -> list[str]:
    """A line a fact; what the answer does not say is left out, and lists of records have a line a record."""
    from kextrel.macos.text import plain

    lines: list[str] = []
    for name, value in facts.items():
        if isinstance(value, list) and value:
            lines += [f"{name}:", *(f"  {plain(_worded(item))}" for item in value)]
        elif value is not None and value not in ([], {}):
            lines.append(f"{name}: {plain(_worded(value))}")
    return lines or ["nothing is said"]


def _worded(value: Any) -> str:
    return value if isinstance(value, str) else json_line(value)
