"""The power wire: a Mac's mains on a relay. On is mains present."""

from __future__ import annotations

from kextrel.bench.mains import Mains
from kextrel.bench.relay import Acquire, Asker, Board, LcusBoard
from kextrel.errors import BenchError
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["RelayPower"]


class RelayPower(Mains):
    """protocols.Power on a channel of a relay board, an LCUS one unless `acquire` says otherwise.

    `close` leaves the mains as they are.
    """

    def __init__(
        self,
        name: str,
        port: str,
        channel: int,
        sink: Sink,
        *,
        acquire: Acquire = LcusBoard.acquire,
        wire: str = "power",
    ) -> None:
        super().__init__(name)
        self._channel, self._asker = channel, Asker(name, sink, wire)
        self._board: Board | None = acquire(port, name)

    def check(self, *, deadline: Deadline) -> str:
        """For health: the board's port is open and ours, and what the board says. Nothing is switched."""
        return self._ours(deadline).check(self._channel, self._asker, deadline=deadline)

    def close(self) -> None:
        board, self._board = self._board, None
        if board is not None:
            board.let_go()

    def _switch(self, on: bool, deadline: Deadline) -> None:
        self._ours(deadline).switch(self._channel, on, self._asker, deadline=deadline)

    def _ours(self, deadline: Deadline) -> Board:
        if self._board is None:
            raise BenchError("the power wire is closed", wire=self._name)
        deadline.check(self._name)
        return self._board
