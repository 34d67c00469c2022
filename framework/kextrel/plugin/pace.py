"""What tests take here, learned from those that have ended: lab minutes are for a real bench, and this one may be
virtual, where a restart is soon over and what each test does besides counts for more."""

from __future__ import annotations

__all__ = ["Pace"]

_ENOUGH = 6  # tests of which the seconds are known: fewer say little of those to come
_LEAST = 0.02  # minutes of a test of which nothing is known


class Pace:
    """A line through the seconds over the minutes of the tests that have ended, by least squares and never one that
    falls. Tests that are planned with no minutes (they want no Mac, or none fits them) are counted apart."""

    def __init__(self) -> None:
        self._known: list[tuple[float, float]] = []
        self._line = (0.0, 60.0)  # seconds of any test, and those for each of its minutes
        self._without: list[float] = []

    def learn(self, minutes: float, seconds: float) -> None:
        """A test that was planned with `minutes` has taken `seconds`."""
        if minutes <= 0:
            self._without.append(seconds)
            return
        self._known.append((minutes, seconds))
        if len(self._known) >= _ENOUGH:
            self._line = _through(self._known)

    def expected(self, minutes: float) -> float:
        """Seconds that a test may take; 60 a minute until enough have ended."""
        if minutes > 0:
            return self._line[0] + self._line[1] * minutes
        return self._without[-1] if self._without else _LEAST * self._line[1]


def _through(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Where the line begins, and how it rises; neither is below zero."""
    minutes = sum(x for x, _ in points) / len(points)
    seconds = sum(y for _, y in points) / len(points)
    spread = sum((x - minutes) ** 2 for x, _ in points)
    slope = sum((x - minutes) * (y - seconds) for x, y in points) / spread if spread else 0.0
    slope = min(max(slope, 0.0), seconds / minutes)
    return seconds - slope * minutes, slope
