"""The CH9329 driver against a board written from its documentation, one that can also misbehave."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from kextrel.bench.keyboard import Ch9329Keyboard, frame
from kextrel.bench.protocols import Keyboard
from kextrel.bench.serialport import SerialPort
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.evidence import MASK
from kextrel.timing import Deadline

ALL_UP = bytes(8)


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "typing")


def reply(command: int, data: bytes) -> bytes:
    body = b"\x57\xab\x00" + bytes([command, len(data)]) + data
    return body + bytes([sum(body) & 0xFF])


class Injector:
    """The board's mind: takes whole frames from the stream, keeps the reports, answers; `next_answers` come first."""

    def __init__(self) -> None:
        self.reports: list[bytes] = []
        self.buffer = b""
        self.next_answers: list[bytes] = []
        self.at: tuple[int, Callable[[], object]] = (0, lambda: None)

    def __call__(self, data: bytes) -> bytes:
        self.buffer += data
        answers = b""
        while len(self.buffer) >= 6 and len(self.buffer) >= 6 + self.buffer[4]:
            size = 6 + self.buffer[4]
            one, self.buffer = self.buffer[:size], self.buffer[size:]
            answers += self.next_answers.pop(0) if self.next_answers else self._obey(one)
        return answers

    def _obey(self, one: bytes) -> bytes:
        assert one[:3] == b"\x57\xab\x00"
        if sum(one[:-1]) & 0xFF != one[-1]:
            return reply(one[3] | 0xC0, b"\xe4")
        if one[3] == 0x01:
            return reply(0x81, bytes([0x31, 1, 0, 0, 0, 0, 0, 0]))
        assert one[3] == 0x02
        self.reports.append(one[5:-1])
        if len(self.reports) == self.at[0]:
            self.at[1]()
        return reply(0x82, b"\x00")


@pytest.fixture
def injector(board, monkeypatch: pytest.MonkeyPatch) -> Injector:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("kextrel.bench.keyboard.ANSWER", 30.0)  # this board is a thread of a busy machine
    board.answers = Injector()
    return board.answers


@pytest.fixture
def keyboard(board, injector, log) -> Iterator[Ch9329Keyboard]:  # type: ignore[no-untyped-def]
    made = Ch9329Keyboard("mini.keyboard", board.port, log)
    yield made
    made.close()


def report(modifiers: int, *usages: int) -> bytes:
    return bytes([modifiers, 0, *usages]).ljust(8, b"\0")


def test_frames_are_the_documented_ones() -> None:
    command_r = bytes.fromhex("57 AB 00 02 08 08 00 15 00 00 00 00 00 29")
    assert frame(0x02, report(0x08, 0x15)) == command_r
    assert frame(0x02, ALL_UP) == bytes.fromhex("57 AB 00 02 08") + ALL_UP + b"\x0c"


def test_text_is_typed_as_a_us_keyboard_does(keyboard: Keyboard, injector: Injector) -> None:
    keyboard.type("aZ1! \\|~", deadline=soon())
    expected = [
        report(0, 0x04),
        report(2, 0x1D),
        report(0, 0x1E),
        report(2, 0x1E),
        report(0, 0x2C),
        report(0, 0x31),
        report(2, 0x31),
        report(2, 0x35),
    ]
    assert injector.reports[::2] == expected
    assert set(injector.reports[1::2]) == {ALL_UP}


def test_every_printable_character_has_its_own_stroke(keyboard: Keyboard, injector: Injector) -> None:
    printable = "".join(map(chr, range(0x20, 0x7F)))
    keyboard.type(printable, deadline=soon(20))
    down = injector.reports[::2]
    assert len(set(down)) == len(printable) == len(down)


def test_chords_and_named_keys(keyboard: Keyboard, injector: Injector) -> None:
    keyboard.press("command", "shift", "t", deadline=soon())
    keyboard.press("control", "f2", deadline=soon())
    keyboard.press("option", "?", deadline=soon())
    keyboard.press("return", deadline=soon())
    assert injector.reports[::2] == [report(0x0A, 0x17), report(1, 0x3B), report(6, 0x38), report(0, 0x28)]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("retrun",), "did you mean 'return'"),
        (("ü",), "there is no key 'ü'"),
        (tuple("abcdefg"), "six keys, not 7"),
    ],
)
def test_keys_that_are_not_there_are_usage_errors(keyboard: Keyboard, injector: Injector, keys, said) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=said):
        keyboard.press(*keys, deadline=soon())
    assert injector.reports == []


def test_text_without_keys_is_refused_whole_and_not_quoted(keyboard: Keyboard, injector: Injector) -> None:
    with pytest.raises(UsageError, match="character 8 of the text has no key") as caught:
        keyboard.type_secret("hunter2ü", deadline=soon())
    assert "hunter" not in str(caught.value)
    assert injector.reports == []


def test_keys_are_held_for_a_block_and_up_after_it(keyboard: Keyboard, injector: Injector) -> None:
    with keyboard.held("command", "r", deadline=soon()):
        assert injector.reports == [report(0x08, 0x15)]
    assert injector.reports == [report(0x08, 0x15), ALL_UP]


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, SystemExit])
def test_every_way_out_lets_go(keyboard: Keyboard, injector: Injector, raised: type[BaseException]) -> None:
    with pytest.raises(raised), keyboard.held("command", "r", deadline=soon()):
        raise raised
    assert injector.reports[-1] == ALL_UP


def test_an_interrupt_while_typing_lets_go(board, injector: Injector, log) -> None:  # type: ignore[no-untyped-def]
    keyboard = Ch9329Keyboard("mini.keyboard", board.port, log)
    injector.at = (7, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        keyboard.type("x" * 1000, deadline=soon(60))
    assert len(injector.reports) < 1000
    assert injector.reports[-1] == ALL_UP
    keyboard.close()


def test_close_lets_go_and_is_idempotent(board, injector: Injector, log) -> None:  # type: ignore[no-untyped-def]
    keyboard = Ch9329Keyboard("mini.keyboard", board.port, log)
    holding = keyboard.held("shift", deadline=soon())
    holding.__enter__()
    keyboard.close()
    keyboard.close()
    keyboard.release()
    assert injector.reports == [report(2), ALL_UP]


def test_a_damaged_frame_is_sent_once_more(keyboard: Keyboard, injector: Injector) -> None:
    injector.next_answers = [reply(0xC2, b"\xe4")]
    keyboard.press("a", deadline=soon())
    assert injector.reports == [report(0, 0x04), ALL_UP]


def test_a_damaged_answer_is_asked_for_once_more(keyboard: Keyboard, injector: Injector) -> None:
    injector.next_answers = [reply(0x82, b"\x00")[:-1] + b"\x99"]
    keyboard.press("a", deadline=soon())
    assert injector.reports == [report(0, 0x04), ALL_UP]
    injector.next_answers = [reply(0x82, b"\x00")[:-1] + b"\x99"] * 2
    with pytest.raises(BenchError, match="two answers with a wrong checksum; look at the cable"):
        keyboard.press("a", deadline=soon())


@pytest.mark.parametrize(
    ("code", "said"), [(0xE1, "rest of a frame"), (0xE4, "wrong checksum"), (0xE6, "USB side"), (0x77, "status 77")]
)
def test_a_refusal_is_said_in_words(keyboard: Keyboard, injector: Injector, code: int, said: str) -> None:
    injector.next_answers = [reply(0xC2, bytes([code]))] * (2 if code == 0xE4 else 1)
    with pytest.raises(BenchError, match=f"refused a report: .*{said}"):
        keyboard.press("a", deadline=soon())
    assert injector.reports[-1] == ALL_UP


def test_a_dead_board_is_named_within_a_second_or_so(board, log) -> None:  # type: ignore[no-untyped-def]
    keyboard = Ch9329Keyboard("mini.keyboard", board.port, log)
    with pytest.raises(BenchError, match=r"did not answer within 1\.0 s; is it a CH9329 at 9600 baud"):
        keyboard.press("a", deadline=soon())
    with pytest.raises(DeadlineExceeded, match="typing was not done in time"):
        keyboard.check(deadline=soon(0.2))
    with pytest.raises(BenchError):
        keyboard.close()


def test_an_answer_that_has_arrived_counts_however_late_we_look(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("kextrel.bench.keyboard.ANSWER", 0.0)
        patched.setattr(SerialPort, "read", lambda *_, **__: reply(0x82, b"\x00"))
        keyboard.press("a", deadline=soon())


def test_a_board_that_only_babbles_is_not_listened_to_for_ever(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("kextrel.bench.keyboard.ANSWER", 0.01)
        patched.setattr(SerialPort, "read", lambda *_, **__: b"\x57\xab\x00\x99\x01\x05\x01")
        with pytest.raises(BenchError, match=r"did not answer within 0\.01 s"):
            keyboard.check(deadline=soon())


def test_noise_before_an_answer_is_passed_over(board, keyboard: Keyboard, injector: Injector) -> None:  # type: ignore[no-untyped-def]
    board.say(b"\x00\xffCH9329 ready\r\n\x57")
    injector.next_answers = [b"\x57\xab\x00\x99\x01\x05\x01" + reply(0x82, b"\x00")]
    keyboard.press("a", deadline=soon())
    assert injector.reports[-1] == ALL_UP


def test_a_secret_is_in_no_record(keyboard: Keyboard, injector: Injector, log) -> None:  # type: ignore[no-untyped-def]
    keyboard.type_secret("Hunter2", deadline=soon())
    assert len(injector.reports) == 14
    assert [(r.event, r.data) for r in log.records] == [("type-secret", {})]
    keyboard.type("Hunter2", deadline=soon())
    assert log.records[1].data == {"text": MASK}


def test_what_is_pressed_is_evidence_with_its_frames(keyboard: Keyboard, log) -> None:  # type: ignore[no-untyped-def]
    keyboard.press("command", "r", deadline=soon())
    assert [(r.event, r.data.get("keys")) for r in log.records] == [
        ("press", ["command", "r"]),
        ("frame", None),
        ("frame", None),
    ]
    assert log.records[1].data["sent"] == "57 ab 00 02 08 08 00 15 00 00 00 00 00 29"
    assert log.records[1].data["answer"] == "00"


def test_health_asks_the_board_and_touches_no_key(keyboard: Ch9329Keyboard, injector: Injector) -> None:
    assert keyboard.check(deadline=soon()) == "CH9329 version 1.1, the Mac has it"
    assert injector.reports == []
