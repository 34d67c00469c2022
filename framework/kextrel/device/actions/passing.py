"""Time that passes on the Mac."""

from __future__ import annotations

from kextrel.device.flows.place import Place, find
from kextrel.device.performed import Performed
from kextrel.device.remote import answered, run
from kextrel.device.rig import Rig
from kextrel.timing import Deadline
from kextrel.vocabulary import Outcome
from kextrel.vocabulary.actions import Wait

__all__ = ["wait"]

_PIECE = 60.0  # Mac seconds that one command waits: a connection that dies meanwhile is found out


def wait(rig: Rig, action: Wait, *, deadline: Deadline) -> Performed:
    """Lets minutes pass: by the Mac's own clock where macOS runs, else by the bench's."""
    left = action.minutes * 60
    if find(rig, deadline=deadline) is not Place.MACOS:
        rig.clock.dwell(left, deadline, rig.screen.name)
        return Performed(Outcome.DONE, note="timed by the bench: there is no macOS to ask")
    while left > 0:
        piece = min(left, _PIECE)
        answered(run(rig, f"sleep {piece:.6g}", seconds=piece + rig.timeouts.command, deadline=deadline), 0)
        left -= piece
    return Performed(Outcome.DONE)
