"""The USB keyboard as the Mac's firmware sees it: which keys are down now. Everything else goes on to the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["COMMAND", "SHIFT", "Keyboard", "R"]

R = 0x15
SHIFT, COMMAND = frozenset({0xE1, 0xE5}), frozenset({0xE3, 0xE7})
"""HID usages of the keyboard page: the left and the right one."""


class Listener(Protocol):
    """Who gets the events."""

    def key(self, down: bool, usage: int, modifiers: int) -> None: ...

    def pointer(self, x: int, y: int, buttons: int) -> None: ...


class Keyboard:
    """`held`: usages of the keys that are down, whatever runs on the Mac, through restarts too.

    `admitted`: whether what runs lets the accessory in; else it is as if nobody pressed anything.
    """

    def __init__(self, listener: Callable[[], Listener], admitted: Callable[[], bool] = lambda: True) -> None:
        self._listener, self._admitted = listener, admitted
        self.held: set[int] = set()

    def key(self, down: bool, usage: int, modifiers: int) -> None:
        """A key went down or up; `modifiers` is the report's modifier byte."""
        (self.held.add if down else self.held.discard)(usage)
        if self._admitted():
            self._listener().key(down, usage, modifiers)

    def pointer(self, x: int, y: int, buttons: int) -> None:
        """The mouse moved, or a button of it changed."""
        if self._admitted():
            self._listener().pointer(x, y, buttons)
