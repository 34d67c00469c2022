"""What the firmware shows: a black screen with the logo, a bar, or a line while the power button is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from kextrel.virtual.ui.host import Clock
from kextrel.virtual.ui.keys import Key
from kextrel.virtual.ui.marks import HEIGHT, WIDTH, Box, Disc, Layer, Mark, Rect, Shape, Text

__all__ = ["SCREEN", "BlackScreen", "Progress", "Scene", "SetupAssistant", "backdrop", "logo"]

SCREEN = Rect(0, 0, WIDTH, HEIGHT)
_BOOT = 15.0  # Mac seconds after which the bar is full
_BAR = Rect(WIDTH // 2 - 110, 600, 220, 8)


class Scene(Protocol):
    """Everything that is on the screen at one stage of one boot."""

    @property
    def signal(self) -> bool: ...

    def key(self, key: Key) -> None:
        """Takes a key that went down; a scene that nobody listens in loses it."""
        ...

    def layers(self) -> Sequence[Layer]: ...

    def left(self) -> None:
        """Told when another scene takes its place."""
        ...


def backdrop(*marks: Mark, fill: str = "#000000") -> Layer:
    """The whole screen in one colour, with `marks` on it."""
    return Layer(SCREEN, (Box(SCREEN, fill), *marks))


def logo(x: int, y: int, size: int, colour: str = "#f5f5f7", ground: str = "#000000") -> Iterator[Mark]:
    """A bitten fruit with a leaf, `size` points high, around (x, y)."""
    u = size // 12
    yield Disc(Rect(x - 5 * u, y - 3 * u, 6 * u, 8 * u), colour)
    yield Disc(Rect(x - u, y - 3 * u, 6 * u, 8 * u), colour)
    yield Disc(Rect(x - 4 * u, y - u, 8 * u, 7 * u), colour)
    yield Disc(Rect(x + 3 * u, y - 2 * u, 4 * u, 4 * u), ground)
    yield Shape(((x, y - 4 * u), (x + u, y - 6 * u), (x + 3 * u, y - 7 * u), (x + 2 * u, y - 5 * u)), colour)


class _Deaf:
    """A scene in which nobody listens to the keyboard."""

    signal = True

    def key(self, key: Key) -> None:
        """Every key is lost: firmware has not come so far as to listen, or listens to the button alone."""

    def left(self) -> None:
        """There is nothing to clear up."""


class Progress(_Deaf):
    """The logo and a bar that grows with the Mac's time."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._since = clock, clock.now()

    def layers(self) -> Sequence[Layer]:
        done = min(max((self._clock.now() - self._since) / _BOOT, 0.0), 1.0)
        full = _BAR._replace(w=max(_BAR.h, int(_BAR.w * done)))
        bar = (Box(_BAR, "#3a3a3c", None, 4), Box(full, "#f5f5f7", None, 4))
        return [backdrop(*logo(WIDTH // 2, 360, 120), *bar)]


class SetupAssistant(_Deaf):
    """The first start of a macOS that nobody ever set up. It waits for a person with a mouse."""

    def layers(self) -> Sequence[Layer]:
        texts = (("Select Your Country or Region", 30), ("To set up your Mac, choose where you will use it.", 18))
        lines = (Text(WIDTH // 2, 300 + 46 * n, text, size, "#1d1d1f", "m") for n, (text, size) in enumerate(texts))
        return [backdrop(*lines, fill="#ececee")]


class BlackScreen(_Deaf):
    """The boot ROM: the logo alone, or with a line that says what holding the power button leads to."""

    def __init__(self, text: str | None) -> None:
        self._text = text

    def layers(self) -> Sequence[Layer]:
        if self._text is None:
            return [backdrop(*logo(WIDTH // 2, 360, 120))]
        return [backdrop(*logo(WIDTH // 2, 360, 120), Text(WIDTH // 2, 604, self._text, 22, "#f5f5f7", "m"))]
