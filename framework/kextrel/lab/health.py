"""`lab check`: is each wire alive? It only asks; nothing is pressed, typed or switched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kextrel.bench.protocols import Wire
from kextrel.device import Wires
from kextrel.errors import KextrelError
from kextrel.timing import Deadline

__all__ = ["WireHealth", "check_wires"]

_SECONDS_A_WIRE = 10.0


@dataclass(frozen=True)
class WireHealth:
    """One wire: alive or not, and the sentence about it."""

    wire: str
    alive: bool
    said: str

    def line(self) -> str:
        return f"{'alive' if self.alive else 'DEAD '}  {self.wire}  {self.said}"

    def to_json(self) -> dict[str, Any]:
        return {"wire": self.wire, "alive": self.alive, "said": self.said}


def check_wires(wires: Wires, *, deadline: Deadline) -> list[WireHealth]:
    """Each wire that is there, in the order of the profile; bounded by `deadline` and by ten seconds a wire."""
    return [_asked(wire, deadline.within(_SECONDS_A_WIRE, f"asking {wire.name}")) for wire in wires.all()]


def _asked(wire: Wire, deadline: Deadline) -> WireHealth:
    try:
        return WireHealth(wire.name, True, wire.check(deadline=deadline))
    except KextrelError as error:
        return WireHealth(wire.name, False, str(error))
