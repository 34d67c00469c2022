"""Faults: what goes wrong on the bench, never in the Mac.

A fault is written `NAME`, `NAME@N` (it begins with the N-th event on its wire), `NAME@30s` (it begins that many Mac
seconds after the first boot) or `NAME:seed=7` (the seed draws the event, always the same one); once begun it stays.
Whoever carries those events asks `Faults.strikes(name)` once for each; the Mac behind the wire never learns of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

from kextrel.errors import UsageError, nearest

__all__ = ["FAULTS", "Fault", "Faults", "Kind"]


@dataclass(frozen=True)
class Kind:
    """One kind of fault: what it counts, the event it begins with when none is named, the last one a seed may draw."""

    counts: str
    first: int
    last: int


FAULTS = {
    "ssh-drop": Kind("SSH commands and transfers; all connections are cut, the port refuses from then on", 12, 120),
    "ssh-stall": Kind("SSH commands and transfers; none is answered any more, connections stay up", 12, 120),
    "console-garble": Kind("pieces of console output; bytes of it arrive damaged", 3, 30),
    "relay-stuck": Kind("relay frames; the contacts no longer follow the board", 2, 20),
    "button-short": Kind("closings of the button's contacts; they open again too early", 1, 6),
    "keys-lost": Kind("keyboard reports; the board takes them and the Mac gets none", 20, 600),
    "screen-dark": Kind("snapshots; PiKVM answers an all-black picture and no text", 3, 200),
    "power-cut": Kind("SSH commands, relay frames, keyboard reports; the mains fail and stay away", 30, 500),
    "mdm-down": Kind("requests to the MDM server; it answers none any more", 3, 20),
    "mdm-late": Kind("requests to the MDM server; each is answered late", 2, 20),
}
"""Every fault."""

_BY_HAND = frozenset({"ssh-drop", "relay-stuck", "keys-lost"})
"""The wires whose events count for power-cut as well: what the bench does, not what it looks at."""
_FORM = re.compile(r"(?P<name>[^@:]*)(?:@(?P<at>[0-9]+)(?P<unit>s?))?(?::seed=(?P<seed>[0-9]+))?", re.ASCII)
_GRAMMAR = "write NAME, NAME@N with a whole number from 1, NAME@30s or NAME:seed=7"


class Timers(Protocol):
    """The Mac's clock, as far as a fault needs it."""

    def call_later(self, seconds: float, callback: Callable[[], object], *, background: bool = False) -> object: ...


@dataclass(frozen=True)
class Fault:
    """One fault: it begins with event number `at` (from 1) on its wire or, when `seconds` is given, so many Mac seconds
    after the first boot. `seed` draws whatever is left to chance."""

    name: str
    at: int
    seconds: float | None = None
    seed: int = 0

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Reads `relay-stuck`, `relay-stuck@4`, `power-cut@30s`, `keys-lost:seed=7`; UsageError for anything else."""
        name = re.split("[@:]", text, maxsplit=1)[0]
        if name not in FAULTS:
            raise UsageError(f"there is no fault {name!r}; {nearest(name, FAULTS)}")
        found = _FORM.fullmatch(text)
        if found is None or (found["at"] and not found["unit"] and int(found["at"]) < 1):
            raise UsageError(f"fault {text!r} cannot be read; {_GRAMMAR}")
        seed = int(found["seed"] or 0)
        if found["unit"]:
            return cls(name, 0, float(found["at"]), seed)
        return cls(name, int(found["at"] or 0) or _moment(name, found["seed"]), None, seed)

    def chance(self) -> Random:
        """A source of chance that is the same for the same fault and seed."""
        return Random(f"{self.name}:{self.seed}")  # noqa: S311 - what a broken wire does is no secret


def _moment(name: str, seed: str | None) -> int:
    """The event that a fault begins with when none is named."""
    kind = FAULTS[name]
    return kind.first if seed is None else Random(f"{name}@{int(seed)}").randint(1, kind.last)  # noqa: S311


class Faults:
    """The faults of one Mac's wires, with the count of events that each has seen. `clock` is that Mac's."""

    def __init__(self, faults: Iterable[Fault] = (), clock: Timers | None = None) -> None:
        self._faults = {fault.name: fault for fault in faults}
        self._seen = dict.fromkeys(self._faults, 0)
        self._begun: set[str] = set()
        self._told: dict[str, Callable[[], None]] = {}
        self._chances: dict[str, Random] = {}
        self._clock = clock
        self._booted = False

    def strikes(self, name: str) -> bool:
        """Counts one event on the wire of fault `name`; True when the fault is there by now."""
        self._count(name)
        if name in _BY_HAND:
            self._count("power-cut")
        return self.active(name)

    def active(self, name: str) -> bool:
        """Whether fault `name` has begun; counts nothing."""
        return name in self._begun

    def when(self, name: str, begins: Callable[[], None]) -> None:
        """Calls `begins()` once, at the moment at which fault `name` begins."""
        self._told[name] = begins

    def chance(self, name: str) -> Random:
        """What draws the accidents of fault `name`: the same for the same seed."""
        if name not in self._chances:
            self._chances[name] = self._faults[name].chance()
        return self._chances[name]

    def booted(self) -> None:
        """macOS is up; from the first time on the seconds of `NAME@30s` are counted."""
        if self._booted or self._clock is None:
            return
        self._booted = True
        for fault in self._faults.values():
            if fault.seconds is not None:
                self._clock.call_later(fault.seconds, partial(self._begin, fault.name), background=True)

    def _count(self, name: str) -> None:
        fault = self._faults.get(name)
        if fault is None or fault.seconds is not None:
            return
        self._seen[name] += 1
        if self._seen[name] >= fault.at:
            self._begin(name)

    def _begin(self, name: str) -> None:
        if name not in self._begun:
            self._begun.add(name)
            self._told.get(name, _nobody)()


def _nobody() -> None:
    """Nobody asked to be told: the wire looks by itself."""
