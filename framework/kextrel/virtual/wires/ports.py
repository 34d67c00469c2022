"""Pseudo-terminals as serial ports: the bench opens the path, the board is on the other end."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import termios
import tty
from collections.abc import Callable

__all__ = ["SerialPort"]

_CHUNK = 4096
_UNREAD = 2048
"""Bytes that a client may leave unread before the line waits for it; so much, at most, is stale when one opens."""
_AGAIN, _PATIENCE = 0.005, 1.0
"""Wall seconds: until the next look whether the client has read, and until it is taken for gone."""


class SerialPort:
    """One serial line in raw mode; `received(data)` is called with what the bench writes.

    This side keeps the bench's end open as well: a client that closes the port and opens it again finds it as it was,
    where the last close would otherwise hang up the line.
    """

    def __init__(self, received: Callable[[bytes], None]) -> None:
        self._received = received
        self._board, self._bench = os.openpty()
        for end in (self._board, self._bench):
            tty.setraw(end)
        os.set_blocking(self._board, False)
        self.path = os.ttyname(self._bench)
        self._outgoing = bytearray()
        self._waiting: asyncio.TimerHandle | None = None
        self._read_at = 0.0
        asyncio.get_running_loop().add_reader(self._board, self._readable)

    def write(self, data: bytes) -> None:
        """Sends bytes, as fast as the client reads. What nobody reads is lost, as on a line with nobody at its end."""
        if not self._outgoing:
            self._read_at = asyncio.get_running_loop().time()
        self._outgoing += data
        if self._waiting is None:
            self._send()

    def close(self) -> None:
        """Takes the line away; harmless the second time."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._board >= 0:
            asyncio.get_running_loop().remove_reader(self._board)
            os.close(self._board)
            os.close(self._bench)
            self._board = self._bench = -1

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiting = None
        sent = self._write_some()
        if sent:
            self._read_at = loop.time()
        elif loop.time() - self._read_at > _PATIENCE:
            self._outgoing.clear()
        if self._outgoing:
            self._waiting = loop.call_later(_AGAIN, self._send)

    def _write_some(self) -> int:
        """Puts as much on the line as the client's end has room for."""
        room = _UNREAD - self._unread()
        if room <= 0:
            return 0
        try:
            sent = os.write(self._board, self._outgoing[:room])
        except BlockingIOError:
            return 0
        del self._outgoing[:sent]
        return sent

    def _unread(self) -> int:
        """How many bytes wait at the bench's end."""
        count = array.array("i", [0])
        fcntl.ioctl(self._bench, termios.FIONREAD, count)
        return count[0]

    def _readable(self) -> None:
        try:
            data = os.read(self._board, _CHUNK)
        except BlockingIOError:
            return
        if data:
            self._received(data)
