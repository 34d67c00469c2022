"""Deadlines that come when something has happened: how fast this machine is decides nothing then."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from kextrel.timing import Deadline

__all__ = ["Until", "until"]

FAR = 60.0  # wall seconds: if it never happens, the deadline comes all the same


@dataclass(frozen=True)
class Until(Deadline):
    """Over as soon as `over` says so, and with it what was made of it by `within`."""

    over: Callable[[], bool] = bool

    @property
    def remaining(self) -> float:
        return 0.0 if self.over() else super().remaining

    def within(self, seconds: float, what: str | None = None) -> Until:
        return Until(super().within(seconds).at, what or self.what, self.over)


def until(over: Callable[[], bool], what: str = "the operation") -> Until:
    return Until(time.monotonic() + FAR, what, over)
