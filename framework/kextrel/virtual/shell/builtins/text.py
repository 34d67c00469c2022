"""Builtins that read and write text: echo, printf, read, test."""

from __future__ import annotations

import re

from kextrel.virtual.shell.builtins.registry import builtin
from kextrel.virtual.shell.state import Shell
from kextrel.virtual.unix.tools.conditions import BadCondition, evaluate
from kextrel.virtual.unix.tools.printing import echoed, formatted

__all__: list[str] = []


@builtin("echo")
async def _echo(shell: Shell, args: list[str]) -> int:
    """In bash a backslash is itself unless -e; in sh, dash and zsh it begins an escape."""
    await shell.proc.write(echoed(args, escapes=shell.dialect != "bash"))
    return 0


@builtin("printf")
async def _printf(shell: Shell, args: list[str]) -> int:
    args = args[1:] if args[:1] == ["--"] else args
    if not args:
        shell.complain("", "usage: printf format [arguments]", "printf")
        return 2
    data, faults = formatted(args[0], args[1:])
    await shell.proc.write(data)
    for subject, reason in faults:
        shell.complain(subject, reason, "printf")
    return 1 if faults else 0


@builtin("test")
async def _test(shell: Shell, args: list[str]) -> int:
    return _judged(shell, args, "test")


@builtin("[")
async def _bracket(shell: Shell, args: list[str]) -> int:
    if args[-1:] != ["]"]:
        shell.complain("", "missing `]'", "[")
        return 2
    return _judged(shell, args[:-1], "[")


def _judged(shell: Shell, args: list[str], name: str) -> int:
    try:
        return 0 if evaluate(shell.proc, args) else 1
    except BadCondition as fault:
        shell.complain(fault.subject, fault.reason, name)
        return 2


@builtin("read")
async def _read(shell: Shell, args: list[str]) -> int:
    """`read [-r] [-p prompt] [-s] [name …]`: one line into the names; 1 at the end of the input."""
    raw = silent = False
    while args and args[0].startswith("-") and args[0] != "-":
        option, args = args[0], args[1:]
        if option == "--":
            break
        raw, silent = raw or "r" in option, silent or "s" in option
        if "p" in option and args:
            shell.proc.put(2, args[0])
            args = args[1:]
    tty = shell.proc.tty if shell.proc.file(0).is_tty else None
    before = tty.echo if tty else True
    if tty and silent:
        tty.echo = False
    try:
        text, complete = await _line(shell, raw=raw)
    finally:
        if tty:
            tty.echo = before
    _assign(shell, text, args or ["REPLY"])
    return 0 if complete else 1


async def _line(shell: Shell, *, raw: bool) -> tuple[list[tuple[str, bool]], bool]:
    """The letters of one line, each with whether a backslash kept it from separating; whether its newline came."""
    letters: list[tuple[str, bool]] = []
    while True:
        line = (await shell.proc.readline()).decode(errors="surrogateescape")
        complete = line.endswith("\n")
        pieces = [line.removesuffix("\n")] if raw else re.findall(r"\\.|\\$|[^\\]+", line.removesuffix("\n"))
        for piece in pieces:
            escaped = not raw and piece[0] == "\\"
            letters.extend((letter, escaped) for letter in (piece[1:] if escaped else piece))
        if raw or not complete or not (pieces and pieces[-1] == "\\"):
            return letters, complete


def _assign(shell: Shell, letters: list[tuple[str, bool]], names: list[str]) -> None:
    separators = shell.get("IFS")
    separators = " \t\n" if separators is None else separators
    rest = _skipped(letters, separators)
    for name in names[:-1]:
        value, rest = _field(rest, separators)
        shell.set(name, value)
    shell.set(names[-1], _remainder(rest, separators))


def _is_white(letter: tuple[str, bool], separators: str) -> bool:
    return not letter[1] and letter[0] in " \t\n" and letter[0] in separators


def _skipped(letters: list[tuple[str, bool]], separators: str) -> list[tuple[str, bool]]:
    count = next((index for index, letter in enumerate(letters) if not _is_white(letter, separators)), len(letters))
    return letters[count:]


def _field(letters: list[tuple[str, bool]], separators: str) -> tuple[str, list[tuple[str, bool]]]:
    """The first field, and what is left after its separator."""
    for index, (letter, escaped) in enumerate(letters):
        if not escaped and letter in separators:
            rest = _skipped(letters[index:], separators)
            if letter in " \t\n" and rest and not rest[0][1] and rest[0][0] in separators:
                rest = _skipped(rest[1:], separators)
            elif letter not in " \t\n":
                rest = _skipped(letters[index + 1 :], separators)
            return "".join(one for one, _ in letters[:index]), rest
    return "".join(one for one, _ in letters), []


def _remainder(letters: list[tuple[str, bool]], separators: str) -> str:
    """All that is left, less white space at its end; a single last field also loses its separator."""
    field, rest = _field(letters, separators)
    if not rest:
        return field
    while letters and _is_white(letters[-1], separators):
        letters = letters[:-1]
    return "".join(one for one, _ in letters)
