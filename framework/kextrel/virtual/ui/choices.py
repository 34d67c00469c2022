"""Radio buttons and check boxes, which System Preferences and Startup Security Utility have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import Box, Disc, Mark, Rect, Text
from kextrel.virtual.ui.widgets import ACCENT, GREY, INK, Stop, Widget

__all__ = ["CheckBox", "Radios"]

_PITCH = 30


class Radios(Widget):
    """One group: one stop for Tab. Up and Down move and choose at once. Which one is chosen is a dot, not a word."""

    stop = Stop.NAVIGATION

    def __init__(
        self, x: int, y: int, rows: Sequence[str], at: int, choose: Callable[[int], None], *, name: str = "radios"
    ) -> None:
        super().__init__(Rect(x, y, 420, len(rows) * _PITCH), name)
        self._rows, self.at, self._choose = tuple(rows), at, choose

    def marks(self, focused: bool) -> Iterator[Mark]:
        for number, row in enumerate(self._rows):
            middle = self.rect.y + number * _PITCH + _PITCH // 2
            yield Disc(Rect(self.rect.x, middle - 8, 16, 16), ACCENT if number == self.at else "#ffffff")
            if number == self.at:
                yield Disc(Rect(self.rect.x + 5, middle - 3, 6, 6), "#ffffff")
            yield Text(self.rect.x + 28, middle, row, 15)
        yield from super().marks(focused)

    def key(self, key: Key) -> bool:
        step = {"up": -1, "down": 1}.get(key.name)
        if step is None or not 0 <= self.at + step < len(self._rows):
            return False
        self.at += step
        self._choose(self.at)
        return True


class CheckBox(Widget):
    """Space flips it. `enabled` False: it is grey, and Tab passes it over."""

    def __init__(self, x: int, y: int, label: str, *, on: bool, flip: Callable[[bool], None], enabled: bool) -> None:
        super().__init__(Rect(x, y - 10, 560, 20), label)
        self.stop = Stop.NAVIGATION if enabled else Stop.NEVER
        self._on, self._flip, self._enabled = on, flip, enabled

    def marks(self, focused: bool) -> Iterator[Mark]:
        yield Box(Rect(self.rect.x, self.rect.y + 2, 16, 16), ACCENT if self._on else "#ffffff", "#c8c8cc", 4)
        yield Text(self.rect.x + 28, self.rect.middle[1], self.name, 14, INK if self._enabled else GREY)
        yield from super().marks(focused)

    def key(self, key: Key) -> bool:
        if key.name != "space" or key.command or key.control:
            return False
        self._on = not self._on
        self._flip(self._on)
        return True
