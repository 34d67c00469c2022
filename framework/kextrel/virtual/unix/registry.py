"""The program files of macOS: what runs when one is executed. `tool` registers it, `TOOLS` has them all.

    @tool("/usr/bin/true")
    async def true(proc: Proc) -> int:
        return 0

A tool gets its Proc and returns its exit code. What it may wait for it awaits through the Proc (`read`, `sleep`, `ask`,
`wait_for`, `outside`), because a process that waits there is not counted as running and the Mac's clock may jump. An
OSError that a tool does not catch is printed as `NAME: PATH: TEXT` with exit code 1; `raise Exit(2)` ends it from
anywhere; a signal ends it at its next await.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from kextrel.virtual.unix.process import Main

__all__ = ["TOOLS", "Tool", "tool"]


@dataclass(frozen=True)
class Tool:
    """A program file of macOS: its path, what it runs, the environments whose disk has it ("macos", "recovery"), and
    the release that brought it."""

    path: str
    main: Main
    where: tuple[str, ...]
    since: tuple[int, ...] = ()


_tools: dict[str, Tool] = {}
TOOLS = MappingProxyType(_tools)
"""Every program that was registered, by its path."""


def tool(
    *paths: str, where: tuple[str, ...] = ("macos", "recovery"), since: tuple[int, ...] = ()
) -> Callable[[Main], Main]:
    """Registers `async def f(proc: Proc) -> int` as the program files `paths`; a path has one program."""

    def register(main: Main) -> Main:
        for path in paths:
            if path in _tools:
                raise ValueError(f"{path} is registered twice: by {_tools[path].main} and {main}")
            _tools[path] = Tool(path, main, where, since)
        return main

    return register
