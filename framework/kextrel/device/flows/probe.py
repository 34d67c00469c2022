"""Do keys arrive as they were pressed? Letters typed where they can be read: into the search field of Settings."""

from __future__ import annotations

import re
from enum import StrEnum

from kextrel.device.flows import pane
from kextrel.device.flows.screens import EXCHANGED, LETTERS, fold, has
from kextrel.device.rig import Rig
from kextrel.timing import Deadline

__all__ = ["Typed", "typed"]

_CLOCK = re.compile(r"\d{1,2}\s?[:.]\s?\d\d")


class Typed(StrEnum):
    """What became of the letters."""

    RIGHT = "as they were typed"
    EXCHANGED = "with y and z exchanged"
    OTHER = "as something else"
    NOTHING = "not at all"


def typed(rig: Rig, *, deadline: Deadline) -> Typed:
    """Opens Settings, whose focus begins in its search field, types, looks, and closes it again."""
    try:
        pane.open_pane(rig, pane.security(rig), deadline=deadline)
        before = rig.screen.text(deadline=deadline)
        rig.keyboard.type(LETTERS, deadline=deadline)
        came = rig.sees(
            lambda text: has(text, LETTERS) or has(text, EXCHANGED),
            rig.timeouts.screen,
            deadline=deadline,
            what="the letters that were typed",
        )
        after = came or rig.screen.text(deadline=deadline)
    finally:
        pane.close_settings(rig, deadline=deadline)
    if came is None:
        return Typed.NOTHING if _but_the_clock(after) == _but_the_clock(before) else Typed.OTHER
    return Typed.RIGHT if has(came, LETTERS) else Typed.EXCHANGED


def _but_the_clock(text: str) -> str:
    """What is on the screen beside the menu bar, whose clock goes on while nothing is typed."""
    return fold("\n".join(line for line in text.splitlines() if not _CLOCK.search(line)))
