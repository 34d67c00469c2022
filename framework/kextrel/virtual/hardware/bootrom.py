"""The boot ROM: it watches the button at power-on and tells a press, a hold, and a press with a hold after it.

Apple's user guide: press, the Mac starts; press and hold until the startup options load; press, release, press and
hold, the fallback recoveryOS. The window for the second press passes slowly on the wall: fingers and busy hosts are
late by tens of milliseconds, and at the gesture's rate that would be seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from kextrel.virtual.clock import Clock, Hold, Timer

__all__ = ["CONTINUE_AFTER", "CONTINUE_HOLDING", "LATCH_AFTER", "LOADING", "BootRom", "Gesture"]

CONTINUE_HOLDING = "Continue holding for startup options…"
LOADING = "Loading startup options…"
CONTINUE_AFTER, LATCH_AFTER = 2.0, 10.0
WINDOW, WINDOW_RATE = 1.5, 7.5
"""Mac seconds for the second press, and Mac seconds per wall second meanwhile (so 0.2 s on the wall)."""


class Gesture(Enum):
    """What the button said at power-on."""

    START = "start"
    HOLD = "hold"
    DOUBLE_HOLD = "double hold"


class BootRom:
    """Reads one gesture per power-on: `power_on`, then `edge` for every change of the button, until `decided(gesture)`.

    `show(text)` puts a line on the screen, None takes it away.
    """

    def __init__(self, clock: Clock, show: Callable[[str | None], None], decided: Callable[[Gesture], None]) -> None:
        self._clock, self._show, self._decided = clock, show, decided
        self._timers: list[Timer] = []
        self._window: Hold | None = None
        self._presses = 0
        self.reading = False

    def power_on(self, *, pressed: bool) -> None:
        """The chip comes out of reset, by the button (`pressed`) or by power or a restart."""
        self.power_off()
        if not pressed:
            self._decided(Gesture.START)
            return
        self.reading = True
        self._press()

    def power_off(self) -> None:
        """Forgets a gesture that was under way."""
        self._quiet()
        self.reading, self._presses = False, 0

    def edge(self, down: bool) -> None:
        """The button went down or came up."""
        if not self.reading:
            return
        if down:
            self._press()
        else:
            self._release()

    def _press(self) -> None:
        self._quiet()
        self._presses += 1
        self._after(CONTINUE_AFTER, lambda: self._show(CONTINUE_HOLDING))
        self._after(LATCH_AFTER, self._latch)

    def _release(self) -> None:
        self._quiet()
        self._show(None)
        if self._presses > 1:
            self._end(Gesture.START)
            return
        self._window = self._clock.gesture(WINDOW_RATE)
        self._after(WINDOW, lambda: self._end(Gesture.START))

    def _latch(self) -> None:
        self._show(LOADING)
        self._end(Gesture.HOLD if self._presses == 1 else Gesture.DOUBLE_HOLD)

    def _end(self, gesture: Gesture) -> None:
        self.power_off()
        self._decided(gesture)

    def _after(self, seconds: float, call: Callable[[], object]) -> None:
        self._timers.append(self._clock.call_later(seconds, call))

    def _quiet(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._window is not None:
            self._window.release()
            self._window = None
