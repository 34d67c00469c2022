"""Where a shell's commands come from: a text, a file, standard input, a person at a terminal."""

from __future__ import annotations

from kextrel.virtual.shell.execute import SYNTAX_ERROR, run, run_traps
from kextrel.virtual.shell.lexer import Incomplete, ShellSyntaxError
from kextrel.virtual.shell.parser import Parser
from kextrel.virtual.shell.state import Shell, ShellExit

__all__ = ["feed"]


async def feed(shell: Shell) -> int:
    """Runs commands from standard input, reading no line before the one above it has run."""
    line = 1
    while True:
        text = await _command(shell)
        if not text:
            await run_traps(shell)
            return shell.status
        try:
            command = Parser.of(text, line).line()
        except ShellSyntaxError as error:
            shell.complain("", error.text)
            raise ShellExit(SYNTAX_ERROR) from None
        line += text.count("\n")
        if command is not None:
            await run(shell, command)


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
        try:
            Parser.of(text).line()
        except Incomplete as error:
            delimiter = error.delimiter
        except ShellSyntaxError:
            return text
        else:
            if not text.endswith("\\\n"):
                return text
