"""The power button: two contacts, and a controller that believes them once they have been quiet for a moment."""

from __future__ import annotations

from collections.abc import Callable

from kextrel.virtual.clock import Clock, Hold, Timer

__all__ = ["DEBOUNCE", "Button"]

DEBOUNCE = 0.02
"""Mac seconds for which the contacts must stay as they are before the change counts."""


class Button:
    """`down` is the debounced state; `edge(down)` is called when it changes. Meanwhile the clock knows of a gesture."""

    def __init__(self, clock: Clock, edge: Callable[[bool], None]) -> None:
        self._clock, self._edge = clock, edge
        self.contacts = False
        self.down = False
        self._settling: Timer | None = None
        self._gesture: Hold | None = None

    def switch(self, closed: bool) -> None:
        """The contacts close or open."""
        if closed == self.contacts:
            return
        self.contacts = closed
        if self._gesture is None:
            self._gesture = self._clock.gesture()
        if self._settling is not None:
            self._settling.cancel()
        self._settling = self._clock.call_later(DEBOUNCE, self._settled)

    def _settled(self) -> None:
        self._settling = None
        changed, self.down = self.down != self.contacts, self.contacts
        if changed:
            self._edge(self.down)
        if not self.down and self._gesture is not None:
            self._gesture.release()
            self._gesture = None
