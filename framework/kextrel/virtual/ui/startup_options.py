"""The startup options: the volume, Options, and under the selected one Continue.

Holding Shift turns Continue under the volume into Continue in Safe Mode (Apple's guide, "Start up in safe mode").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui.boot import backdrop
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import WIDTH, Box, Disc, Layer, Mark, Rect, Text

__all__ = ["StartupOptions"]

_PLACES = (WIDTH // 2 - 110, WIDTH // 2 + 110)


class StartupOptions:
    """`shift_held`: the Shift key is down.

    Nothing is selected at first; Right and Left move over the two; Return is Continue once one is selected.
    """

    signal = True

    def __init__(self, disk: str, choose: Callable[[str], None]) -> None:
        self._labels = (disk, "Options")
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
            self._choose("safe-mode" if safe else ("macos", "recovery")[self._at])

    def left(self) -> None:
        """There is nothing to clear up."""

    def layers(self) -> Sequence[Layer]:
        return [backdrop(*self._marks())]

    def _marks(self) -> Iterator[Mark]:
        for at, (x, label) in enumerate(zip(_PLACES, self._labels, strict=True)):
            if at == self._at:
                yield Box(Rect(x - 84, 252, 168, 192), "#2c2c2e", "#8e8e93", 14, 2)
                safe = self.shift_held and at == 0
                yield Box(Rect(x - (110 if safe else 60), 470, 220 if safe else 120, 34), "#f5f5f7", None, 8)
                yield Text(x, 487, "Continue in Safe Mode" if safe else "Continue", 17, "#1d1d1f", "m")
            yield from (_drive(x) if at == 0 else _gears(x))
            yield Text(x, 420, label, 19, "#f5f5f7", "m")
        for x, label in ((_PLACES[0], "Shut Down"), (_PLACES[1], "Restart")):
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
