"""Faults: what goes wrong on the bench, never in the Mac.

A fault is written `NAME` or `NAME@N`; N is the how-manieth event on its wire it starts with. Whoever carries those
events asks `Faults.strikes(name)` once for each; the Mac behind the wire never learns of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kextrel.errors import UsageError, nearest

__all__ = ["FAULTS", "Fault", "Faults"]

FAULTS = {
    "ssh-drop": 12,  # counts SSH commands: all connections are cut and the port refuses from then on
    "relay-stuck": 2,  # counts relay frames: the contacts no longer follow the board
    "screen-dark": 3,  # counts snapshots: PiKVM answers an all-black picture and no text
}
"""Every fault with the event it starts with when none is named."""


@dataclass(frozen=True)
class Fault:
    """One fault, starting with the `at`-th event (from 1) on the wire it belongs to."""

    name: str
    at: int

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Reads `relay-stuck` or `relay-stuck@4`; UsageError for another name or a number below 1."""
        name, at, number = text.partition("@")
        if name not in FAULTS:
            raise UsageError(f"there is no fault {name!r}; {nearest(name, FAULTS)}")
        if at and not (number.isdecimal() and int(number) >= 1):
            raise UsageError(f"fault {text!r}: after @ stands a whole number from 1, the event that it starts with")
        return cls(name, int(number) if at else FAULTS[name])


class Faults:
    """The faults of one Mac's wires, with the count of events that each has seen."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._start = {fault.name: fault.at for fault in faults}
        self._seen: dict[str, int] = dict.fromkeys(self._start, 0)

    def strikes(self, name: str) -> bool:
        """Counts one event on the wire of fault `name`; True when the fault is there by now."""
        if name not in self._start:
            return False
        self._seen[name] += 1
        return self.active(name)

    def active(self, name: str) -> bool:
        """Whether fault `name` has begun; counts nothing."""
        return name in self._start and self._seen[name] >= self._start[name]
