"""`lab check`: is each wire alive? It only asks; nothing is pressed, typed or switched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kextrel.errors import BenchError, KextrelError
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


def check_wires(name: str, opening: Mapping[str, Callable[[], Any]], *, deadline: Deadline) -> list[WireHealth]:
    """Each wire in the order of the profile, opened alone and at the same time as the others.

    Bounded by `deadline` and by ten seconds a wire. A wire that cannot be opened is dead; the others are asked still.
    """
    with ThreadPoolExecutor(max_workers=len(opening) or 1, thread_name_prefix=f"check {name}") as pool:
        asked = [pool.submit(_asked, f"{name}.{kind}", one, deadline) for kind, one in opening.items()]
        return [answer.result() for answer in asked]


def _asked(wire: str, open_wire: Callable[[], Any], deadline: Deadline) -> WireHealth:
    try:
        with closing(open_wire()) as opened:
            said = opened.check(deadline=deadline.within(_SECONDS_A_WIRE, f"asking {wire}"))
            return WireHealth(opened.name, True, said)
    except BenchError as error:
        return WireHealth(error.wire, False, str(error).removeprefix(f"{error.wire}: "))
    except KextrelError as error:
        return WireHealth(wire, False, str(error))
