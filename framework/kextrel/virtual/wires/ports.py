"""Pseudo-terminals as serial ports: the bench opens the path, the board is on the other end."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Callable

__all__ = ["SerialPort"]

_CHUNK = 4096


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
        asyncio.get_running_loop().add_reader(self._board, self._readable)

    def write(self, data: bytes) -> None:
        """Sends bytes. What does not fit, because nobody reads, is lost as on a line with nobody at its end."""
        try:
            os.write(self._board, data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Takes the line away; harmless the second time."""
        if self._board >= 0:
            asyncio.get_running_loop().remove_reader(self._board)
            os.close(self._board)
            os.close(self._bench)
            self._board = self._bench = -1

    def _readable(self) -> None:
        try:
            data = os.read(self._board, _CHUNK)
        except BlockingIOError:
            return
        if data:
            self._received(data)
