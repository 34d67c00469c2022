"""The startup options: the volumes with a macOS, Options, and under the selected one Continue.

Holding Shift turns Continue under the volume into Continue in Safe Mode (Apple's guide, "Start up in safe mode").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui.boot import backdrop
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import WIDTH, Box, Disc, Layer, Mark, Rect, Text

__all__ = ["StartupOptions"]

_PITCH = 220


class StartupOptions:
    """`shift_held`: the Shift key is down.

    Nothing is selected at first; Right and Left move over all; Return is Continue once one is selected. `other` is a
    second volume with a macOS, "" for none.
    """

    signal = True

    def __init__(self, disk: str, choose: Callable[[str], None], other: str = "") -> None:
        self._labels = (disk, *([other] if other else []), "Options")
        self._choices = ("macos", *(["other-macos"] if other else []), "recovery")
        first = WIDTH // 2 - (len(self._labels) - 1) * _PITCH // 2
        self._places = tuple(first + _PITCH * number for number in range(len(self._labels)))
        self._choose = choose
        self._at: int | None = None
        self._chosen = False
        self.shift_held = False

    def key(self, key: Key) -> None:
        if key.name == "right":
            self._at = 0 if self._at is None else min(self._at + 1, len(self._labels) - 1)
        elif key.name == "left" and self._at is not None:
            self._at = max(self._at - 1, 0)
        elif key.name == "return" and self._at is not None and not self._chosen:
            self._chosen = True
            safe = key.shift and self._at == 0
            self._choose("safe-mode" if safe else self._choices[self._at])

    def left(self) -> None:
        """There is nothing to clear up."""

    def layers(self) -> Sequence[Layer]:
        return [backdrop(*self._marks())]

    def _marks(self) -> Iterator[Mark]:
        for at, (x, label) in enumerate(zip(self._places, self._labels, strict=True)):
            if at == self._at:
                yield Box(Rect(x - 84, 252, 168, 192), "#2c2c2e", "#8e8e93", 14, 2)
                safe = self.shift_held and at == 0
                yield Box(Rect(x - (110 if safe else 60), 470, 220 if safe else 120, 34), "#f5f5f7", None, 8)
                yield Text(x, 487, "Continue in Safe Mode" if safe else "Continue", 17, "#1d1d1f", "m")
            yield from (_gears(x) if label == "Options" else _drive(x))
            yield Text(x, 420, label, 19, "#f5f5f7", "m")
        for x, label in ((WIDTH // 2 - _PITCH // 2, "Shut Down"), (WIDTH // 2 + _PITCH // 2, "Restart")):
            yield Disc(Rect(x - 14, 664, 28, 28), "#3a3a3c")
            yield Text(x, 712, label, 16, "#d1d1d6", "m")


def _drive(x: int) -> Iterator[Mark]:
    yield Box(Rect(x - 50, 280, 100, 104), "#b8bcc4", "#e5e5ea", 12, 3)
    yield Box(Rect(x - 50, 350, 100, 34), "#8e939d", None, 10)
    yield Disc(Rect(x + 26, 362, 9, 9), "#34c759")


def _gears(x: int) -> Iterator[Mark]:
    yield Box(Rect(x - 50, 282, 100, 100), "#636366", None, 22)
    for width, colour in ((76, "#d1d1d6"), (58, "#636366"), (42, "#aeaeb2"), (16, "#636366")):
        yield Disc(Rect(x - width // 2, 332 - width // 2, width, width), colour)
