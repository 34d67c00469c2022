"""Open files: what a descriptor refers to. Pipes, regular files and the small devices; terminals are in tty.py.

Whoever may have to wait is an Actor (a process, or the pump of an SSH channel): it blocks on a WaitQueue, and who wakes
it marks it as running in the same breath, so that the Mac's clock never sees an idle Mac that is not.
"""

from __future__ import annotations

import asyncio
import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable

from kextrel.virtual.unix.nodes import File

__all__ = [
    "PIPE_SIZE",
    "Actor",
    "FileHandle",
    "NullFile",
    "OpenFile",
    "Pipe",
    "PipeEnd",
    "WaitQueue",
    "ZeroFile",
    "pipe",
]

PIPE_SIZE = 1 << 16
_MOST_AT_ONCE = 1 << 20
"""Bytes that one read gives at most, however many were asked for."""
_LONGEST_LINE = 1 << 24
"""Bytes of a line that is read by itself; a longer one is ENOMEM."""


class Actor:
    """Somebody who can block. This one is not counted as a runnable process; Proc is."""

    def __init__(self) -> None:
        self._wakeup: asyncio.Future[None] | None = None

    def park(self) -> None:
        """Told just before it blocks."""

    def unpark(self) -> None:
        """Told at the moment somebody wakes it, before it runs."""

    def wake(self) -> None:
        """Ends the wait that it is in, if it is in one."""
        if self._wakeup is not None and not self._wakeup.done():
            self.unpark()
            self._wakeup.set_result(None)

    async def block(self, queue: WaitQueue) -> None:
        """Waits until `queue` is woken, or a signal comes: so look again at what you waited for."""
        self._wakeup = asyncio.get_running_loop().create_future()
        queue.add(self)
        self.park()
        try:
            await self._wakeup
        finally:
            self._wakeup = None
            queue.discard(self)
            self.unpark()


class WaitQueue:
    """Actors that wait for one thing."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Actor] = []

    def add(self, actor: Actor) -> None:
        self._waiting.append(actor)

    def discard(self, actor: Actor) -> None:
        if actor in self._waiting:
            self._waiting.remove(actor)

    def wake(self) -> None:
        """Wakes all; each looks again for itself."""
        for actor in tuple(self._waiting):
            actor.wake()


class OpenFile(ABC):
    """An open file description, shared by descriptors: `dup` adds one, `close` takes one away."""

    def __init__(self) -> None:
        self.references = 1

    def dup(self) -> OpenFile:
        """One more descriptor on the same description."""
        self.references += 1
        return self

    def close(self) -> None:
        """One descriptor less; the last one releases it."""
        self.references -= 1
        if self.references == 0:
            self.released()

    def released(self) -> None:  # noqa: B027 - most kinds have nothing to release
        """The last descriptor was closed."""

    @property
    def is_tty(self) -> bool:
        return False

    @abstractmethod
    async def read(self, count: int, who: Actor) -> bytes:
        """1 to `count` bytes, or b"" at the end; waits while there is nothing."""

    @abstractmethod
    def write_now(self, data: bytes) -> None:
        """Takes all of `data` at once, beyond its room if need be. BrokenPipeError when nobody can read it any more."""

    def left(self, limit: int) -> int | None:  # noqa: ARG002
        """How many bytes a limit on the size of files leaves to be written here; None where it has no meaning."""
        return None

    async def room(self, who: Actor) -> None:  # noqa: B027 - most kinds never wait
        """Waits until there is room to write. Most kinds always have."""

    async def readline(self, who: Actor) -> bytes:
        """One line with its newline, reading no byte beyond it; b"" at the end."""
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = await self.read(1, who)
            if not byte:
                break
            line += byte
            _bound(line)
        return bytes(line)


class FileHandle(OpenFile):
    """A regular file, with the offset that its descriptors share."""

    def __init__(self, node: File, now: Callable[[], float], *, append: bool, readable: bool, writable: bool) -> None:
        super().__init__()
        self.node, self._now, self.offset = node, now, 0
        self._append, self._readable, self._writable = append, readable, writable

    def read_at(self, offset: int, count: int) -> bytes:
        """pread(2)."""
        self._refuse(self._readable)
        return self.node.content.read(offset, count)

    def write_at(self, offset: int, data: bytes) -> None:
        """pwrite(2)."""
        self._refuse(self._writable)
        self.node.content.write(offset, data)
        self.node.mtime = self._now()

    async def read(self, count: int, who: Actor) -> bytes:  # noqa: ARG002
        data = self.read_at(self.offset, min(count, _MOST_AT_ONCE))
        self.offset += len(data)
        return data

    def write_now(self, data: bytes) -> None:
        if self._append:
            self.offset = self.node.size
        self.write_at(self.offset, data)
        self.offset += len(data)

    def left(self, limit: int) -> int | None:
        return max(limit - (self.node.size if self._append else self.offset), 0)

    async def readline(self, who: Actor) -> bytes:  # noqa: ARG002
        piece = self.read_at(self.offset, 1 << 12)
        while b"\n" not in piece and len(piece) < self.node.size - self.offset:
            piece = self.read_at(self.offset, 2 * len(piece))
        line = piece[: piece.find(b"\n") + 1] or piece
        self.offset += len(line)
        return line

    @staticmethod
    def _refuse(allowed: bool) -> None:
        if not allowed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def _bound(line: bytearray) -> None:
    if len(line) > _LONGEST_LINE:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


class NullFile(OpenFile):
    """/dev/null."""

    async def read(self, count: int, who: Actor) -> bytes:  # noqa: ARG002
        return b""

    def write_now(self, data: bytes) -> None:
        """Nothing is kept."""


class ZeroFile(NullFile):
    """/dev/zero."""

    async def read(self, count: int, who: Actor) -> bytes:  # noqa: ARG002
        return bytes(min(count, _MOST_AT_ONCE))


class Pipe:
    """A bounded buffer between two ends."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.readers = self.writers = 1
        self.readable, self.writable = WaitQueue(), WaitQueue()


class PipeEnd(OpenFile):
    """One end. The reading end sees b"" when all writers are gone; the writing end BrokenPipeError without readers."""

    def __init__(self, shared: Pipe, *, writes: bool) -> None:
        super().__init__()
        self._pipe, self._writes = shared, writes

    def released(self) -> None:
        if self._writes:
            self._pipe.writers -= 1
            self._pipe.readable.wake()
        else:
            self._pipe.readers -= 1
            self._pipe.writable.wake()

    async def read(self, count: int, who: Actor) -> bytes:
        await self._until_readable(who)
        return self._take(count)

    async def readline(self, who: Actor) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            await self._until_readable(who)
            found = self._pipe.buffer.find(b"\n") + 1
            piece = self._take(found or len(self._pipe.buffer))
            if not piece:
                break
            line += piece
            _bound(line)
        return bytes(line)

    async def _until_readable(self, who: Actor) -> None:
        if self._writes:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        while not self._pipe.buffer and self._pipe.writers:
            await who.block(self._pipe.readable)

    def _take(self, count: int) -> bytes:
        data = bytes(self._pipe.buffer[:count])
        del self._pipe.buffer[:count]
        if data and len(self._pipe.buffer) < PIPE_SIZE:
            self._pipe.writable.wake()
        return data

    def write_now(self, data: bytes) -> None:
        if not self._writes:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if not self._pipe.readers:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self._pipe.buffer += data
        self._pipe.readable.wake()

    @property
    def waiting_bytes(self) -> int:
        """How much was written and not read yet."""
        return len(self._pipe.buffer)

    async def room(self, who: Actor) -> None:
        while len(self._pipe.buffer) >= PIPE_SIZE and self._pipe.readers:
            await who.block(self._pipe.writable)


def pipe() -> tuple[PipeEnd, PipeEnd]:
    """A new pipe: the end to read from, the end to write to."""
    shared = Pipe()
    return PipeEnd(shared, writes=False), PipeEnd(shared, writes=True)
