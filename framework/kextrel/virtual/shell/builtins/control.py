"""Builtins that change what runs next."""

from __future__ import annotations

import errno

from kextrel.virtual.shell.builtins.registry import BUILTINS, builtin
from kextrel.virtual.shell.execute import run_text
from kextrel.virtual.shell.state import OPTION_LETTERS, Break, Continue, Return, Shell, ShellExit
from kextrel.virtual.unix.programs import NotFound, look_up
from kextrel.virtual.unix.signals import NUMBERS, name_of, number_of
from kextrel.virtual.unix.system import DEFAULT_PATH

__all__: list[str] = []

_USAGE = 2


@builtin(":", "true")
async def _true(_: Shell, __: list[str]) -> int:
    return 0


@builtin("false")
async def _false(_: Shell, __: list[str]) -> int:
    return 1


def _number(shell: Shell, args: list[str], name: str, default: int) -> int:
    """The only argument as a number; `exit x` is an error that ends the shell."""
    args = args[1:] if args[:1] == ["--"] else args
    if not args:
        return default
    if not args[0].lstrip("+-").isdigit():
        shell.complain(args[0], "numeric argument required", name)
        raise ShellExit(_USAGE)
    return int(args[0])


@builtin("exit")
async def _exit(shell: Shell, args: list[str]) -> int:
    raise ShellExit(_number(shell, args, "exit", shell.status) & 0xFF)


@builtin("return")
async def _return(shell: Shell, args: list[str]) -> int:
    raise Return(_number(shell, args, "return", shell.status) & 0xFF)


@builtin("break")
async def _break(shell: Shell, args: list[str]) -> int:
    return _leave(shell, args, "break", Break)


@builtin("continue")
async def _continue(shell: Shell, args: list[str]) -> int:
    return _leave(shell, args, "continue", Continue)


def _leave(shell: Shell, args: list[str], name: str, how: type[Break]) -> int:
    levels = _number(shell, args, name, 1)
    if levels < 1:
        shell.complain(args[0], "loop count out of range", name)
        return 1
    if shell.loops:
        raise how(min(levels, shell.loops))
    return 0


@builtin("eval")
async def _eval(shell: Shell, args: list[str]) -> int:
    text = " ".join(args)
    if not text.strip():
        return 0
    return await run_text(shell, text)


@builtin(".", "source")
async def _source(shell: Shell, args: list[str]) -> int:
    if not args:
        shell.complain("", "filename argument required", ".")
        return _USAGE
    path = args[0]
    try:
        if "/" not in path:
            path = _readable(shell, path)
        text = shell.proc.fs.read_bytes(path).decode(errors="surrogateescape")
    except OSError as error:
        shell.complain(args[0], str(error.strerror))
        raise ShellExit(1) from None
    before = shell.parameters
    shell.parameters = args[1:] or before
    shell.status = 0
    try:
        return await run_text(shell, text)
    except Return as end:
        return end.status
    finally:
        shell.parameters = before if args[1:] else shell.parameters


def _readable(shell: Shell, name: str) -> str:
    for folder in (shell.get("PATH") or DEFAULT_PATH).split(":"):
        if shell.proc.fs.may(f"{folder or '.'}/{name}", 4):
            return f"{folder or '.'}/{name}"
    if shell.dialect != "dash" and shell.proc.fs.may(name, 4):
        return name
    raise FileNotFoundError(errno.ENOENT, "No such file or directory", name)


@builtin("exec")
async def _exec(_: Shell, __: list[str]) -> int:
    return 0


# -- set and shift


@builtin("set")
async def _set(shell: Shell, args: list[str]) -> int:
    if not args:
        for name, variable in sorted(shell.variables.items()):
            if variable.value is not None:
                shell.proc.out(f"{name}={_quoted(variable.value)}\n")
        return 0
    rest = list(args)
    while rest and rest[0][:1] in ("-", "+") and rest[0] not in ("-", "+"):
        word = rest.pop(0)
        if word == "--":
            shell.parameters = rest
            return 0
        if not _options(shell, word, rest):
            return _USAGE
    if rest:
        shell.parameters = rest[1:] if rest[0] == "-" else rest
    return 0


def _options(shell: Shell, word: str, rest: list[str]) -> bool:
    """One `-eu` or `-o name`; whether all in it are known."""
    for letter in word[1:]:
        if letter == "o" and not rest:
            for option in sorted(OPTION_LETTERS):
                shell.proc.out(f"{option:<15}\t{'on' if option in shell.options else 'off'}\n")
            continue
        name = (
            rest.pop(0)
            if letter == "o"
            else next((n for n, known in OPTION_LETTERS.items() if known == letter), letter)
        )
        if name not in OPTION_LETTERS:
            shell.complain(f"{word[0]}{letter}" if letter != "o" else name, "invalid option", "set")
            return False
        (shell.options.add if word[0] == "-" else shell.options.discard)(name)
    return True


@builtin("shift")
async def _shift(shell: Shell, args: list[str]) -> int:
    count = _number(shell, args, "shift", 1)
    if not 0 <= count <= len(shell.parameters):
        return 1
    shell.parameters = shell.parameters[count:]
    return 0


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# -- traps


@builtin("trap")
async def _trap(shell: Shell, args: list[str]) -> int:
    args = args[1:] if args[:1] == ["--"] else args
    if not args or args == ["-p"]:
        return _show_traps(shell)
    if args == ["-l"]:
        shell.proc.out(" ".join(NUMBERS) + "\n")
        return 0
    action: str | None = None if args[0] == "-" or (args[0].isdigit() and len(args) == 1) else args[0]
    status = 0
    for word in args if args[0].isdigit() and action is None else args[1:]:
        number_or_none = number_of(word)
        if number_or_none is None:
            shell.complain(word, "invalid signal specification", "trap")
            status = 1
        else:
            shell.catch(number_or_none, action)
    return status


def _show_traps(shell: Shell) -> int:
    for number, action in sorted(shell.traps.items()):
        name = ("" if shell.dialect == "dash" else "SIG") + name_of(number) if number else "EXIT"
        shell.proc.out(f"trap -- {_quoted(action)} {name}\n")
    return 0


# -- what a name means


@builtin("command")
async def _command(shell: Shell, args: list[str]) -> int:
    from kextrel.virtual.shell.call import call  # a call runs builtins: this one calls

    how = ""
    while args and args[0] in ("-v", "-V", "-p", "--"):
        how, args = (args[0] if args[0] in ("-v", "-V") else how), args[1:]
    if not args:
        return 0
    if how:
        known = [_described(shell, name, sentence=how == "-V") for name in args]
        return 0 if all(known) else 1
    return await call(shell, args, functions=False)


@builtin("type")
async def _type(shell: Shell, args: list[str]) -> int:
    known = [_described(shell, name, sentence=True) for name in args]
    return 0 if all(known) else 1


def _described(shell: Shell, name: str, *, sentence: bool) -> bool:
    """Writes what `name` is; whether it is anything."""
    from kextrel.virtual.shell.parser import RESERVED

    if name in RESERVED:
        text, short = f"{name} is a shell keyword", name
    elif name in shell.functions:
        text, short = f"{name} is a function", name
    elif name in BUILTINS:
        text, short = f"{name} is a shell builtin", name
    else:
        try:
            short = look_up(name, shell.proc.fs, shell.get("PATH") or DEFAULT_PATH)
        except NotFound:
            if sentence:
                shell.complain(name, "not found", "type")
            return False
        text = f"{name} is {short}"
    shell.proc.out((text if sentence else short) + "\n")
    return True


@builtin("hash")
async def _hash(shell: Shell, args: list[str]) -> int:
    """Finds programs beforehand: nothing is said of those that are there. `-r` forgets, and nothing is remembered."""
    status = 0
    for name in args:
        if name.startswith("-") or name in shell.functions or name in BUILTINS:
            continue
        try:
            look_up(name, shell.proc.fs, shell.get("PATH") or DEFAULT_PATH)
        except NotFound:
            shell.complain(name, "not found", "hash")
            status = 1
    return status
