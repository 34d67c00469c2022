"""Where a shell's commands come from: a text, a file, standard input, a person at a terminal."""

from __future__ import annotations

import re
from functools import lru_cache

from kextrel.virtual.shell.execute import SYNTAX_ERROR, run, run_traps
from kextrel.virtual.shell.lexer import Incomplete, ShellSyntaxError
from kextrel.virtual.shell.parser import Parser
from kextrel.virtual.shell.state import Shell, ShellExit
from kextrel.virtual.shell.tree import Sequence

__all__ = ["feed"]


async def feed(shell: Shell) -> int:
    """Runs commands from standard input, reading no line before the one above it has run."""
    line = 1
    while True:
        text, command = await _command(shell, line)
        if not text:
            await run_traps(shell)
            return shell.status
        if isinstance(command, ShellSyntaxError):
            shell.complain("", command.text)
            raise ShellExit(SYNTAX_ERROR)
        line += text.count("\n")
        if command is not None:
            await run(shell, command)


@lru_cache(maxsize=256)
def _parsed(text: str, line: int) -> Sequence | ShellSyntaxError | None:
    """The first command of `text`, or what is wrong with it. A bench feeds the same script many times over."""
    try:
        return Parser.of(text, line).line()
    except ShellSyntaxError as error:
        return error


async def _command(shell: Shell, number: int) -> tuple[str, Sequence | ShellSyntaxError | None]:
    """As many lines of standard input as one complete command takes, and the command; "" at the end."""
    text = ""
    command: Sequence | ShellSyntaxError | None = None
    while True:
        line = (await shell.proc.readline()).decode(errors="surrogateescape")
        text += line
        if line and isinstance(command, Incomplete) and not _may_end(command, line):
            continue
        command = _parsed(text, number)
        if not line or not (isinstance(command, Incomplete) or text.endswith("\\\n")):
            return text, command


def _may_end(unfinished: Incomplete, line: str) -> bool:
    """Whether this line can complete the command: without what it waits for there is no need to parse it again."""
    if unfinished.delimiter is not None:
        return line.strip("\t").rstrip("\n") == unfinished.delimiter
    if not unfinished.closer.isalpha() and unfinished.closer != "}":
        return unfinished.closer in line
    return re.search(rf"(?:^|[\s;&|()]){unfinished.closer}(?!\w)", line) is not None
