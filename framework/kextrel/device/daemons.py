"""What the Mac's daemons logged of extensions: asked for where a step was violated, so that the evidence says what they
did and when. Reading a log is dear on a real Mac (seconds), so no observation does it.
"""

from __future__ import annotations

import math
from typing import Any

from kextrel.device.flows.place import Place, find
from kextrel.device.remote import answered, look
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.macos import logs
from kextrel.timing import Deadline

__all__ = ["recall"]

_BEFORE = 60.0  # Mac seconds that are read beside those since the look: clocks differ, and daemons begin earlier
_MOST = 100  # changes, and other events, that are kept: the last ones


def recall(rig: Rig, *, seconds: float, deadline: Deadline) -> logs.LogAnswer:
    """Reads what sysextd, kernelmanagerd or kextd, and syspolicyd logged in the last `seconds` (of the wall), and puts
    it into the evidence. NotPossible where no macOS answers, BenchError, UnreadableAnswer."""
    if find(rig, deadline=deadline) is not Place.MACOS:
        raise NotPossible(f"{rig.name} is not in macOS, and only there the log can be read")
    command = logs.command(minutes=math.ceil((seconds + _BEFORE) / 60))
    found = logs.read(answered(look(rig, command, deadline=deadline), 0).stdout)
    rig.sink.record("device", "log", command=command, **_told(found))
    return found


def _told(found: logs.LogAnswer) -> dict[str, Any]:
    facts = found.facts()
    return {
        "changes": facts["changes"][-_MOST:],
        "events": facts["events"][-_MOST:],
        "reason": found.reason,
        "needs_reboot": found.needs_reboot,
        "unparsed": list(found.unparsed[-_MOST:]),
    }
