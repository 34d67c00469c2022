"""Builtins on variables, the directory, the umask."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from kextrel.virtual.shell.builtins.registry import builtin
from kextrel.virtual.shell.state import Shell
from kextrel.virtual.unix.tools.modes import changed_mode

__all__: list[str] = []

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def _declared(shell: Shell, args: list[str], name: str, mark: Callable[[str], None]) -> int:
    """`name` and `name=value` arguments: `mark` each, then give it its value."""
    status = 0
    for arg in args:
        variable, equals, value = arg.partition("=")
        if not _NAME.match(variable):
            shell.complain(f"`{arg}'", "not a valid identifier", name)
            status = 1
            continue
        if name == "readonly" and equals:
            shell.set(variable, value)
        mark(variable)
        if name != "readonly" and equals:
            shell.set(variable, value)
    return status


def _listed(shell: Shell, word: str, chosen: Callable[[str], bool]) -> int:
    for name, variable in sorted(shell.variables.items()):
        if chosen(name):
            value = "" if variable.value is None else '="' + re.sub(r'(["\\$`])', r"\\\1", variable.value) + '"'
            shell.proc.out(f"{word} {name}{value}\n")
    return 0


@builtin("export")
async def _export(shell: Shell, args: list[str]) -> int:
    if args[:1] == ["-n"]:
        for name in args[1:]:
            value = shell.get(name)
            shell.unset(name)
            shell.set(name, value)
        return 0
    if not args or args == ["-p"]:
        return _listed(shell, "export", lambda name: shell.variables[name].exported)
    return _declared(shell, args, "export", shell.export)


@builtin("readonly")
async def _readonly(shell: Shell, args: list[str]) -> int:
    if not args or args == ["-p"]:
        return _listed(shell, "readonly", lambda name: shell.variables[name].readonly)
    return _declared(shell, args, "readonly", shell.make_readonly)


@builtin("local")
async def _local(shell: Shell, args: list[str]) -> int:
    if not shell.scopes:
        shell.complain("", "can only be used in a function", "local")
        return 1
    return _declared(shell, args, "local", shell.make_local)


@builtin("unset")
async def _unset(shell: Shell, args: list[str]) -> int:
    functions = args[:1] == ["-f"]
    for name in args[1:] if args[:1] in (["-f"], ["-v"]) else args:
        if functions or (args[:1] != ["-v"] and name not in shell.variables):
            shell.functions.pop(name, None)
        else:
            shell.unset(name)
    return 0


@builtin("cd", "chdir")
async def _cd(shell: Shell, args: list[str]) -> int:
    physical = False
    while args and args[0] in ("-L", "-P", "--"):
        physical, args = args[0] == "-P", args[1:]
    target = args[0] if args else shell.get("HOME")
    if target is None:
        shell.complain("", "HOME not set", "cd")
        return 1
    announced = target == "-"
    target = (shell.get("OLDPWD") or "") if announced else target
    return _change(shell, target, physical=physical, announced=announced)


def _change(shell: Shell, target: str, *, physical: bool, announced: bool) -> int:
    here = shell.get("PWD") or shell.proc.cwd
    new = target if physical else posixpath.normpath(posixpath.join(here, target or "."))
    try:
        new = shell.proc.fs.real(new) if physical else new
        if not shell.proc.fs.stat(new).is_dir:
            raise NotADirectoryError(20, "Not a directory")
    except OSError as error:
        shell.complain(target, str(error.strerror), "cd")
        return 1
    if not shell.proc.fs.may(new, 1):
        shell.complain(target, "Permission denied", "cd")
        return 1
    shell.proc.cwd = new
    shell.set("OLDPWD", here)
    shell.set("PWD", new)
    if announced:
        shell.proc.out(new + "\n")
    return 0


@builtin("pwd")
async def _pwd(shell: Shell, args: list[str]) -> int:
    shell.proc.out((shell.proc.fs.real(".") if "-P" in args else shell.proc.cwd) + "\n")
    return 0


@builtin("umask")
async def _umask(shell: Shell, args: list[str]) -> int:
    if not args:
        shell.proc.out(f"{shell.proc.umask:04o}\n")
    elif re.fullmatch(r"[0-7]+", args[0]):
        shell.proc.umask = int(args[0], 8) & 0o777
    else:
        mode = changed_mode(args[0], 0o777 & ~shell.proc.umask, is_dir=False, umask=0)
        if mode is None:
            shell.complain(args[0], "invalid symbolic mode operator", "umask")
            return 1
        shell.proc.umask = 0o777 & ~mode
    return 0


@builtin("getopts")
async def _getopts(shell: Shell, args: list[str]) -> int:
    """`getopts letters name [args]`: the next option into `name`, its argument into OPTARG."""
    if len(args) < 2:
        shell.complain("", "usage: getopts optstring name [arg ...]", "getopts")
        return 2
    letters, name, given = args[0], args[1], args[2:] or shell.parameters
    index, place = shell.getopts
    word = given[index - 1] if index <= len(given) else ""
    if place == 1 and (not word.startswith("-") or word in ("-", "--")):
        shell.set("OPTIND", str(index + (word == "--")))
        shell.set(name, "?")
        return 1
    letter, rest = word[place], word[place + 1 :]
    shell.getopts = (index, place + 1) if rest else (index + 1, 1)
    value, optarg = _option(shell, letters, letter, rest, given)
    after = shell.getopts
    shell.set("OPTIND", str(after[0]))
    shell.getopts = after
    shell.set(name, value)
    if optarg is None:
        shell.unset("OPTARG")
    else:
        shell.set("OPTARG", optarg)
    return 0


def _option(shell: Shell, letters: str, letter: str, rest: str, given: list[str]) -> tuple[str, str | None]:
    """What one option letter gives: the value of the name, and OPTARG. Moves on past an argument."""
    silent = letters.startswith(":")
    known = letter != ":" and letter in letters
    if not known:
        if not silent:
            shell.complain("", f"illegal option -- {letter}")
        return "?", letter if silent else None
    if letters[letters.index(letter) + 1 :][:1] != ":":
        return letter, None
    index = shell.getopts[0]
    if rest:
        shell.getopts = (index + 1, 1)
        return letter, rest
    if index <= len(given):
        shell.getopts = (index + 1, 1)
        return letter, given[index - 1]
    if not silent:
        shell.complain("", f"option requires an argument -- {letter}")
    return (":", letter) if silent else ("?", None)
