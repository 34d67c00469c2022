"""A sound driver in memory, and some that break one promise each."""

from __future__ import annotations

import pytest

from kextrel.errors import BenchError
from kextrel.testing import PowerConformance
from kextrel.timing import Deadline


class Sound:
    name = "memory.power"
    breaks = ""

    def __init__(self, told: list[bool]) -> None:
        self.told: list[bool] | None = told

    def on(self, *, deadline: Deadline) -> None:
        self.switch(True, deadline)

    def off(self, *, deadline: Deadline) -> None:
        self.switch(False, deadline)

    def check(self, *, deadline: Deadline) -> str:
        return "there"

    def close(self) -> None:
        self.told = None

    def switch(self, on: bool, deadline: Deadline) -> None:
        deadline.check(self.name)
        self.tell(on)

    def tell(self, on: bool) -> None:
        if self.told is None:
            raise BenchError("closed", wire=self.name)
        self.told.append(on)


class Late(Sound):
    breaks = "test_nothing_is_switched_after_the_deadline"

    def switch(self, on: bool, deadline: Deadline) -> None:
        self.tell(on)


class Eager(Sound):
    breaks = "test_opening_it_switches_nothing"

    def __init__(self, told: list[bool]) -> None:
        super().__init__(told)
        self.tell(True)


class Dying(Sound):
    breaks = "test_close_leaves_the_mains_as_they_are_and_is_the_end"

    def close(self) -> None:
        if self.told is not None:
            self.tell(False)
        super().close()


class Undead(Sound):
    breaks = "test_close_leaves_the_mains_as_they_are_and_is_the_end"

    def close(self) -> None:
        self.closed = True


class Touchy(Sound):
    breaks = "test_a_look_switches_nothing"

    def check(self, *, deadline: Deadline) -> str:
        self.tell(True)
        return "there"


class Toggling(Sound):
    breaks = "test_what_is_off_already_stays_off"

    def switch(self, on: bool, deadline: Deadline) -> None:
        deadline.check(self.name)
        self.tell(not (self.told or [not on])[-1])


class Peer:
    def __init__(self, kind: type[Sound]) -> None:
        self.kind, self.told = kind, list[bool]()

    def power(self) -> Sound:
        return self.kind(self.told)

    def mains(self) -> list[bool]:
        return self.told


@pytest.mark.parametrize("kind", [Sound, Late, Eager, Dying, Undead, Touchy, Toggling], ids=lambda kind: kind.__name__)
class TestPower(PowerConformance):
    @pytest.fixture
    def peer(self, kind: type[Sound]) -> Peer:
        return Peer(kind)
