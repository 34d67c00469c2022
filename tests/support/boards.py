"""Boards on pseudo-terminals, written from their documentation: what they take, and what they answer."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Callable


class Board:
    """A board on a pseudo-terminal: a thread that reads its side and answers as `answers` says. Bytes are kept."""

    def __init__(self, answers: Callable[[bytes], bytes] = lambda data: b"") -> None:
        self.side, other = pty.openpty()
        tty.setraw(other)
        self.port = os.ttyname(other)
        self._keep_open = other  # without it the board's side would read EIO between two owners
        self.answers = answers
        self.heard = bytearray()
        self._changed = threading.Condition()
        self._end = os.pipe()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            readable, _, _ = select.select([self.side, self._end[0]], [], [])
            if self._end[0] in readable:
                return
            data = os.read(self.side, 4096)
            answer = self.answers(data)
            if answer:
                os.write(self.side, answer)
            with self._changed:
                self.heard += data
                self._changed.notify_all()

    def say(self, data: bytes) -> None:
        os.write(self.side, data)

    def until(self, heard: Callable[[bytes], bool]) -> bytes:
        """What the board has heard, once `heard` is true of it."""
        with self._changed:
            assert self._changed.wait_for(lambda: heard(bytes(self.heard)), 30), bytes(self.heard).hex(" ")
            return bytes(self.heard)

    def hang_up(self) -> None:
        """The adapter is pulled out."""
        if self._thread.is_alive():
            os.write(self._end[1], b"x")
            self._thread.join()
            for descriptor in (self._keep_open, self.side, *self._end):
                os.close(descriptor)


class RelayBoard(Board):
    """An LCUS board, written from its documentation: `A0 channel state sum`, silent."""

    @property
    def relays(self) -> dict[int, bool]:
        state: dict[int, bool] = {}
        for at in range(0, len(self.heard) - 3, 4):
            head, channel, on, total = self.heard[at : at + 4]
            assert head == 0xA0
            assert total == (head + channel + on) & 0xFF
            state[channel] = bool(on)
        return state

    def after(self, frames: int) -> dict[int, bool]:
        self.until(lambda heard: len(heard) >= 4 * frames)
        return self.relays


class TellingBoard(Board):
    """A board that tells its relays: `told` is each switch of a relay, in order; a stuck one answers and does nothing.
    `obey` reads what arrives, and gives the answer."""

    def __init__(self, first: int, relays: int) -> None:
        self.state = dict.fromkeys(range(first, first + relays), False)
        self.told: list[tuple[int, bool]] = []
        self.stuck = self.mute = False
        self._got = b""
        super().__init__(self._answer)

    def _answer(self, data: bytes) -> bytes:
        self._got += data
        said = b""
        while (done := self.obey(self._got)) is not None:
            length, answer = done
            self._got, said = self._got[length:], said + answer
        return b"" if self.mute else said

    def obey(self, got: bytes) -> tuple[int, bytes] | None:
        """How many bytes of `got` are a command, and the answer; None where it is not whole yet."""
        raise NotImplementedError

    def tell(self, relay: int, on: bool) -> None:
        self.told.append((relay, on))
        if not self.stuck:
            self.state[relay] = on


class Kmtronic(TellingBoard):
    """`FF ch 00/01`; up to two relays tell by `FF ch 03`, more by `FF 09 00`; neither knows the other's."""

    def __init__(self, relays: int) -> None:
        super().__init__(1, relays)

    def obey(self, got: bytes) -> tuple[int, bytes] | None:
        if len(got) < 3:
            return None
        head, relay, state = got[:3]
        assert head == 0xFF, got.hex(" ")
        if relay == 9:
            return 3, bytes(self.state.values()) if len(self.state) > 2 else b""
        if state == 3:
            return 3, bytes([0xFF, relay, self.state[relay]]) if len(self.state) <= 2 else b""
        self.tell(relay, state == 1)
        return 3, b""


class Devantech(TellingBoard):
    """A byte a command."""

    def __init__(self) -> None:
        super().__init__(1, 8)

    def obey(self, got: bytes) -> tuple[int, bytes] | None:
        if not got:
            return None
        if got[0] in (0x5A, 0x5B):
            return 1, bytes([8, 2] if got[0] == 0x5A else [sum(on << (at - 1) for at, on in self.state.items())])
        on = got[0] < 0x6E
        self.tell(got[0] - (0x64 if on else 0x6E), on)
        return 1, b""


class Numato(TellingBoard):
    """Lines of text, echoed, each with a prompt after its answer."""

    def __init__(self, relays: int) -> None:
        super().__init__(0, relays)

    def obey(self, got: bytes) -> tuple[int, bytes] | None:
        line, end, _ = got.partition(b"\r")
        if not end:
            return None
        _, verb, which = line.decode().split(" ")
        assert len(which) == (2 if len(self.state) == 64 else 1), line
        relay = int(which, 10 if len(which) == 2 else 32)
        value = (b"on" if self.state[relay] else b"off") + b"\n\r" if verb == "read" else b""
        if verb != "read":
            self.tell(relay, verb == "on")
        return len(line) + 1, line + b"\n\r" + value + b">"
