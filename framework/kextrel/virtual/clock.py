"""The clock of one virtual Mac: waiting costs nothing, gestures cost what fingers cost.

Three ways in which Mac time can pass, chosen anew whenever something changes:

- a *gesture* is under way (a button or a key is down, a double-press window is open): Mac time runs at the gesture's
  rate, at most `gesture_rate` (and FASTEST) Mac seconds per wall second, and never jumps. A stall of the host that is
  longer than `stall` wall seconds counts as `stall`, so that a starved process does not turn a press into a hold.
- something is *busy* (a process really runs, a request is on the network), or nobody waits: it follows the wall.
- else it *jumps* to the next moment that somebody waits for, once the event loop has had `SETTLE` turns to deliver
  what is under way between tasks.

A background timer (a cache that is flushed after 15 minutes) fires when its time has come but never pulls the clock.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

__all__ = ["Clock", "Hold", "Timer", "WallTimer"]

SETTLE = 8
FASTEST = 50.0
"""Mac seconds per wall second that a gesture may run at, whatever is asked for: beyond that a press is a guess."""
_EXACT = 1e-6
"""Mac seconds: a moment this near has come, whatever rounding says."""


class WallTimer(Protocol):
    """What the event loop gives for a delayed call."""

    def cancel(self) -> None: ...


class Timer:
    """One planned call on a Clock; `cancel` is harmless when it was made already."""

    def __init__(self, clock: Clock, when: float, callback: Callable[[], object], background: bool) -> None:
        self.when, self.background = when, background
        self.callback: Callable[[], object] | None = callback
        self._clock = clock

    def cancel(self) -> None:
        self.callback = None
        self._clock._rearm()


class Hold:
    """A gesture or a piece of work under way; `release` ends it and is harmless the second time."""

    def __init__(self, clock: Clock, rate: float) -> None:
        self.rate = rate
        self._clock = clock

    def release(self) -> None:
        self._clock._drop(self)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Clock:
    """Mac seconds since the epoch for one Mac, on the running event loop.

    `start`: the first `now()`, the wall's own time when left out. `wall` and `later` are the loop's `time` and
    `call_later` unless a test gives its own.
    """

    def __init__(
        self,
        *,
        start: float | None = None,
        gesture_rate: float = FASTEST,
        stall: float = 0.1,
        wall: Callable[[], float] | None = None,
        later: Callable[[float, Callable[[], None]], WallTimer] | None = None,
    ) -> None:
        self.gesture_rate = min(gesture_rate, FASTEST)
        self._stall = stall
        self._wall = wall or time.monotonic
        self._later = later or (lambda delay, call: asyncio.get_running_loop().call_later(delay, call))
        self._now = time.time() if start is None else start
        self._seen = self._wall()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._holds: list[Hold] = []
        self._work: list[Hold] = []
        self._armed: WallTimer | None = None
        self._turns = 0

    def now(self) -> float:
        """Mac seconds since the epoch."""
        wall = self._wall()
        passed, self._seen = wall - self._seen, wall
        self._now += min(passed, self._stall) * self.rate if self._holds else passed
        return self._now

    @property
    def rate(self) -> float:
        """Mac seconds per wall second while it does not jump."""
        return min((hold.rate for hold in self._holds), default=1.0)

    @property
    def jumping(self) -> bool:
        """Whether nothing keeps it from jumping to the next moment that somebody waits for."""
        return not self._holds and not self._work

    def call_at(self, when: float, callback: Callable[[], object], *, background: bool = False) -> Timer:
        """Calls `callback` when `now()` has reached `when` (at once when that is past)."""
        timer = Timer(self, when, callback, background)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        self._rearm()
        return timer

    def call_later(self, seconds: float, callback: Callable[[], object], *, background: bool = False) -> Timer:
        """Calls `callback` after `seconds` Mac seconds."""
        return self.call_at(self.now() + seconds, callback, background=background)

    async def sleep(self, seconds: float) -> None:
        """Lets `seconds` Mac seconds pass."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, partial(_resolve, done))
        try:
            await done
        finally:
            timer.cancel()

    def gesture(self, rate: float | None = None) -> Hold:
        """Begins a gesture at `rate` (never above `gesture_rate`); it lasts until `Hold.release`."""
        return self._add(self._holds, min(rate or self.gesture_rate, self.gesture_rate))

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Holds the clock to the wall while something really runs."""
        hold = self._add(self._work, 1.0)
        try:
            yield
        finally:
            hold.release()

    def close(self) -> None:
        """Forgets every timer."""
        self._timers.clear()
        self._rearm()

    def _add(self, where: list[Hold], rate: float) -> Hold:
        self.now()
        hold = Hold(self, rate)
        where.append(hold)
        self._rearm()
        return hold

    def _drop(self, hold: Hold) -> None:
        self.now()
        for where in (self._holds, self._work):
            if hold in where:
                where.remove(hold)
        self._rearm()

    def _next(self, *, foreground: bool) -> Timer | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        if not foreground:
            return self._timers[0][2] if self._timers else None
        waiting = (entry for entry in self._timers if entry[2].callback and not entry[2].background)
        return min(waiting, default=(0.0, 0, None))[2]

    def _rearm(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        self._turns = 0
        delay = self._delay()
        if delay is not None:
            self._armed = self._later(delay, self._fire)

    def _delay(self) -> float | None:
        """Wall seconds until there is something to do; None: nobody waits."""
        if self.jumping and self._next(foreground=True):
            return 0.0
        timer = self._next(foreground=False)
        if timer is None:
            return None
        delay = max(0.0, (timer.when - self.now()) / self.rate)
        return min(delay, self._stall / 2) if self._holds else delay

    def _fire(self) -> None:
        self._armed = None
        now = self.now()
        target = self._next(foreground=True) if self.jumping else None
        if target is not None and target.when > now + _EXACT:
            self._turns += 1
            if self._turns <= SETTLE:
                self._armed = self._later(0.0, self._fire)
                return
            self._now = target.when
        self._run_due()
        self._rearm()

    def _run_due(self) -> None:
        """Makes the calls whose time has come; what they plan in turn waits for the next round."""
        until = self.now() + _EXACT
        due = []
        while self._timers and self._timers[0][0] <= until:
            due.append(heapq.heappop(self._timers)[2])
        for timer in due:
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()
