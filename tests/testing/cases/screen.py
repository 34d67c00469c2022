"""A sound driver in memory, and some that break one promise each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.testing import ScreenConformance
from kextrel.timing import Deadline

JPEG = b"\xff\xd8 a picture \xff\xd9"


class Glass:
    """The screen itself."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.lines: Sequence[str] | None = []


class Sound:
    name = "memory.screen"
    breaks = ""

    def __init__(self, glass: Glass) -> None:
        self.glass, self.hidden, self.closed = glass, False, False

    def text(self, *, deadline: Deadline) -> str:
        self.usable(deadline)
        return "\n".join(self.glass.lines or [])

    def usable(self, deadline: Deadline) -> None:
        deadline.check(self.name)
        if self.closed:
            raise BenchError("closed", wire=self.name)

    def picture(self, *, deadline: Deadline) -> bytes | None:
        return None if self.glass.lines is None else JPEG

    def wait(self, seen: Callable[[str], bool], *, deadline: Deadline, what: str) -> str:
        with self.glass.changed:
            while not seen(text := self.text(deadline=Deadline.after(1))):
                if not self.glass.changed.wait(deadline.remaining):
                    raise DeadlineExceeded(self.late(what, text), wire=self.name)
        return text

    def late(self, what: str, text: str) -> str:
        return f"{what} was not seen; {'a secret' if self.hidden else text} was"

    @contextmanager
    def private(self) -> Iterator[None]:
        self.hidden = True
        try:
            yield
        finally:
            self.hidden = False

    def check(self, *, deadline: Deadline) -> str:
        return "there"

    def close(self) -> None:
        self.closed = True


class Reversed(Sound):
    breaks = "test_lines_are_read_from_top_to_bottom"

    def text(self, *, deadline: Deadline) -> str:
        return "\n".join(reversed(super().text(deadline=deadline).splitlines()))


class Stale(Sound):
    breaks = "test_a_look_sees_what_is_shown_now"
    first = ""

    def text(self, *, deadline: Deadline) -> str:
        self.first = self.first or super().text(deadline=deadline)
        return self.first


class Blind(Sound):
    breaks = "test_no_signal_is_an_answer"

    def text(self, *, deadline: Deadline) -> str:
        if self.glass.lines is None:
            raise BenchError("no signal", wire=self.name)
        return super().text(deadline=deadline)


class Bitmap(Sound):
    breaks = "test_a_picture_is_a_jpeg"

    def picture(self, *, deadline: Deadline) -> bytes | None:
        return b"BM" if self.glass.lines is not None else None


class Curt(Sound):
    breaks = "test_what_is_not_seen_in_time_says_what_was_shown"

    def late(self, what: str, text: str) -> str:
        return "it was not seen"


class Telling(Sound):
    breaks = "test_while_private_one_can_look_and_is_not_quoted"

    def late(self, what: str, text: str) -> str:
        return f"{what} was not seen; {text} was"


class Late(Sound):
    breaks = "test_nothing_is_looked_at_after_the_deadline"

    def usable(self, deadline: Deadline) -> None:
        if self.closed:
            raise BenchError("closed", wire=self.name)


class Undead(Sound):
    breaks = "test_close_may_come_twice_and_is_the_end"

    def close(self) -> None:
        self.hidden = False


class Peer:
    def __init__(self, kind: type[Sound]) -> None:
        self.kind, self.glass = kind, Glass()

    def screen(self) -> Sound:
        return self.kind(self.glass)

    def show(self, lines: Sequence[str] | None) -> None:
        with self.glass.changed:
            self.glass.lines = lines
            self.glass.changed.notify_all()


KINDS = [Sound, Reversed, Stale, Blind, Bitmap, Curt, Telling, Late, Undead]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
class TestScreen(ScreenConformance):
    patience = 5.0
    brief = 0.05

    @pytest.fixture
    def peer(self, kind: type[Sound]) -> Peer:
        return Peer(kind)
