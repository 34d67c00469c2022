"""A sound driver in memory, and some that break one promise each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kextrel.errors import BenchError
from kextrel.testing import ButtonConformance
from kextrel.timing import Clock, Deadline


class Sound:
    name = "memory.button"
    breaks = ""

    def __init__(self, told: list[bool], clock: Clock) -> None:
        self.told, self.clock, self.closed = told, clock, False

    def press(self, mac_seconds: float, *, deadline: Deadline) -> None:
        self.possible(mac_seconds, deadline)
        with self.held(deadline=deadline):
            self.clock.dwell(mac_seconds, deadline, self.name)

    def possible(self, mac_seconds: float, deadline: Deadline) -> None:
        if self.clock.wall(mac_seconds) > deadline.remaining:
            self.clock.dwell(mac_seconds, deadline, self.name)

    @contextmanager
    def held(self, *, deadline: Deadline) -> Iterator[None]:
        deadline.check(self.name)
        if self.closed:
            raise BenchError("closed", wire=self.name)
        self.told.append(True)
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        if self.told and self.told[-1]:
            self.told.append(False)

    def check(self, *, deadline: Deadline) -> str:
        return "there"

    def close(self) -> None:
        if not self.closed:
            self.release()
        self.closed = True


class Careless(Sound):
    breaks = "test_every_way_out_opens_the_contacts[KeyboardInterrupt]"

    @contextmanager
    def held(self, *, deadline: Deadline) -> Iterator[None]:
        deadline.check(self.name)
        if self.closed:
            raise BenchError("closed", wire=self.name)
        self.told.append(True)
        try:
            yield
        except Exception:
            self.release()
            raise
        self.release()


class Hurried(Sound):
    breaks = "test_a_press_lasts_mac_seconds"

    def press(self, mac_seconds: float, *, deadline: Deadline) -> None:
        super().press(mac_seconds / 2, deadline=deadline)


class Unscaled(Sound):
    breaks = "test_a_press_lasts_mac_seconds"

    def press(self, mac_seconds: float, *, deadline: Deadline) -> None:
        self.possible(mac_seconds, deadline)
        with self.held(deadline=deadline):
            self.clock.sleep(mac_seconds)


class Optimist(Sound):
    breaks = "test_a_press_that_cannot_be_done_in_time_is_not_begun"

    def possible(self, mac_seconds: float, deadline: Deadline) -> None:
        deadline.check(self.name)


class Tapping(Sound):
    breaks = "test_the_contacts_are_closed_while_the_press_lasts"

    def press(self, mac_seconds: float, *, deadline: Deadline) -> None:
        self.possible(mac_seconds, deadline)
        with self.held(deadline=deadline):
            self.release()
            self.clock.dwell(mac_seconds, deadline, self.name)


class Leaving(Sound):
    breaks = "test_close_lets_go_and_is_the_end"

    def close(self) -> None:
        self.closed = True


class Peer:
    def __init__(self, kind: type[Sound]) -> None:
        self.kind, self.told = kind, list[bool]()

    def button(self, clock: Clock) -> Sound:
        return self.kind(self.told, clock)

    def contacts(self) -> list[bool]:
        return self.told


@pytest.mark.parametrize(
    "kind", [Sound, Careless, Hurried, Unscaled, Optimist, Tapping, Leaving], ids=lambda kind: kind.__name__
)
class TestButton(ButtonConformance):
    @pytest.fixture
    def peer(self, kind: type[Sound]) -> Peer:
        return Peer(kind)
