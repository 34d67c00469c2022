"""Does this Mac's screen stay where it is? A lock and a sleep take keys away from the windows that they are for."""

from __future__ import annotations

from kextrel.device.remote import look
from kextrel.device.rig import Rig
from kextrel.macos import readiness as told
from kextrel.timing import Deadline

__all__ = ["what_rests"]

_SLEEPS = {"sleep": "the Mac", "displaysleep": "the display"}


def what_rests(rig: Rig, *, deadline: Deadline) -> list[str]:
    """What is set to lock or to sleep by and by, in words; nothing on a Mac that is prepared (PREP-06).

    UnreadableAnswer where a release's tools do not say.
    """
    lock = told.read_screen_lock(look(rig, told.SCREEN_LOCK, deadline=deadline).out)
    power = told.read_power(look(rig, told.POWER, deadline=deadline).out)
    locks = [] if lock == "off" else [f"the screen locks ({lock})"]
    return locks + [f"{what} sleeps after {power[name]} min" for name, what in _SLEEPS.items() if power.get(name)]
