"""What a shell knows: variables and their scopes, functions, options, positional parameters, traps and jobs."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from kextrel.virtual.shell.tree import Compound
from kextrel.virtual.unix.process import MEMORY, Proc
from kextrel.virtual.unix.signals import NUMBERS

__all__ = ["Break", "Continue", "Interrupted", "Return", "Shell", "ShellError", "ShellExit", "Variable"]

_LARGE = 1 << 16
"""Characters of a value from which on a shell counts all that its variables hold."""

OPTION_LETTERS = {
    "allexport": "a",
    "errexit": "e",
    "noglob": "f",
    "monitor": "m",
    "noexec": "n",
    "nounset": "u",
    "verbose": "v",
    "xtrace": "x",
    "noclobber": "C",
    "pipefail": "",
}


class Break(Exception):
    """`break n`: `levels` loops still to be left."""

    def __init__(self, levels: int) -> None:
        self.levels = levels


class Continue(Break):
    """`continue n`."""


class Return(Exception):
    """`return`, from a function or a sourced file."""

    def __init__(self, status: int) -> None:
        self.status = status


class ShellExit(Exception):
    """The shell ends. `trap`: the EXIT trap is still to be run (not after `exec`)."""

    def __init__(self, status: int, *, trap: bool = True) -> None:
        self.status, self.trap = status, trap


class ShellError(Exception):
    """What ends a shell that is not interactive: a bad expansion, a read-only variable. `told`: it was printed."""

    def __init__(self, text: str, status: int = 1) -> None:
        self.text, self.status, self.told = text, status, False
        super().__init__(text)


class Interrupted(Exception):
    """^C: an interactive shell goes back to its prompt."""


class Variable(NamedTuple):
    """`value` is None for a name that was only exported or made local."""

    value: str | None
    exported: bool = False
    readonly: bool = False


@dataclass
class Job:
    """One background list: its process, and the number that %n means."""

    number: int
    proc: Proc
    text: str = ""


@dataclass
class Shell:
    """The state of one shell process. `dialect`: "sh", "bash", "dash" or "zsh" (unquoted parameters are not split
    there, and a pattern without a match is an error). `pid` is `$$`: a subshell keeps its parent's. `final`: the next
    simple command is all that its process still does, so a program takes the process over."""

    proc: Proc
    name: str
    dialect: str = "sh"
    script: bool = False
    interactive: bool = False
    pid: int = 0
    parameters: list[str] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    functions: dict[str, Compound] = field(default_factory=dict)
    options: set[str] = field(default_factory=set)
    traps: dict[int, str] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    scopes: list[dict[str, Variable | None]] = field(default_factory=list)
    status: int = 0
    background: int | None = None
    substituted: int | None = None
    line: int = 0
    tested: int = 0
    loops: int = 0
    final: bool = False
    getopts: tuple[int, int] = (1, 1)

    @classmethod
    def of(cls, proc: Proc, name: str, dialect: str) -> Shell:
        """A new shell in `proc`, with the variables of its environment."""
        shell = cls(proc, name, dialect, pid=proc.pid)
        shell.variables = {name: Variable(value, exported=True) for name, value in proc.env.items()}
        shell.variables["IFS"] = Variable(" \t\n")
        shell.variables["PPID"] = Variable(str(proc.parent.pid if proc.parent else 1))
        shell.variables["OPTIND"] = Variable("1")
        shell.set("PWD", proc.cwd)
        shell.export("PWD")
        return shell

    def copy(self, proc: Proc) -> Shell:
        """The state of a subshell in `proc`, forked already. Traps are back to default, save ignored ones."""
        other = copy(self)
        other.proc, other.interactive, other.jobs = proc, False, {}
        other.parameters, other.options = list(self.parameters), set(self.options)
        other.variables, other.functions = dict(self.variables), dict(self.functions)
        other.scopes = [dict(scope) for scope in self.scopes]
        other.traps = {number: action for number, action in self.traps.items() if not action}
        return other

    # -- variables

    def get(self, name: str) -> str | None:
        """The value of a variable; None when it is unset."""
        if name == "LINENO":
            return str(self.line)
        variable = self.variables.get(name)
        return variable.value if variable else None

    def set(self, name: str, value: str | None) -> None:
        """Gives a variable a value; ShellError when it is read-only, or when there is no memory for it."""
        if value and len(value) > _LARGE:
            whole = sum(len(one.value or "") for one in self.variables.values()) + len(value)
            if whole > MEMORY:
                raise ShellError(f"{name}: cannot allocate {len(value)} bytes")
        old = self.variables.get(name, Variable(None))
        if old.readonly:
            raise ShellError(f"{name}: readonly variable")
        if name == "OPTIND":
            self.getopts = (int(value) if value and value.isdigit() else 1, 1)
        self.variables[name] = Variable(value, old.exported or "allexport" in self.options)

    def unset(self, name: str) -> None:
        """Takes a variable away; ShellError when it is read-only."""
        if self.variables.get(name, Variable(None)).readonly:
            raise ShellError(f"{name}: cannot unset: readonly variable")
        self.variables.pop(name, None)

    def export(self, name: str) -> None:
        self.variables[name] = self.variables.get(name, Variable(None))._replace(exported=True)

    def make_readonly(self, name: str) -> None:
        self.variables[name] = self.variables.get(name, Variable(None))._replace(readonly=True)

    def make_local(self, name: str) -> None:
        """Until the function returns, `name` is a variable of its own."""
        scope = self.scopes[-1]
        if name not in scope:
            scope[name] = self.variables.get(name)

    def leave_scope(self) -> None:
        """A function returns: its local variables are what they were before."""
        for name, old in self.scopes.pop().items():
            if old is None:
                self.variables.pop(name, None)
            else:
                self.variables[name] = old

    def environment(self) -> dict[str, str]:
        """What a program that it starts gets."""
        known = self.variables.items()
        return {name: variable.value for name, variable in known if variable.exported and variable.value is not None}

    def special(self, name: str) -> str | None:
        """`$?` and its like, and positional parameters; None for anything else and for those that are not set."""
        if name.isdigit():
            index = int(name)
            return self.name if index == 0 else self.parameters[index - 1] if index <= len(self.parameters) else None
        if name == "!":
            return str(self.background) if self.background is not None else None
        if name == "-":
            return self.flags()
        number = {"?": self.status, "$": self.pid, "#": len(self.parameters)}.get(name)
        return None if number is None else str(number)

    def flags(self) -> str:
        """`$-`."""
        letters = "".join(OPTION_LETTERS[option] for option in sorted(self.options))
        return letters + ("i" if self.interactive else "")

    # -- talking

    def complain(self, subject: str, reason: str, builtin: str = "") -> None:
        """One line on standard error, in the dialect's own form."""
        if self.dialect == "zsh":
            place = "" if self.interactive else f"{self.line or 1}:"
            where = f"zsh:{builtin}:{place}" if builtin else f"zsh:{place}"
            text = f"{where} {_lowered(reason)}: {subject}" if subject else f"{where} {_lowered(reason)}"
        else:
            head = f"{self.name}: " + (f"line {self.line}: " if self.script else "")
            text = head + ": ".join(part for part in (builtin, subject, reason) if part)
        self.proc.put(2, text + "\n")

    def tell(self, error: ShellError) -> None:
        """Prints an error, once: where it happens, so that redirections there hold for it."""
        if not error.told:
            self.complain("", error.text)
            error.told = True

    def fail(self, text: str, status: int = 1) -> NoReturn:
        raise ShellError(text, status)

    # -- signals

    def catch(self, number: int, action: str | None) -> None:
        """Sets a trap: `action` "" ignores, None is the default again. 0 is EXIT."""
        if action is None:
            self.traps.pop(number, None)
        else:
            self.traps[number] = action
        if number:
            if action is None:
                self.proc.dispositions.pop(number, None)
            else:
                self.proc.dispositions[number] = "catch" if action else "ignore"

    def forget(self, numbers: Iterable[int] = tuple(NUMBERS.values())) -> None:
        """All traps back to default, before another program takes this process over."""
        for number in numbers:
            if self.traps.get(number):
                self.catch(number, None)


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
