"""Where a shell's commands come from: a text, a file, standard input, a person at a terminal."""

from __future__ import annotations

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
        text = await _command(shell)
        if not text:
            await run_traps(shell)
            return shell.status
        command = _parsed(text, line)
        if isinstance(command, ShellSyntaxError):
            shell.complain("", command.text)
            raise ShellExit(SYNTAX_ERROR)
        line += text.count("\n")
        if command is not None:
            await run(shell, command)


@lru_cache(maxsize=1024)
def _parsed(text: str, line: int) -> Sequence | ShellSyntaxError | None:
    """The first command of `text`, or what is wrong with it. A bench feeds the same script many times over."""
    try:
        return Parser.of(text, line).line()
    except ShellSyntaxError as error:
        return error


async def _command(shell: Shell) -> str:
    """As many lines of standard input as one complete command takes; "" at the end."""
    text, delimiter = "", None
    while True:
        line = (await shell.proc.readline()).decode(errors="surrogateescape")
        text += line
        if not line or (delimiter is not None and line.strip("\t").rstrip("\n") != delimiter):
            if not line:
                return text
            continue
        command = _parsed(text, 1)
        if isinstance(command, Incomplete):
            delimiter = command.delimiter
        elif isinstance(command, ShellSyntaxError) or not text.endswith("\\\n"):
            return text
