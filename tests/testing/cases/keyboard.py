"""A sound driver in memory, and some that break one promise each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kextrel.bench.keys import Stroke, chord, strokes
from kextrel.errors import UsageError
from kextrel.testing import KeyboardConformance
from kextrel.testing.keyboard import Report
from kextrel.timing import Deadline


class Sound:
    name = "memory.keyboard"
    breaks = ""

    def __init__(self, seen: list[Report]) -> None:
        self.seen = seen

    def type(self, text: str, *, deadline: Deadline) -> None:
        self.strike(strokes(text), deadline)

    def type_secret(self, secret: str, *, deadline: Deadline) -> None:
        self.type(secret, deadline=deadline)

    def press(self, *keys: str, deadline: Deadline) -> None:
        self.strike([chord(keys)], deadline)

    def strike(self, wanted: list[Stroke], deadline: Deadline) -> None:
        for stroke in wanted:
            deadline.check(self.name)
            self.down(stroke)
            self.release()

    @contextmanager
    def held(self, *keys: str, deadline: Deadline) -> Iterator[None]:
        deadline.check(self.name)
        self.down(chord(keys))
        try:
            yield
        finally:
            self.release()

    def down(self, stroke: Stroke) -> None:
        self.seen.append((stroke.modifiers, frozenset(stroke.usages)))

    def release(self) -> None:
        self.seen.append((0, frozenset()))

    def check(self, *, deadline: Deadline) -> str:
        return "there"

    def close(self) -> None:
        self.release()


class Shiftless(Sound):
    breaks = "test_every_character_is_typed_as_on_a_us_keyboard"

    def down(self, stroke: Stroke) -> None:
        self.seen.append((0, frozenset(stroke.usages)))


class German(Sound):
    breaks = "test_every_character_is_typed_as_on_a_us_keyboard"

    def type(self, text: str, *, deadline: Deadline) -> None:
        super().type(text.translate(str.maketrans("yzYZ", "zyZY")), deadline=deadline)


class Sliding(Sound):
    breaks = "test_the_same_character_twice_is_two_strokes"

    def strike(self, wanted: list[Stroke], deadline: Deadline) -> None:
        for stroke in wanted:
            deadline.check(self.name)
            self.down(stroke)
        self.release()


class Sticky(Sound):
    breaks = "test_every_way_out_lets_go[ValueError]"

    @contextmanager
    def held(self, *keys: str, deadline: Deadline) -> Iterator[None]:
        deadline.check(self.name)
        self.down(chord(keys))
        yield
        self.release()


class Partial(Sound):
    breaks = "test_what_has_no_key_is_refused_whole_and_not_quoted"

    def type(self, text: str, *, deadline: Deadline) -> None:
        for character in text:
            self.strike(strokes(character), deadline)


class Telling(Sound):
    breaks = "test_what_has_no_key_is_refused_whole_and_not_quoted"

    def type(self, text: str, *, deadline: Deadline) -> None:
        if not text.isascii():
            raise UsageError(f"cannot type {text!r}")
        super().type(text, deadline=deadline)


class Late(Sound):
    breaks = "test_nothing_is_typed_after_the_deadline"

    def strike(self, wanted: list[Stroke], deadline: Deadline) -> None:
        for stroke in wanted:
            self.down(stroke)
            self.release()
            deadline.check(self.name)


class Testing(Sound):
    breaks = "test_a_look_touches_no_key"

    def check(self, *, deadline: Deadline) -> str:
        self.press("shift", deadline=deadline)
        return "there"


class Leaving(Sound):
    breaks = "test_close_lets_go_and_may_come_twice"

    def close(self) -> None:
        self.closed = True


class Peer:
    def __init__(self, kind: type[Sound]) -> None:
        self.kind, self.seen = kind, list[Report]()

    def keyboard(self) -> Sound:
        return self.kind(self.seen)

    def reports(self) -> list[Report]:
        return self.seen


KINDS = [Sound, Shiftless, German, Sliding, Sticky, Partial, Telling, Late, Testing, Leaving]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
class TestKeyboard(KeyboardConformance):
    @pytest.fixture
    def peer(self, kind: type[Sound]) -> Peer:
        return Peer(kind)
