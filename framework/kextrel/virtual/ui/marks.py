"""What a screen is made of: marks on a surface of 1280 by 800 points, from which both text and picture are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["HEIGHT", "WIDTH", "Anchor", "Box", "Disc", "Fade", "Layer", "Mark", "Rect", "Shape", "Text", "wrapped"]

WIDTH, HEIGHT = 1280, 800
Anchor: TypeAlias = Literal["l", "m", "r"]
_AVERAGE = (
    0.52  # width of an average character of the font, in sizes: near enough to sort words and find what covers them
)
_WIDEST = 0.56  # … and of text in capitals, so that wrapped lines stay inside their box


class Rect(NamedTuple):
    """A rectangle in points, from the top left."""

    x: int
    y: int
    w: int
    h: int

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.w // 2, self.y + self.h // 2

    def inset(self, by: int) -> Rect:
        """The rectangle that is smaller by `by` on all sides (larger when negative)."""
        return Rect(self.x + by, self.y + by, self.w - 2 * by, self.h - 2 * by)

    def meets(self, other: Rect) -> bool:
        """Whether the two have a point in common."""
        across = self.x < other.x + other.w and other.x < self.x + self.w
        return across and self.y < other.y + other.h and other.y < self.y + self.h


@dataclass(frozen=True, slots=True)
class Text:
    """One run of text. `y` is the middle of its line; `x` its left end, middle or right end as `anchor` says.

    With a `cell` it is a row of a terminal: character n stands `cell` points right of character n - 1.
    """

    x: int
    y: int
    text: str
    size: int = 14
    colour: str = "#1d1d1f"
    anchor: Anchor = "l"
    bold: bool = False
    cell: int = 0

    @property
    def bounds(self) -> Rect:
        """About where it is; the exact width is the font's business."""
        width = int(len(self.text) * (self.cell or self.size * _AVERAGE))
        left = {"l": self.x, "m": self.x - width // 2, "r": self.x - width}[self.anchor]
        return Rect(left, self.y - self.size // 2, width, self.size)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with rounded corners, filled and outlined where a colour is given."""

    rect: Rect
    fill: str | None = None
    outline: str | None = None
    radius: int = 0
    width: int = 1


@dataclass(frozen=True, slots=True)
class Disc:
    """A filled ellipse."""

    rect: Rect
    fill: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled polygon."""

    points: tuple[tuple[int, int], ...]
    fill: str


@dataclass(frozen=True, slots=True)
class Fade:
    """A background that goes from one colour at the top to another at the bottom."""

    rect: Rect
    top: str
    bottom: str


Mark: TypeAlias = Text | Box | Disc | Shape | Fade


@dataclass(frozen=True, slots=True)
class Layer:
    """Marks that lie over all layers before them and hide what is under `cover`."""

    cover: Rect
    marks: tuple[Mark, ...]


def wrapped(text: str, width: int, size: int) -> Iterator[str]:
    """`text` broken at spaces into lines that fit into `width` points."""
    room, line = int(width / (size * _WIDEST)), ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line
