"""LCUS relay boards (CH340, 9600 8N1): `A0 channel state sum`, no acknowledgement.

One board switches several things: a Mac's mains, its power button's contacts, perhaps another Mac's. A port has one
owner, so a process keeps one board a port and hands it to everybody in it who asks; the last one to let go closes it.
"""

from __future__ import annotations

import threading
from pathlib import Path

from kextrel.bench.serialport import SerialPort
from kextrel.errors import UsageError
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["CHANNELS", "LcusBoard", "frame"]

BAUD = 9600
CHANNELS = range(1, 9)  # LCUS-8 is the largest of the family

_boards: dict[str, LcusBoard] = {}
_lock = threading.RLock()


def frame(channel: int, on: bool) -> bytes:
    """The four bytes that switch a channel: channel 1 on is `A0 01 01 A2`."""
    if channel not in CHANNELS:
        raise UsageError(f"an LCUS board has no channel {channel}, only {CHANNELS.start} to {CHANNELS.stop - 1}")
    body = bytes([0xA0, channel, int(on)])
    return body + bytes([sum(body) & 0xFF])


class LcusBoard:
    """One board on one port, shared in this process. Get one with `acquire`, end with `let_go`."""

    def __init__(self, port: SerialPort) -> None:
        self._port, self._users = port, 0
        self._writing = threading.RLock()

    @classmethod
    def acquire(cls, port: str, wire: str) -> LcusBoard:
        """The board on `port`, opened by the first who asks. Raises BenchError when another process has the port."""
        with _lock:
            key = _key(port)
            board = _boards.get(key)
            if board is None:
                board = _boards[key] = cls(SerialPort(port, BAUD, wire))
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

    def switch(self, channel: int, on: bool, *, deadline: Deadline, sink: Sink, wire: str) -> None:
        """Sends one frame. The board does not answer: whether the relay moved is seen by its effect only."""
        bytes_ = frame(channel, on)
        with self._writing:
            sink.record(wire, "relay", channel=channel, on=on, frame=bytes_.hex(" "))
            self._port.write(bytes_, deadline=deadline)


def _key(port: str) -> str:
    return port if "://" in port else str(Path(port).resolve())
