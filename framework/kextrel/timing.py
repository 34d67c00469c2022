"""Time: one Deadline flows down through every call that can wait; the Clock knows wall seconds from Mac seconds.

Deadlines are wall seconds and never scaled. Gestures and dwell (hold the button for 10 s) are Mac seconds, divided by
the profile's `time_scale`, which is 1 on every real bench.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kextrel.errors import DeadlineExceeded

__all__ = ["Clock", "Deadline"]


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock. Immutable: `within` makes an earlier one, nothing makes a later one."""

    at: float
    what: str = "the operation"

    @classmethod
    def after(cls, seconds: float, what: str = "the operation") -> Deadline:
        """The deadline `seconds` of wall time from now; `what` is said in the error."""
        return cls(time.monotonic() + seconds, what)

    def within(self, seconds: float, what: str | None = None) -> Deadline:
        """The earlier of this one and `seconds` from now."""
        return Deadline(min(self.at, time.monotonic() + seconds), what or self.what)

    @property
    def remaining(self) -> float:
        """Wall seconds left, never below 0."""
        return max(0.0, self.at - time.monotonic())

    @property
    def expired(self) -> bool:
        return self.remaining <= 0.0

    def check(self, wire: str, hint: str = "") -> None:
        """Raises DeadlineExceeded for `wire` when the time is up."""
        if self.expired:
            raise DeadlineExceeded(f"{self.what} was not done in time", wire=wire, hint=hint)


@dataclass(frozen=True)
class Clock:
    """Turns Mac seconds into wall seconds for gestures and dwell.

    `time_scale` is Mac seconds per wall second: 1 on every real bench.
    """

    time_scale: float = 1.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def wall(self, mac_seconds: float) -> float:
        """How long `mac_seconds` last here, in wall seconds."""
        return mac_seconds / self.time_scale

    def dwell(self, mac_seconds: float, deadline: Deadline, wire: str) -> None:
        """Lets `mac_seconds` pass on the Mac: the gesture itself, never a hope that something is ready by then."""
        seconds = self.wall(mac_seconds)
        if seconds > deadline.remaining:
            raise DeadlineExceeded(f"{deadline.what} needs {seconds:.1f} s more than are left", wire=wire)
        self.sleep(seconds)
