"""A terminal: the line discipline between whoever types (an SSH client, the keyboard of recovery) and the processes.

Bytes of keys come in by `type`; what the terminal shows goes out through `output` (with carriage returns). In canonical
mode a line is edited (erase, kill, word erase) and handed over at Return; ^C, ^\\ and ^D do what they do on macOS.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from kextrel.virtual.unix.files import Actor, OpenFile, WaitQueue
from kextrel.virtual.unix.signals import SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGWINCH

if TYPE_CHECKING:
    from kextrel.virtual.unix.system import System

__all__ = ["Tty"]

_ERASE, _KILL, _WORD, _EOF, _INTR, _QUIT, _REPRINT = 0x7F, 0x15, 0x17, 0x04, 0x03, 0x1C, 0x12


class Tty:
    """One terminal. `echo`, `canonical`, `signals` are its modes; `foreground` is the process group that ^C reaches."""

    def __init__(
        self, output: Callable[[bytes], None], *, rows: int = 24, columns: int = 80, name: str = "ttys000"
    ) -> None:
        self._output, self.rows, self.columns, self.name = output, rows, columns, name
        self.echo = self.canonical = self.signals = True
        self.foreground = self.session = 0
        self.hung_up = False
        self._system: System | None = None
        self._line = bytearray()
        self._ready: deque[bytes] = deque()
        self.readable, self._writable = WaitQueue(), WaitQueue()
        self._paused = False

    # -- the side of whoever types and looks

    def type(self, data: bytes) -> None:
        """Keys: what a terminal sends. Return is 0x0D, Backspace 0x7F."""
        for byte in data:
            self._key(0x0A if byte == 0x0D else byte)

    def hang_up(self) -> None:
        """The line is gone: SIGHUP for all processes of the session, end of input for what reads on."""
        if not self.hung_up:
            self.hung_up = True
            self.readable.wake()
            self._writable.wake()
            if self._system is not None:
                self._system.signal_session(self.session, SIGHUP)
                self._system.signal_session(self.session, SIGCONT)

    def resize(self, rows: int, columns: int) -> None:
        """A new window size, told by SIGWINCH."""
        self.rows, self.columns = rows, columns
        self._signal(SIGWINCH)

    def pause(self) -> None:
        """Whoever looks cannot take more now: processes that write will wait."""
        self._paused = True

    def resume(self) -> None:
        """There is room again."""
        self._paused = False
        self._writable.wake()

    # -- the side of the processes

    @property
    def has_line(self) -> bool:
        """Whether a read would be answered at once."""
        return bool(self._ready)

    def open(self) -> OpenFile:
        """A new open file on this terminal, for reading and writing."""
        return _TtyFile(self)

    def belongs_to(self, system: System, session: int) -> None:
        """Becomes the controlling terminal of a session."""
        self._system, self.session, self.foreground = system, session, session

    async def ask(self, prompt: str, who: Actor, *, echo: bool = True) -> str:
        """Writes `prompt` and reads one line; without echo nothing of it is shown but the newline."""
        self.write(prompt.encode())
        before, self.echo = self.echo, self.echo and echo
        try:
            line = await self.read_line(who)
        finally:
            self.echo = before
        if not echo:
            self.write(b"\n")
        return line.decode(errors="replace").rstrip("\n")

    async def read_line(self, who: Actor) -> bytes:
        """The next line that was typed, with its newline; b"" after ^D or a hang-up."""
        while not self._ready and not self.hung_up:
            await who.block(self.readable)
        return self._ready.popleft() if self._ready else b""

    async def read(self, count: int, who: Actor) -> bytes:
        """Up to `count` bytes of the next line."""
        data = await self.read_line(who)
        if len(data) > count:
            self._ready.appendleft(data[count:])
        return data[:count]

    def write(self, data: bytes) -> None:
        """Shows bytes; a newline becomes carriage return and newline."""
        if self.hung_up:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._output(data.replace(b"\n", b"\r\n"))

    async def room(self, who: Actor) -> None:
        """Waits while the other side is paused."""
        while self._paused and not self.hung_up:
            await who.block(self._writable)

    # -- the line discipline

    def _key(self, byte: int) -> None:
        if self.signals and byte in (_INTR, _QUIT):
            self._line.clear()
            self._echo(b"^" + bytes([byte | 0x40]))
            self._signal(SIGINT if byte == _INTR else SIGQUIT)
        elif not self.canonical:
            self._echo(bytes([byte]))
            self._hand_over(bytes([byte]))
        else:
            self._edit(byte)

    def _edit(self, byte: int) -> None:
        if byte in (_ERASE, 0x08):
            self._erase(1)
        elif byte in (_KILL, _WORD):
            kept = self._line.rstrip().rpartition(b" ")[0] if byte == _WORD and b" " in self._line.rstrip() else b""
            self._erase(len(self._line) - (len(kept) + 1 if kept else 0))
        elif byte == _EOF:
            self._hand_over(bytes(self._line))
            self._line.clear()
        elif byte == _REPRINT:
            self._echo(b"^R\r\n" + bytes(self._line))
        else:
            self._line.append(byte)
            self._echo(b"\r\n" if byte == 0x0A else bytes([byte]))
            if byte == 0x0A:
                self._hand_over(bytes(self._line))
                self._line.clear()

    def _erase(self, count: int) -> None:
        for _ in range(min(count, len(self._line))):
            while self._line and self._line.pop() & 0xC0 == 0x80:
                continue
            self._echo(b"\b \b")

    def _hand_over(self, data: bytes) -> None:
        self._ready.append(data)
        self.readable.wake()

    def _echo(self, data: bytes) -> None:
        if self.echo and not self.hung_up:
            self._output(data)

    def _signal(self, number: int) -> None:
        if self._system is not None:
            self._system.signal_group(self.foreground, number)


class _TtyFile(OpenFile):
    """A descriptor on a terminal."""

    def __init__(self, tty: Tty) -> None:
        super().__init__()
        self.tty = tty

    @property
    def is_tty(self) -> bool:
        return True

    async def read(self, count: int, who: Actor) -> bytes:
        return await self.tty.read(count, who)

    async def readline(self, who: Actor) -> bytes:
        return await self.tty.read_line(who)

    def write_now(self, data: bytes) -> None:
        self.tty.write(data)

    async def room(self, who: Actor) -> None:
        await self.tty.room(who)
