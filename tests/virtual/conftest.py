"""Time for tests of the virtual Mac: a wall that a test moves by hand, and an event loop that never waits."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

import kextrel.virtual.userland  # noqa: F401 - the programs of every disk that a test here makes
from kextrel.virtual.clock import Clock
from kextrel.virtual.faults import Faults
from kextrel.virtual.spec import MacSpec
from kextrel.virtual.unix.disk import new_disk
from kextrel.virtual.unix.system import System


class Delayed:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class Wall:
    """Wall time that passes only when told to, with the delayed calls that an event loop would make."""

    def __init__(self) -> None:
        self.time = 1000.0
        self._queue: list[tuple[float, int, Delayed]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self.time

    def later(self, delay: float, call: Callable[[], None]) -> Delayed:
        delayed = Delayed(call)
        heapq.heappush(self._queue, (self.time + delay, next(self._order), delayed))
        return delayed

    def forward(self, seconds: float = 0.0) -> None:
        """Lets wall time pass, making each call at its moment."""
        end = self.time + seconds
        while self._queue and self._queue[0][0] <= end:
            when, _, delayed = heapq.heappop(self._queue)
            self.time = max(self.time, when)
            if delayed.call is not None:
                delayed.call()
        self.time = end

    def stall(self, seconds: float) -> None:
        """The host is busy elsewhere: time passes, and no call is made in time."""
        self.time += seconds
        self.forward()


class _Skipping(selectors.DefaultSelector):
    """Waits by moving the loop's clock."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("the loop waits for something that never comes")
        if not ready and timeout:
            self.skipped += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time: its clock moves to the next timer."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.skipped


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def clock(wall: Wall) -> Clock:
    """A Mac's clock at 0, on a wall that the test moves."""
    return Clock(start=0.0, wall=wall.now, later=wall.later)


@pytest.fixture
def play() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on a loop that never waits; `clock_of_loop` gives a Mac's clock for it."""

    def run(story: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=SkippingLoop) as runner:
            return runner.run(story)

    return run


@pytest.fixture
def clock_of_loop() -> Callable[[], Clock]:
    """Inside `play`: a Mac's clock at 0 that knows no other wall than the loop's."""
    return lambda: Clock(start=0.0, wall=asyncio.get_running_loop().time)


@pytest.fixture
def unix_of() -> Callable[..., System]:
    """Boots the Unix side of a stand-in Mac, in a running loop: `unix_of(clock, environment="recovery")`."""

    def boot(clock: Clock | None = None, *, environment: str = "macos", **spec: Any) -> System:
        host = SimpleNamespace(
            spec=MacSpec("mini", **{"prepared": True, **spec}), clock=clock or Clock(), faults=Faults()
        )
        host.sip, host.console_user, host.system = 0, None, None
        host.disk = new_disk(host)
        host.system = System(host, environment)
        return host.system

    return boot
