"""sh, bash, dash and zsh as programs: their options, and where their commands come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from kextrel.virtual.shell.execute import finish, run_only, run_text
from kextrel.virtual.shell.interactive import converse
from kextrel.virtual.shell.script import feed
from kextrel.virtual.shell.state import OPTION_LETTERS, Shell
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__: list[str] = []

_NAMES = {letter: name for name, letter in OPTION_LETTERS.items() if letter}


@dataclass
class _Call:
    """What the arguments ask for."""

    command: bool = False
    stdin: bool = False
    interactive: bool = False
    login: bool = False
    options: set[str] = field(default_factory=set)
    operands: list[str] = field(default_factory=list)


def _arguments(proc: Proc) -> _Call:
    call, args = _Call(login=proc.argv[0].startswith("-")), list(proc.args)
    while args and args[0][:1] in ("-", "+") and len(args[0]) > 1:
        word = args.pop(0)
        if word == "--":
            break
        if word.startswith("--"):
            call.login = call.login or word == "--login"
            continue
        for letter in word[1:]:
            _letter(proc, call, word[0], letter, args)
    call.operands = args
    return call


def _letter(proc: Proc, call: _Call, sign: str, letter: str, args: list[str]) -> None:
    flags = {"c": "command", "s": "stdin", "i": "interactive", "l": "login"}
    if letter in flags:
        setattr(call, flags[letter], True)
        return
    name = args.pop(0) if letter == "o" and args else _NAMES.get(letter, "")
    if name not in OPTION_LETTERS:
        raise Exit(2, f"{proc.name}: {sign}{letter}: invalid option")
    (call.options.add if sign == "-" else call.options.discard)(name)


@tool("/bin/sh", "/bin/bash", "/bin/dash", "/bin/zsh")
async def _sh(proc: Proc) -> int:
    call = _arguments(proc)
    dialect = proc.name if proc.name in ("bash", "dash", "zsh") else "sh"
    if call.command and not call.operands:
        raise Exit(2, f"{proc.name}: -c: option requires an argument")
    shell = Shell.of(proc, proc.argv[0], dialect)
    shell.options |= call.options
    if call.command:
        text, *rest = call.operands
        return await _run_command(shell, text, rest)
    if call.operands and not call.stdin:
        return await _run_script(shell, call.operands)
    shell.parameters = call.operands
    terminal = all(fd in proc.fds and proc.fds[fd].is_tty for fd in (0, 2))
    if call.interactive or terminal:
        return await finish(shell, converse)
    return await finish(shell, feed)


async def _run_command(shell: Shell, text: str, rest: list[str]) -> int:
    if rest:
        shell.name, shell.parameters = rest[0], rest[1:]
    return await finish(shell, partial(run_only, text))


async def _run_script(shell: Shell, operands: list[str]) -> int:
    path, *shell.parameters = operands
    shell.proc.argv[0] = shell.name
    try:
        text = shell.proc.fs.read_bytes(path).decode(errors="surrogateescape")
    except OSError as error:
        shell.complain(path, str(error.strerror))
        return 127 if isinstance(error, FileNotFoundError) else 126
    shell.name, shell.script = path, True
    return await finish(shell, lambda inner: run_text(inner, text))
