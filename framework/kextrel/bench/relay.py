"""Relay boards on serial ports. One class a kind of board: LcusBoard here, those that answer in bench/relayboards.py.

One board switches several things: a Mac's mains, its power button's contacts, perhaps another Mac's. A port has one
owner, so a process keeps one board a port and hands it to everybody in it who asks; the last one to let go closes it.

LCUS boards (CH340, 9600 8N1): `A0 channel state sum`, no acknowledgement.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from kextrel.bench.serialport import SerialPort
from kextrel.errors import BenchError, UsageError
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["CHANNELS", "Acquire", "Asker", "Board", "LcusBoard", "SharedBoard", "frame"]

CHANNELS = range(1, 9)  # LCUS-8 is the largest of the family

_boards: dict[str, SharedBoard] = {}
_lock = threading.RLock()


@dataclass(frozen=True)
class Asker:
    """Who uses a board: its `name` for errors, and where its records go, as those of `wire`."""

    name: str
    sink: Sink
    wire: str


class Board(Protocol):
    """A relay board that somebody acquired."""

    def switch(self, channel: int, on: bool, asker: Asker, *, deadline: Deadline) -> None:
        """Switches one relay. A board that tells its state is asked afterwards: BenchError where it says otherwise."""
        ...

    def check(self, channel: int, asker: Asker, *, deadline: Deadline) -> str:
        """For health: what the board says of itself and this relay. Nothing is switched."""
        ...

    def let_go(self) -> None:
        """One user less; the last one closes the port. Relays stay as they are."""
        ...


Acquire = Callable[[str, str], Board]
"""The board on a port, for the wire of this name: `LcusBoard.acquire`."""

_Shared = TypeVar("_Shared", bound="SharedBoard")


class SharedBoard(ABC):
    """One board on one port, shared in this process. Get one with `acquire`, end with `let_go`.

    `relays` is how many it has, for those whose bytes depend on that.
    """

    kind: ClassVar[str] = "relay"
    baud: ClassVar[int] = 9600

    def __init__(self, port: SerialPort, relays: int = 0) -> None:
        self._port, self._relays, self._users = port, relays, 0
        self._writing = threading.RLock()

    @classmethod
    def acquire(cls: type[_Shared], port: str, wire: str, relays: int = 0) -> _Shared:
        """The board on `port`, opened by the first who asks. Raises BenchError when another process has the port, or
        this one has it as another kind of board."""
        with _lock:
            key = _key(port)
            board = _boards.get(key)
            if board is None:
                board = _boards[key] = cls(SerialPort(port, cls.baud, wire), relays)
            if not isinstance(board, cls) or board._relays != relays:
                hint = "one port is one board: give all its wires the same driver"
                raise BenchError(f"{port} is open as a {board.kind} board already", wire=wire, hint=hint)
            board._users += 1
            return board

    def let_go(self) -> None:
        """One user less; the last one closes the port. Relays stay as they are."""
        with _lock:
            self._users -= 1
            if self._users > 0:
                return
            for key in [key for key, board in _boards.items() if board is self]:
                del _boards[key]
            self._port.close()

    @abstractmethod
    def switch(self, channel: int, on: bool, asker: Asker, *, deadline: Deadline) -> None:
        """As Board.switch."""

    @abstractmethod
    def check(self, channel: int, asker: Asker, *, deadline: Deadline) -> str:
        """As Board.check."""


class LcusBoard(SharedBoard):
    """It never answers: whether the relay moved is seen by its effect only."""

    kind = "LCUS"

    def switch(self, channel: int, on: bool, asker: Asker, *, deadline: Deadline) -> None:
        """Sends one frame."""
        bytes_ = frame(channel, on)
        with self._writing:
            asker.sink.record(asker.wire, "relay", channel=channel, on=on, frame=bytes_.hex(" "))
            self._port.write(bytes_, deadline=deadline)

    def check(self, channel: int, asker: Asker, *, deadline: Deadline) -> str:
        deadline.check(asker.name)
        return f"port open, channel {channel}; the board does not answer, so the relay is not proved"


def frame(channel: int, on: bool) -> bytes:
    """The four bytes that switch a channel: channel 1 on is `A0 01 01 A2`."""
    if channel not in CHANNELS:
        raise UsageError(f"an LCUS board has no channel {channel}, only {CHANNELS.start} to {CHANNELS.stop - 1}")
    body = bytes([0xA0, channel, int(on)])
    return body + bytes([sum(body) & 0xFF])


def _key(port: str) -> str:
    return port if "://" in port else str(Path(port).resolve())
