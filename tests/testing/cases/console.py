"""A sound driver in memory, and some that break one promise each."""

from __future__ import annotations

import re
import threading

import pytest

from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.testing import ConsoleConformance
from kextrel.timing import Deadline


class Line:
    """The wire itself: what waits at each end."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.up, self.down = bytearray(), bytearray()
        self.owner: Sound | None = None
        self.dead = False

    def wait(self, done: object, seconds: float) -> bool:
        return self.changed.wait_for(done, seconds)  # type: ignore[arg-type]


class Sound:
    name = "memory.console"
    breaks = ""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.own()

    def own(self) -> None:
        if self.line.owner is not None:
            raise BenchError("somebody has it", wire=self.name)
        self.line.owner = self

    def alive(self) -> None:
        if self.line.dead or self.line.owner is not self:
            raise BenchError("it is dead", wire=self.name)

    def write(self, data: bytes, *, deadline: Deadline) -> None:
        with self.line.changed:
            self.alive()
            self.line.up += self.sent(data)
            self.line.changed.notify_all()

    def sent(self, data: bytes) -> bytes:
        return data

    def received(self) -> bytearray:
        return self.line.down

    def read_until(self, pattern: bytes, *, deadline: Deadline) -> bytes:
        with self.line.changed:
            while (found := re.search(pattern, bytes(self.received()))) is None:
                self.alive()
                if not self.line.changed.wait(deadline.remaining):
                    raise DeadlineExceeded("it did not come", wire=self.name)
            return self.taken(found.end())

    def taken(self, end: int) -> bytes:
        data = bytes(self.line.down[:end])
        del self.line.down[:end]
        return data

    def read_available(self) -> bytes:
        with self.line.changed:
            return self.taken(len(self.line.down))

    def check(self, *, deadline: Deadline) -> str:
        self.alive()
        return "there"

    def close(self) -> None:
        if self.line.owner is self:
            self.line.owner = None


class Greedy(Sound):
    breaks = "test_the_first_match_is_taken_and_the_rest_stays"

    def taken(self, end: int) -> bytes:
        return super().taken(len(self.line.down))


class Telnet(Sound):
    breaks = "test_every_byte_goes_up_as_it_was_written"

    def sent(self, data: bytes) -> bytes:
        return data.replace(b"\xff", b"\xff\xff")


class Cooked(Sound):
    breaks = "test_every_byte_comes_down_as_it_was_said"

    def received(self) -> bytearray:
        self.line.down[:] = self.line.down.replace(b"\r\n", b"\n")
        return self.line.down


class Lossy(Sound):
    breaks = "test_nothing_is_lost_while_nobody_reads"

    def received(self) -> bytearray:
        del self.line.down[:-4096]
        return self.line.down


class Hoping(Sound):
    breaks = "test_a_line_that_dies_ends_a_read_and_says_so"

    def read_until(self, pattern: bytes, *, deadline: Deadline) -> bytes:
        try:
            return super().read_until(pattern, deadline=deadline)
        except BenchError as error:
            raise DeadlineExceeded("it did not come", wire=self.name) from error


class Sharing(Sound):
    breaks = "test_a_line_has_one_owner"

    def own(self) -> None:
        self.line.owner = self


class Flushing(Sound):
    breaks = "test_what_does_not_come_is_awaited_no_longer_and_what_came_is_kept"

    def read_until(self, pattern: bytes, *, deadline: Deadline) -> bytes:
        try:
            return super().read_until(pattern, deadline=deadline)
        except DeadlineExceeded:
            self.read_available()
            raise


class Undead(Sound):
    breaks = "test_close_may_come_twice_and_is_the_end"

    def alive(self) -> None:
        if self.line.dead:
            raise BenchError("it is dead", wire=self.name)


class Peer:
    def __init__(self, kind: type[Sound]) -> None:
        self.kind, self.line, self.heard = kind, Line(), 0

    def console(self) -> Sound:
        return self.kind(self.line)

    def say(self, data: bytes) -> None:
        with self.line.changed:
            self.line.down += data
            self.line.changed.notify_all()

    def hear(self, count: int) -> bytes:
        with self.line.changed:
            assert self.line.wait(lambda: len(self.line.up) >= count, 1)
            data = bytes(self.line.up[:count])
            del self.line.up[:count]
            return data

    def hang_up(self) -> None:
        with self.line.changed:
            self.line.dead = True
            self.line.changed.notify_all()


KINDS = [Sound, Greedy, Telnet, Cooked, Lossy, Hoping, Sharing, Flushing, Undead]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
class TestConsole(ConsoleConformance):
    patience = 10.0
    brief = 0.05

    @pytest.fixture
    def peer(self, kind: type[Sound]) -> Peer:
        return Peer(kind)
