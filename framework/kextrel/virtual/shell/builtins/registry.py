"""How a builtin is written: `@builtin("shift")` on `async def shift(shell, args) -> int`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import MappingProxyType

from kextrel.virtual.shell.state import Shell

__all__ = ["BUILTINS", "SPECIAL", "Builtin", "builtin"]

Builtin = Callable[[Shell, list[str]], Awaitable[int]]
_builtins: dict[str, Builtin] = {}
BUILTINS = MappingProxyType(_builtins)
SPECIAL = frozenset(
    [
        ":",
        ".",
        "break",
        "continue",
        "eval",
        "exec",
        "exit",
        "export",
        "readonly",
        "return",
        "set",
        "shift",
        "source",
        "times",
        "trap",
        "unset",
    ]
)
"""POSIX's special builtins: found before functions; an assignment before one stays."""


def builtin(*names: str) -> Callable[[Builtin], Builtin]:
    """Registers a builtin under its names."""

    def register(run: Builtin) -> Builtin:
        _builtins.update(dict.fromkeys(names, run))
        return run

    return register
