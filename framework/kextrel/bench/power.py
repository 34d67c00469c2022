"""The power wire: a Mac's mains on a relay. On is mains present."""

from __future__ import annotations

from kextrel.bench.relay import LcusBoard
from kextrel.errors import BenchError
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["RelayPower"]


class RelayPower:
    """protocols.Power on a channel of an LCUS board. `close` leaves the mains as they are."""

    def __init__(self, name: str, port: str, channel: int, sink: Sink, *, wire: str = "power") -> None:
        self._name, self._channel, self._sink, self._wire = name, channel, sink, wire
        self._board: LcusBoard | None = LcusBoard.acquire(port, name)

    @property
    def name(self) -> str:
        return self._name

    def on(self, *, deadline: Deadline) -> None:
        self._switch(True, deadline)

    def off(self, *, deadline: Deadline) -> None:
        self._switch(False, deadline)

    def check(self, *, deadline: Deadline) -> str:
        """For health: the board's port is open and ours. Nothing is switched."""
        deadline.check(self._name)
        return f"port open, channel {self._channel}; the board does not answer, so the relay is not proved"

    def close(self) -> None:
        board, self._board = self._board, None
        if board is not None:
            board.let_go()

    def _switch(self, on: bool, deadline: Deadline) -> None:
        if self._board is None:
            raise BenchError("the power wire is closed", wire=self._name)
        deadline.check(self._name)
        self._board.switch(self._channel, on, deadline=deadline, sink=self._sink, wire=self._wire)
