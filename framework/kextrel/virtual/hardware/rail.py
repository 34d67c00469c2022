"""The power rail: mains through a relay's contacts, a supply that rides out what a relay's contacts bounce, and a
laptop's battery, which rides out everything."""

from __future__ import annotations

from collections.abc import Callable

from kextrel.virtual.clock import Clock, Timer

__all__ = ["HOLD_UP", "Rail"]

HOLD_UP = 0.02
"""Mac seconds that the supply lives on its capacitors (a full cycle at 50 Hz)."""


class Rail:
    """`mains` is what the contacts give, `powered` what the Mac gets; `changed(powered)` is called when that does.
    With a `battery` that is charged the Mac does not notice that the mains are gone."""

    def __init__(self, clock: Clock, changed: Callable[[bool], None], *, battery: bool = False) -> None:
        self._clock, self._changed, self._battery = clock, changed, battery
        self.mains = False
        self.powered = False
        self._fading: Timer | None = None
        self._failed = False

    def fail(self) -> None:
        """The building's mains fail, and do not come back: the relay's contacts switch nothing any more."""
        self.switch(False)
        self._failed = True

    def switch(self, on: bool) -> None:
        """The relay's contacts close (`on`) or open."""
        if self._failed:
            return
        self.mains = on
        if self._fading is not None:
            self._fading.cancel()
            self._fading = None
        if on:
            self._set(True)
        elif self.powered and not self._battery:
            self._fading = self._clock.call_later(HOLD_UP, lambda: self._set(False))

    def _set(self, powered: bool) -> None:
        self._fading = None
        if powered != self.powered:
            self.powered = powered
            self._changed(powered)
