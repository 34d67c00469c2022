"""What stands in a window: labels, pictures, buttons, text fields, lists, pop-ups. Each draws itself and hears keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum

from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import Anchor, Box, Mark, Rect, Shape, Text, wrapped

__all__ = ["ACCENT", "GREY", "INK", "Art", "Button", "Field", "Label", "Listing", "Popup", "Stop", "Widget"]

ACCENT, INK, GREY, RING = "#0a7aff", "#1d1d1f", "#6e6e73", "#79b4f8"
_LONGEST = 255  # characters of a field; what is typed beyond is lost


class Stop(Enum):
    """When Tab stops at a widget."""

    NEVER = "never"
    ALWAYS = "always"
    NAVIGATION = "with keyboard navigation only"


class Widget:
    """The base: draws nothing, hears nothing, is passed over by Tab."""

    stop = Stop.NEVER

    def __init__(self, rect: Rect, name: str = "") -> None:
        self.rect, self.name = rect, name

    def marks(self, focused: bool) -> Iterator[Mark]:
        """What it looks like; `focused` draws the ring around it."""
        if focused:
            yield Box(self.rect.inset(-4), None, RING, 8, 3)

    def key(self, key: Key) -> bool:  # noqa: ARG002 - the base hears nothing
        """Takes a key; False leaves it to the window."""
        return False

    def focused(self) -> None:
        """Told when the focus arrives."""
        self.selected = True

    selected = False


class Label(Widget):
    """Text; wrapped to `width` points where one is given. `y` is the middle of its first line."""

    def __init__(
        self, x: int, y: int, text: str, *, size: int = 14, colour: str = INK, anchor: Anchor = "l", bold: bool = False,
        width: int = 0,
    ) -> None:  # fmt: skip
        lines = list(wrapped(text, width, size)) if width else [text]
        super().__init__(Rect(x, y, width, len(lines) * (size + 5)), text)
        self._marks = tuple(
            Text(x, y + number * (size + 5), line, size, colour, anchor, bold) for number, line in enumerate(lines)
        )

    def marks(self, focused: bool) -> Iterator[Mark]:  # noqa: ARG002 - a label has no focus
        yield from self._marks


class Art(Widget):
    """A drawing that says and hears nothing."""

    def __init__(self, *marks: Mark) -> None:
        super().__init__(Rect(0, 0, 0, 0))
        self._marks = marks

    def marks(self, focused: bool) -> Iterator[Mark]:  # noqa: ARG002 - a drawing has no focus
        yield from self._marks


class Button(Widget):
    """A push button: Space presses it while it has the focus. The window's default button is blue.

    `by_hand`: it takes events of a keyboard or a mouse only, and none that a programme made (Apple TN2459).
    """

    stop = Stop.NAVIGATION

    def __init__(
        self, rect: Rect, label: str, press: Callable[[], None], *, default: bool = False, by_hand: bool = False
    ) -> None:
        super().__init__(rect, label)
        self.press, self._default, self.by_hand = press, default, by_hand

    def marks(self, focused: bool) -> Iterator[Mark]:
        yield Box(self.rect, ACCENT if self._default else "#ffffff", None if self._default else "#c8c8cc", 7)
        x, y = self.rect.middle
        yield Text(x, y, self.name, 14, "#ffffff" if self._default else INK, "m")
        yield from super().marks(focused)

    def key(self, key: Key) -> bool:
        if key.name != "space" or key.command or key.control:
            return False
        self.press()
        return True


class Field(Widget):
    """A text field. A secret one shows bullets. Text that came with the focus is selected: typing replaces it."""

    stop = Stop.ALWAYS

    def __init__(self, rect: Rect, *, name: str, text: str = "", secret: bool = False, hint: str = "") -> None:
        super().__init__(rect, name)
        self.text, self._secret, self._hint = text, secret, hint

    def marks(self, focused: bool) -> Iterator[Mark]:
        yield Box(self.rect, "#ffffff", "#c8c8cc", 6)
        shown = "•" * len(self.text) if self._secret else self.text
        x, y = self.rect.x + 10, self.rect.middle[1]
        if shown:
            yield Text(x, y, shown[-self.rect.w // 9 :], 14)
        elif self._hint:
            yield Text(x, y, self._hint, 14, "#8e8e93")
        yield from super().marks(focused)

    def key(self, key: Key) -> bool:
        if key.name in ("backspace", "delete") and not key.command:
            self.text = "" if self.selected else self.text[:-1]
        elif key.types:
            self.text = (("" if self.selected else self.text) + key.types)[:_LONGEST]
        else:
            return False
        self.selected = False
        return True

    def clear(self) -> str:
        """Empties it and returns what was in it."""
        text, self.text, self.selected = self.text, "", False
        return text


class Listing(Widget):
    """Rows of which one is selected; Up and Down move the selection."""

    stop = Stop.NAVIGATION

    def __init__(
        self, rect: Rect, rows: Sequence[str], selected: int, moved: Callable[[int], None], *, pitch: int = 30
    ) -> None:
        super().__init__(rect, "list")
        self._rows, self.at, self._moved, self._pitch = tuple(rows), selected, moved, pitch

    def marks(self, focused: bool) -> Iterator[Mark]:
        for number, row in enumerate(self._rows):
            line = Rect(self.rect.x, self.rect.y + number * self._pitch, self.rect.w, self._pitch)
            chosen = number == self.at
            if chosen:
                yield Box(line, ACCENT if focused else "#c9c9ce", None, 6)
            yield Text(line.x + 40, line.middle[1], row, 14, "#ffffff" if chosen and focused else INK)
            yield Box(Rect(line.x + 10, line.middle[1] - 9, 18, 18), _TINTS[number % len(_TINTS)], None, 5)

    def key(self, key: Key) -> bool:
        step = {"up": -1, "down": 1}.get(key.name)
        if step is None or not 0 <= self.at + step < len(self._rows):
            return False
        self.at += step
        self._moved(self.at)
        return True


class Popup(Widget):
    """A pop-up button: shows what is chosen; Space opens its menu."""

    stop = Stop.NAVIGATION

    def __init__(self, rect: Rect, *, name: str, chosen: str, open_menu: Callable[[], None]) -> None:
        super().__init__(rect, name)
        self._chosen, self._open = chosen, open_menu

    def marks(self, focused: bool) -> Iterator[Mark]:
        right, middle = self.rect.x + self.rect.w, self.rect.middle[1]
        yield Text(right - 22, middle, self._chosen, 14, INK, "r")
        for tip, base in ((-7, -2), (7, 2)):
            yield Shape(((right - 14, middle + base), (right - 6, middle + base), (right - 10, middle + tip)), GREY)
        yield from super().marks(focused)

    def key(self, key: Key) -> bool:
        if key.name != "space":
            return False
        self._open()
        return True


_TINTS = ("#3478f6", "#34c759", "#8e8e93", "#ff9500", "#ff3b30", "#5856d6", "#00a2a8")
