"""The button wire: a relay across the contacts of a Mac's power button. On is contacts closed: the button is down.

Whatever ends a press (its time, an error, an interrupt, `close`, the process's exit), the contacts are open afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kextrel.bench import letgo
from kextrel.bench.relay import Acquire, Asker, Board, LcusBoard
from kextrel.errors import BenchError
from kextrel.evidence import Sink
from kextrel.timing import Clock, Deadline

__all__ = ["RelayButton"]

LET_GO = 2.0  # wall seconds for the frame that opens the contacts, whatever else has run out of time


class RelayButton:
    """protocols.Button on a channel of a relay board, an LCUS one unless `acquire` says otherwise. Gestures are Mac
    seconds of `clock`."""

    def __init__(
        self,
        name: str,
        port: str,
        channel: int,
        clock: Clock,
        sink: Sink,
        *,
        acquire: Acquire = LcusBoard.acquire,
        wire: str = "button",
    ) -> None:
        self._name, self._channel, self._clock, self._asker = name, channel, clock, Asker(name, sink, wire)
        self._board: Board | None = acquire(port, name)
        self._down = False
        letgo.remember(self)

    @property
    def name(self) -> str:
        return self._name

    def press(self, mac_seconds: float, *, deadline: Deadline) -> None:
        if self._clock.wall(mac_seconds) > deadline.remaining:
            self._clock.dwell(mac_seconds, deadline, self._name)  # says so, before anything is pressed
        with self.held(deadline=deadline):
            self._clock.dwell(mac_seconds, deadline, self._name)

    @contextmanager
    def held(self, *, deadline: Deadline) -> Iterator[None]:
        deadline.check(self._name)
        try:
            self._down = True
            self._switch(True, deadline)
            yield
        finally:
            self.release()

    def release(self) -> None:
        letgo.surely(self._open_contacts)

    def check(self, *, deadline: Deadline) -> str:
        """For health: the board's port is open and ours, and what the board says. Nothing is pressed."""
        deadline.check(self._name)
        return self._ours().check(self._channel, self._asker, deadline=deadline)

    def close(self) -> None:
        if self._board is None:
            return
        try:
            if self._down:
                self.release()
        finally:
            letgo.forget(self)
            board, self._board = self._board, None
            board.let_go()

    def _open_contacts(self) -> None:
        if self._board is not None:
            self._switch(False, Deadline.after(LET_GO, "opening the button's contacts"))
            self._down = False

    def _switch(self, on: bool, deadline: Deadline) -> None:
        self._ours().switch(self._channel, on, self._asker, deadline=deadline)

    def _ours(self) -> Board:
        if self._board is None:
            raise BenchError("the button wire is closed", wire=self._name)
        return self._board
