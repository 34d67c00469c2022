"""The menu bar: its line of titles, and Control-F2, with which the keyboard walks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import WIDTH, Box, Layer, Mark, Rect, Text
from kextrel.virtual.ui.widgets import ACCENT, INK

__all__ = ["MENU_BAR", "Menu", "MenuBar"]

MENU_BAR = 28
_ROW, _LEFT = 26, 44
Menu: TypeAlias = Sequence[tuple[str, Callable[[], None]]]


class MenuBar:
    """Titles from left to right, some with a menu under them. Keys are heard only between Control-F2 and the end."""

    def __init__(self, titles: Sequence[str], menus: Mapping[str, Menu] | None = None) -> None:
        self._titles, self._menus = tuple(titles), dict(menus or {})
        self._at: int | None = None
        self._row: int | None = None

    def key(self, key: Key) -> bool:
        """True when the menu bar took the key: while it is walked it takes every one."""
        if self._at is None:
            if key.name != "f2" or not key.control:
                return False
            self._at = 0
            return True
        self._walk(key, self._at)
        return True

    def layers(self, clock: str = "") -> Iterator[Layer]:
        """The bar, with `clock` at its right end, and the menu that is open."""
        yield Layer(Rect(0, 0, WIDTH, MENU_BAR), tuple(self._bar(clock)))
        if self._at is not None and self._row is not None:
            yield self._open_menu(self._at, self._row)

    def _walk(self, key: Key, at: int) -> None:
        menu = self._menus.get(self._titles[at], ())
        if key.name in ("left", "right"):
            self._at = (at + (1 if key.name == "right" else -1)) % len(self._titles)
            self._row = None
        elif key.name in ("down", "up") and menu:
            step = 1 if key.name == "down" else -1
            self._row = 0 if self._row is None else min(max(self._row + step, 0), len(menu) - 1)
        elif key.name == "escape":
            self._at = self._row = None
        elif key.name in ("return", "space") and self._row is not None:
            act = menu[self._row][1]
            self._at = self._row = None
            act()

    def _left(self, at: int) -> int:
        return _LEFT + sum(len(title) * 8 + 22 for title in self._titles[:at])

    def _bar(self, clock: str) -> Iterator[Mark]:
        yield Box(Rect(0, 0, WIDTH, MENU_BAR), "#f0f0f3")
        for at, title in enumerate(self._titles):
            if at == self._at:
                yield Box(Rect(self._left(at) - 8, 3, len(title) * 8 + 18, MENU_BAR - 6), "#c9d7ea", None, 5)
            yield Text(self._left(at), MENU_BAR // 2, title, 15, INK, "l", at == 0)
        if clock:
            yield Text(WIDTH - 16, MENU_BAR // 2, clock, 15, INK, "r")

    def _open_menu(self, at: int, row: int) -> Layer:
        menu = self._menus[self._titles[at]]
        rect = Rect(
            self._left(at) - 8, MENU_BAR + 2, max(len(label) for label, _ in menu) * 9 + 40, len(menu) * _ROW + 12
        )
        return Layer(rect, tuple(_rows([label for label, _ in menu], row, rect)))


def _rows(labels: Sequence[str], chosen: int, rect: Rect) -> Iterator[Mark]:
    yield Box(rect, "#f5f5f7", "#c8c8cc", 7)
    for number, label in enumerate(labels):
        line = Rect(rect.x + 5, rect.y + 6 + number * _ROW, rect.w - 10, _ROW)
        if number == chosen:
            yield Box(line, ACCENT, None, 5)
        yield Text(line.x + 12, line.middle[1], label, 15, "#ffffff" if number == chosen else INK)
