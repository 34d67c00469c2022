"""Packets that are sent together: what sshd writes in one turn goes out as one write, as from a real sshd's buffer.

asyncssh hands each packet, and an empty one before it, to the kernel by itself; both ends pay for each.
"""

from __future__ import annotations

import asyncio

import asyncssh

__all__ = ["gather"]

_TRANSPORT = "_transport"
"""Where asyncssh keeps a connection's transport; it has no way to be given one."""


def gather(connection: asyncssh.SSHServerConnection) -> None:
    """Lets `connection` send once a turn of the event loop. To be called when the connection was made."""
    transport = getattr(connection, _TRANSPORT)
    setattr(connection, _TRANSPORT, _Gathered(transport))


class _Gathered(asyncio.Transport):
    """A transport that keeps what is written until the event loop's next turn."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._inner, self._unsent = transport, bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent += data

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, bytearray()
        if unsent:
            self._inner.write(bytes(unsent))

    def close(self) -> None:
        self._flush()
        self._inner.close()

    def abort(self) -> None:
        self._unsent.clear()
        self._inner.abort()

    def is_closing(self) -> bool:
        return self._inner.is_closing()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._inner.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()
