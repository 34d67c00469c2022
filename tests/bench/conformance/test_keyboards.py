"""CH9329: our driver before a stranger's eyes (pych9329) and on the virtual board, and the stranger's hands there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import serial
from pych9329 import keyboard as stranger
from pych9329 import mouse
from pych9329.frame_utils import DataFrame, DataFrameStatus
from pych9329.hid_code_map import HID_CODE_MAP

from kextrel.bench.keyboard import Ch9329Keyboard
from kextrel.evidence import EvidenceLog
from kextrel.testing import KeyboardConformance, KeyboardPeer
from kextrel.testing.keyboard import US, Report

HEAD, ANSWER = b"\x57\xab", 0x80


@dataclass
class Eyes:
    """A board's mind that reads frames with pych9329, and answers with it."""

    reports: list[Report] = field(default_factory=list)
    _arrived: bytes = b""

    def __call__(self, data: bytes) -> bytes:
        self._arrived += data
        answers = b""
        while frame := self._next():
            answers += self._obey(frame)
        return answers

    def _next(self) -> DataFrame | None:
        frame = DataFrame(HEAD, b"", b"")
        if not frame.parse_frame(self._arrived):
            return None
        size = frame.calc_frame_length(self._arrived)
        one, self._arrived = self._arrived[:size], self._arrived[size:]
        assert (frame.HEAD, frame.ADDR, frame.calc_checksum()) == (HEAD, b"\0", one[-1])
        return frame

    def _obey(self, frame: DataFrame) -> bytes:
        said = DataFrameStatus.SUCCESS.value
        if frame.CMD == b"\x01":
            said = bytes([0x31, 1, 0, 0, 0, 0, 0, 0])
        else:
            assert (frame.CMD, frame.get_data_length(), frame.DATA[1]) == (b"\x02", 8, 0)
            self.reports.append((frame.DATA[0], frozenset(frame.DATA[2:]) - {0}))
        answer = DataFrame(HEAD, b"\0", bytes([frame.CMD[0] | ANSWER]))
        answer.set_data(said)
        return answer.create_frame()


@dataclass
class Board:
    """A board on a port, and what arrived behind it: each frame is answered, so nothing is under way."""

    port: str
    seen: list[Report]

    def keyboard(self) -> Ch9329Keyboard:
        return Ch9329Keyboard("mini.keyboard", self.port, EvidenceLog())

    def reports(self) -> list[Report]:
        return list(self.seen)


class TestBeforeAStrangersEyes(KeyboardConformance):
    @pytest.fixture
    def peer(self, board: Any) -> KeyboardPeer:
        board.answers = Eyes()
        return Board(board.port, board.answers.reports)


class TestOnTheVirtualBoard(KeyboardConformance):
    @pytest.fixture
    def peer(self, virtual_injector: Any) -> KeyboardPeer:
        return Board(virtual_injector.port, virtual_injector.keys.changes.seen)


def test_the_suite_and_the_stranger_agree_on_the_keys_of_a_us_keyboard() -> None:
    theirs = {
        character: (0x02 if shifted else 0, frozenset(code))
        for character, (code, shifted) in HID_CODE_MAP.items()
        if len(character) == 1 and character.isprintable()
    }
    assert {character: US[character] for character in theirs} == theirs
    assert len(theirs) >= 94


class Line(serial.Serial):
    """A port that knows how long the stranger's one question is answered: it would wait for more, in vain."""

    answer = 0

    def readall(self) -> bytes:
        expected, self.answer = self.answer, 14
        read: bytes = self.read(expected)
        return read


@pytest.fixture
def line(virtual_injector: Any) -> Iterator[Line]:
    with Line(virtual_injector.port, 9600, timeout=10) as port:
        yield port


def test_a_stranger_types_on_the_virtual_board(virtual_injector: Any, line: Line) -> None:
    text = "kextrel: SIP=0x7F & \\{more}~?"
    stranger.send_text(line, text, 0, 0)
    answers = line.read(7 * 2 * len(text))
    assert answers == bytes.fromhex("57 AB 00 82 01 00 85") * (2 * len(text))
    seen = virtual_injector.keys.changes.seen
    assert [report for report in seen if report[1]] == [US[character] for character in text]
    assert seen[-1] == (0, frozenset())


def test_a_strangers_chord_and_its_question_are_understood(virtual_injector: Any, line: Line) -> None:
    stranger.trigger(line, ["t"], ["win", "shift"])
    assert virtual_injector.keys.changes.after(3)[-1] == (0x0A, frozenset({0x17}))
    stranger.release(line)
    assert len(line.read(14)) == 14  # two reports, each answered
    told, status = stranger.receive_indicator_status(line)
    assert (told, status["usb_connect_status"], status["caps_lock"]) == (True, True, False)


def test_a_stranger_moves_the_mouse_there(virtual_injector: Any, line: Line) -> None:
    mouse.send_absolute_data(line, 480, 270, "left", x_max=1920, y_max=1080)
    (event,) = virtual_injector.keys.changes.after(1)
    assert event == ("pointer", 1024, 1024, 1)
