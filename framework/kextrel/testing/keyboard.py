"""What every driver of `protocols.Keyboard` promises, as tests, by what arrives on the Mac's USB side.

Expected are the usages of the USB HID Usage Tables, page 0x07, as a US keyboard has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pytest

from kextrel.bench.protocols import Keyboard
from kextrel.errors import DeadlineExceeded, UsageError
from kextrel.testing.patience import Patient

__all__ = ["US", "KeyboardConformance", "KeyboardPeer", "Report"]

Report = tuple[int, frozenset[int]]
"""The keys that are down: the modifier byte, and the usages of the others."""

_ROWS = {
    0x04: ("abcdefghijklm", "ABCDEFGHIJKLM"),
    0x11: ("nopqrstuvwxyz", "NOPQRSTUVWXYZ"),
    0x1E: ("1234567890", "!@#$%^&*()"),
    0x2C: (" -=[]\\", " _+{}|"),
    0x33: (";'`,./", ':"~<>?'),
}
SHIFT = 0x02
US: dict[str, Report] = {
    character: (SHIFT if shifted and character != " " else 0, frozenset({first + place}))
    for first, rows in _ROWS.items()
    for shifted in (True, False)
    for place, character in enumerate(rows[shifted])
}
"""Every printable ASCII character, and what is down while it is typed."""

_CHORDS: list[tuple[tuple[str, ...], Report]] = [
    (("return",), (0, frozenset({0x28}))),
    (("escape",), (0, frozenset({0x29}))),
    (("tab",), (0, frozenset({0x2B}))),
    (("space",), (0, frozenset({0x2C}))),
    (("left",), (0, frozenset({0x50}))),
    (("right",), (0, frozenset({0x4F}))),
    (("shift", "tab"), (SHIFT, frozenset({0x2B}))),
    (("control", "f2"), (0x01, frozenset({0x3B}))),
    (("command", "shift", "t"), (0x08 | SHIFT, frozenset({0x17}))),
    (("option", "command", "r"), (0x04 | 0x08, frozenset({0x15}))),
    (("command",), (0x08, frozenset())),
]
_UP: Report = (0, frozenset())


class KeyboardPeer(Protocol):
    """The Mac's end of the injector's USB cable."""

    def keyboard(self) -> Keyboard:
        """Opens a driver of yours."""
        ...

    def reports(self) -> Sequence[Report]:
        """What was down after each change since this peer was made, in order; as for a Mac, the same twice is one.
        Waits until everything has arrived that the driver sent."""
        ...


class KeyboardConformance(Patient):
    """Give it a fixture `peer` that makes a KeyboardPeer; a new one for each test."""

    @pytest.fixture
    def keyboard(self, peer: KeyboardPeer) -> Iterator[Keyboard]:
        """A driver."""
        wire = peer.keyboard()
        yield wire
        wire.close()

    def test_every_character_is_typed_as_on_a_us_keyboard(self, peer: KeyboardPeer, keyboard: Keyboard) -> None:
        text = "".join(map(chr, range(0x20, 0x7F)))
        keyboard.type(text, deadline=self.soon())
        assert _strokes(peer.reports()) == [US[character] for character in text]

    def test_the_same_character_twice_is_two_strokes(self, peer: KeyboardPeer, keyboard: Keyboard) -> None:
        keyboard.type("aaA", deadline=self.soon())
        assert _strokes(peer.reports()) == [US["a"], US["a"], US["A"]]

    def test_a_secret_is_typed_as_any_text(self, peer: KeyboardPeer, keyboard: Keyboard) -> None:
        keyboard.type_secret("p4ss-W0rd!", deadline=self.soon())
        assert _strokes(peer.reports()) == [US[character] for character in "p4ss-W0rd!"]

    @pytest.mark.parametrize(("keys", "down"), _CHORDS, ids=["+".join(keys) for keys, _ in _CHORDS])
    def test_keys_are_pressed_together_and_let_up(
        self, peer: KeyboardPeer, keyboard: Keyboard, keys: tuple[str, ...], down: Report
    ) -> None:
        keyboard.press(*keys, deadline=self.soon())
        assert down in peer.reports()
        assert peer.reports()[-1] == _UP

    def test_keys_are_held_for_a_block(self, peer: KeyboardPeer, keyboard: Keyboard) -> None:
        with keyboard.held("command", "r", deadline=self.soon()):
            assert peer.reports()[-1] == (0x08, frozenset({0x15}))
        assert peer.reports()[-1] == _UP

    @pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, SystemExit])
    def test_every_way_out_lets_go(self, peer: KeyboardPeer, keyboard: Keyboard, raised: type[BaseException]) -> None:
        with pytest.raises(raised), keyboard.held("shift", deadline=self.soon()):
            raise raised
        assert peer.reports()[-1] == _UP

    def test_what_has_no_key_is_refused_whole_and_not_quoted(self, peer: KeyboardPeer, keyboard: Keyboard) -> None:
        with pytest.raises(UsageError) as refused:
            keyboard.type_secret("hunter2ü", deadline=self.soon())
        assert "hunter" not in str(refused.value)
        with pytest.raises(UsageError):
            keyboard.press("no-such-key", deadline=self.soon())
        assert _strokes(peer.reports()) == []

    def test_nothing_is_typed_after_the_deadline(self, peer: KeyboardPeer, keyboard: Keyboard) -> None:
        with pytest.raises(DeadlineExceeded) as late:
            keyboard.type("late", deadline=self.soon(0))
        assert late.value.wire == keyboard.name
        assert _strokes(peer.reports()) == []

    def test_release_is_harmless_when_the_keys_are_up(self, peer: KeyboardPeer, keyboard: Keyboard) -> None:
        keyboard.release()
        keyboard.press("a", deadline=self.soon())
        keyboard.release()
        assert _strokes(peer.reports()) == [US["a"]]

    def test_a_look_touches_no_key(self, peer: KeyboardPeer, keyboard: Keyboard) -> None:
        assert keyboard.check(deadline=self.soon()).strip()
        assert _strokes(peer.reports()) == []

    def test_close_lets_go_and_may_come_twice(self, peer: KeyboardPeer, keyboard: Keyboard) -> None:
        holding = keyboard.held("shift", "q", deadline=self.soon())
        holding.__enter__()
        keyboard.close()
        keyboard.close()
        assert peer.reports()[-1] == _UP


def _strokes(reports: Sequence[Report]) -> list[Report]:
    """What was down at most, each time between two moments with all keys up."""
    found: list[Report] = []
    was_up = True
    for report in reports:
        if report != _UP and was_up:
            found.append(report)
        elif report != _UP and _count(report) > _count(found[-1]):
            found[-1] = report
        was_up = report == _UP
    return found


def _count(report: Report) -> int:
    return report[0].bit_count() + len(report[1])
