"""What an action came to, as the device saw it."""

from __future__ import annotations

from dataclasses import dataclass

from kextrel.device.observe import Sighting
from kextrel.vocabulary import Outcome, Reason

__all__ = ["Performed"]


@dataclass(frozen=True)
class Performed:
    """`reason` None with refused: the Mac gave no reason that can be read. `note` is for people.

    `sighting` is what was seen at the very end of the action, where the action itself had to look.
    """

    outcome: Outcome
    reason: Reason | None = None
    note: str = ""
    sighting: Sighting | None = None
