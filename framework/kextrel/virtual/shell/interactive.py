"""A shell with a person at its terminal: prompts, lines, ^C and ^D."""

from __future__ import annotations

import posixpath
import re

from kextrel.virtual.shell.execute import run, run_traps
from kextrel.virtual.shell.lexer import Incomplete, ShellSyntaxError
from kextrel.virtual.shell.parser import Parser
from kextrel.virtual.shell.state import Interrupted, Shell, ShellError
from kextrel.virtual.shell.tree import Sequence
from kextrel.virtual.unix.signals import SIGINT, SIGQUIT, SIGTERM

__all__ = ["converse"]

_PROMPTS = {"zsh": "%n@%m %1~ %# ", "bash": "\\s-\\v\\$ ", "sh": "\\s-\\v\\$ ", "dash": "$ "}
_BASH_VERSION = "3.2"


async def converse(shell: Shell) -> int:
    """Prompts and runs, until `exit` or ^D."""
    _settle(shell)
    while True:
        try:
            command = await _read(shell)
            if command is None:
                shell.proc.put(2, "\n" if shell.dialect == "zsh" else "exit\n")
                return shell.status
            await run(shell, command)
            await run_traps(shell)
        except Interrupted:
            shell.status, shell.tested = 128 + SIGINT, 0
        except ShellError as error:
            shell.tell(error)
            shell.status = error.status


def _settle(shell: Shell) -> None:
    """Interactive shells outlive ^C, ^\\ and TERM."""
    shell.interactive = True
    shell.proc.dispositions.update({SIGINT: "catch", SIGQUIT: "ignore", SIGTERM: "ignore"})
    if shell.get("PS1") is None:
        shell.set("PS1", _PROMPTS[shell.dialect])
    if shell.get("PS2") is None:
        shell.set("PS2", "> ")


async def _read(shell: Shell) -> Sequence | None:
    """The next complete command; None at the end of the input."""
    text = ""
    while True:
        shell.proc.put(2, prompt(shell, shell.get("PS2" if text else "PS1") or ""))
        line = await _line(shell)
        if line is None and not text:
            return None
        text += line or ""
        try:
            command = Parser.of(text).line()
        except ShellSyntaxError as error:
            if isinstance(error, Incomplete) and line is not None:
                continue
            shell.complain("", error.text)
            shell.status = 2
            text = ""
            continue
        if command is None:
            text = ""
            continue
        if not text.endswith("\\\n"):
            return command


async def _line(shell: Shell) -> str | None:
    """One line from the terminal; None at its end. ^C gives the prompt anew."""
    proc = shell.proc
    tty = proc.tty if proc.file(0).is_tty else None
    if tty is None:
        line = await proc.readline()
    else:
        while not tty.has_line and not tty.hung_up and not proc.pending:
            await proc.block(tty.readable)
        if proc.pending:
            if SIGINT in proc.pending:
                proc.put(2, "\n")
            await run_traps(shell)
            return "\n"
        line = await proc.readline()
    return line.decode(errors="surrogateescape") if line else None


def prompt(shell: Shell, text: str) -> str:
    """A prompt with its escapes filled in: bash's `\\u`, `\\h`, `\\W`, `\\$` and zsh's `%n`, `%m`, `%1~`, `%#`."""
    user, host = shell.proc.user.name, shell.proc.system.hostname.partition(".")[0]
    cwd, home = shell.proc.cwd, shell.get("HOME") or ""
    short = "~" + cwd[len(home) :] if home and (cwd + "/").startswith(home + "/") else cwd
    last = short if short in ("~", "/") else posixpath.basename(short)
    root = "#" if shell.proc.user.uid == 0 else ""
    if shell.dialect == "zsh":
        known = {"n": user, "m": host, "1~": last, "~": short, "/": cwd, "d": cwd, "#": root or "%", "%": "%"}
        return re.sub(r"%(1~|[nm~/d#%])", lambda match: known[match.group(1)], text)
    known = {"u": user, "h": host, "H": host, "w": short, "W": last, "$": root or "$", "s": shell.name, "n": "\n"}
    known |= {"v": _BASH_VERSION, "\\": "\\", "[": "", "]": "", "e": "\x1b"}
    return re.sub(r"\\([uhHwW$snv\\\[\]e])", lambda match: known[match.group(1)], text)
