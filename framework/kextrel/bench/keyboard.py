"""The keyboard wire: a CH9329 board, serial in and USB-HID out. To macOS it is a keyboard that somebody plugged in.

Frame: `57 AB address command length data sum`, the sum of all before it & FF. Every frame is answered: the command with
80 set and a status, or with C0 set and an error. A report is the whole state of the keys, so sending it twice is safe.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kextrel.bench import letgo
from kextrel.bench.keys import Stroke, chord, strokes
from kextrel.bench.serialport import SerialPort
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["Ch9329Keyboard", "frame"]

BAUD = 9600
HEAD = b"\x57\xab"
ADDRESS = 0x00
INFO, KEYBOARD = 0x01, 0x02
ANSWER = 1.0  # wall seconds that the board may take for one answer; at 9600 baud a frame takes 15 ms
UP = Stroke()
OK, BAD_SUM = 0x00, 0xE4
ERRORS = {
    0xE1: "it waited in vain for the rest of a frame",
    0xE2: "wrong header",
    0xE3: "unknown command",
    BAD_SUM: "wrong checksum",
    0xE5: "wrong parameter",
    0xE6: "it could not do it; is its USB side plugged into the Mac?",
}


class Ch9329Keyboard:
    """protocols.Keyboard on a CH9329. All keys are up after every call, and on every way out of `held`."""

    def __init__(self, name: str, port: str, sink: Sink, *, wire: str = "keyboard", baud: int = BAUD) -> None:
        """Opens the port. Raises BenchError, naming the owner of a port that is somebody's."""
        self._name, self._sink, self._wire = name, sink, wire
        self._port = SerialPort(port, baud, name)
        self._talking = threading.RLock()
        self._down = self._closed = self._hushed = False
        letgo.remember(self)

    @property
    def name(self) -> str:
        return self._name

    def type(self, text: str, *, deadline: Deadline) -> None:
        self._sink.record(self._wire, "type", text=text)
        self._strike(strokes(text), deadline)

    def type_secret(self, secret: str, *, deadline: Deadline) -> None:
        self._sink.hide(secret)
        self._sink.record(self._wire, "type-secret")
        self._hushed = True
        try:
            self._strike(strokes(secret), deadline)
        finally:
            self._hushed = False

    def press(self, *keys: str, deadline: Deadline) -> None:
        stroke = chord(keys)
        self._sink.record(self._wire, "press", keys=list(keys))
        self._strike([stroke], deadline)

    @contextmanager
    def held(self, *keys: str, deadline: Deadline) -> Iterator[None]:
        stroke = chord(keys)
        deadline.check(self._name)
        self._sink.record(self._wire, "hold", keys=list(keys))
        try:
            self._report(stroke, deadline)
            yield
        finally:
            self.release()

    def release(self) -> None:
        if self._closed:
            return
        letgo.surely(self._all_up)

    def check(self, *, deadline: Deadline) -> str:
        """For health: asks the board for its version and whether the Mac has it. No key is touched."""
        info = self._exchange(INFO, b"", deadline)
        if len(info) < 2:
            raise BenchError(f"the board's answer is too short: {info.hex(' ')!r}", wire=self._name)
        usb = "the Mac has it" if info[1] == 1 else "no Mac on its USB side"
        return f"CH9329 version {1 + (info[0] - 0x30) / 10:.1f}, {usb}"

    def close(self) -> None:
        if self._closed:
            return
        try:
            if self._down:
                self.release()
        finally:
            letgo.forget(self)
            self._closed = True
            self._port.close()

    def _strike(self, wanted: list[Stroke], deadline: Deadline) -> None:
        """Each stroke down and up; whatever ends it, all keys are up."""
        try:
            for stroke in wanted:
                deadline.check(self._name)
                self._report(stroke, deadline)
                self._report(UP, deadline)
        finally:
            if self._down:
                self.release()

    def _all_up(self) -> None:
        self._report(UP, Deadline.after(2 * ANSWER, "letting go of the keys"))

    def _report(self, stroke: Stroke, deadline: Deadline) -> None:
        self._down = self._down or stroke != UP
        keys = bytes(stroke.usages).ljust(6, b"\0")
        status = self._exchange(KEYBOARD, bytes([stroke.modifiers, 0]) + keys, deadline)
        if status != bytes([OK]):
            raise BenchError(f"the keyboard board refused a report: {_meaning(status)}", wire=self._name)
        if stroke == UP:
            self._down = False

    def _exchange(self, command: int, data: bytes, deadline: Deadline) -> bytes:
        """One frame and its answer's data. A damaged frame, on the way there or back, is sent once more."""
        with self._talking:
            answer = self._ask(command, data, deadline)
            if answer is None or answer == bytes([BAD_SUM]):
                answer = self._ask(command, data, deadline)
            if answer is None:
                raise BenchError(
                    "two answers with a wrong checksum", wire=self._name, hint="look at the cable and baud"
                )
            return answer

    def _ask(self, command: int, data: bytes, deadline: Deadline) -> bytes | None:
        """The answer's data, or None when its checksum is wrong."""
        stale = self._port.available()
        sent = frame(command, data)
        self._port.write(sent, deadline=deadline)
        answer = self._answer(command, deadline)
        if not self._hushed:
            shown = answer.hex(" ") if answer is not None else "damaged"
            self._sink.record(self._wire, "frame", sent=sent.hex(" "), answer=shown, stale=stale.hex(" "))
        return answer

    def _answer(self, command: int, deadline: Deadline) -> bytes | None:
        limit = deadline.within(ANSWER)
        arrived, late = b"", False
        while (found := _parse(arrived, command)) is None:
            if late:
                if deadline.expired:
                    raise DeadlineExceeded(f"{deadline.what} was not done in time", wire=self._name)
                hint = "is it a CH9329 at 9600 baud, and powered?"
                raise BenchError(f"the keyboard board did not answer within {ANSWER} s", wire=self._name, hint=hint)
            late = limit.expired  # then one last read: the answer may be here, and only we were slow
            arrived += self._port.read(deadline=limit)
        whole, body = found
        return body if whole else None


def frame(command: int, data: bytes) -> bytes:
    """A frame to the board: Command-R down is `57 AB 00 02 08 08 00 15 00 00 00 00 00 29`."""
    body = HEAD + bytes([ADDRESS, command, len(data)]) + data
    return body + bytes([sum(body) & 0xFF])


def _parse(arrived: bytes, command: int) -> tuple[bool, bytes] | None:
    """The first answer to `command` in what has arrived: (its sum is right, its data). None: not all of it is here.

    Bytes that begin no answer are passed over: a board that was just plugged in sends some.
    """
    wanted = (command | 0x80, command | 0xC0)
    start = arrived.find(HEAD)
    while start >= 0:
        head, rest = arrived[start : start + 5], arrived[start + 5 :]
        if len(head) < 5 or len(rest) < head[4] + 1:
            return None
        if head[3] in wanted:
            data, given = rest[: head[4]], rest[head[4]]
            return (sum(head + data) & 0xFF) == given, data
        start = arrived.find(HEAD, start + 2)
    return None


def _meaning(status: bytes) -> str:
    code = status[0] if status else -1
    return ERRORS.get(code, f"status {status.hex() or 'empty'}")
