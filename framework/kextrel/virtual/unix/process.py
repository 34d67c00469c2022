"""A process of a virtual Mac, as the tool that runs in it sees it. How a tool is written: see `registry`."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import posixpath
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from kextrel.virtual.unix.files import Actor, OpenFile, WaitQueue
from kextrel.virtual.unix.fs import Cred, FileSystem
from kextrel.virtual.unix.signals import IGNORED_BY_DEFAULT, SIGKILL, SIGPIPE, SIGXFSZ, SignalDeath
from kextrel.virtual.unix.users import User

if TYPE_CHECKING:
    from kextrel.virtual.unix.system import System
    from kextrel.virtual.unix.tty import Tty

__all__ = ["MEMORY", "MOST_PROCESSES", "Exit", "Main", "Proc"]

log = logging.getLogger("kextrel.virtual")
T = TypeVar("T")
_SLICE = 0.004
"""Wall seconds after which a process lets others run, divided by how many can run on this Mac."""
MOST_PROCESSES = 266
"""Of one Mac: kern.maxprocperuid as Darwin had it for years. A fork beyond it is EAGAIN."""
MEMORY = 64 << 20
"""Bytes that a process may gather in memory from what it reads; beyond it is ENOMEM."""


class Exit(Exception):
    """A tool ends itself with `code`, after writing `message` (if any) to its standard error."""

    def __init__(self, code: int, message: str = "") -> None:
        self.code, self.message = code, message
        super().__init__(message or f"exit {code}")


class _Alarm:
    """One wait for a time."""

    def __init__(self) -> None:
        self.queue, self.rung = WaitQueue(), False

    def ring(self) -> None:
        self.rung = True
        self.queue.wake()


class Proc(Actor):
    """One process. `argv[0]` is the name that it was called by; `user` is who it runs as (its effective user).

    `fds` maps descriptors to open files, which are shared with whoever forked it. `status` is None while it lives, then
    its exit code, 128 + n when signal n killed it (`died_of`).
    """

    def __init__(self, system: System, argv: Iterable[str], user: User, *, pid: int, parent: Proc | None) -> None:
        super().__init__()
        self.system, self.argv, self.user, self.pid = system, list(argv), user, pid
        self.parent, self.group, self.session = parent, pid, pid
        self.env: dict[str, str] = {}
        self.cwd, self.umask, self.full_disk_access = "/", 0o022, True
        self._known_cred: tuple[tuple[User, bool], Cred] | None = None
        self.fds: dict[int, OpenFile] = {}
        self.file_size: int | None = None
        """Bytes beyond which it may not write a regular file (RLIMIT_FSIZE, `ulimit -f`); None without a limit."""
        self.file_size_hard: int | None = None
        """How far it may raise that."""
        self.tty: Tty | None = None
        self.gui: int | None = None
        """The uid whose login session at the screen it belongs to (its bootstrap domain); None for SSH's children."""
        self.started = system.clock.now()
        self.status: int | None = None
        self.died_of: int | None = None
        self.dispositions: dict[int, str] = {}
        """Signal -> "ignore" or "catch" (then it is put in `pending`)."""
        self.pending: list[int] = []
        self.children: dict[int, Proc] = {}
        self.child_ended, self.exited = WaitQueue(), WaitQueue()
        self._task: asyncio.Task[int] | None = None
        self._running = False
        self._resumed = 0.0

    # -- what it is

    @property
    def name(self) -> str:
        """The last part of argv[0], as it names itself in its messages."""
        return posixpath.basename(self.argv[0]).lstrip("-") or self.argv[0]

    @property
    def args(self) -> list[str]:
        return self.argv[1:]

    @property
    def machine(self) -> Any:
        """The Mac (kextrel.virtual.machine.Machine) that it runs on."""
        return self.system.host

    @property
    def cred(self) -> Cred:
        who = (self.user, self.full_disk_access)
        if self._known_cred is None or self._known_cred[0] != who:
            self._known_cred = (who, Cred.of(self.user, full_disk_access=self.full_disk_access))
        return self._known_cred[1]

    @property
    def fs(self) -> FileSystem:
        """The file system as this process sees it: its user, its directory, its umask."""
        return self.system.fs.seen_by(self.cred, cwd=self.cwd, umask=self.umask)

    # -- its input and output

    async def read(self, count: int = 1 << 16) -> bytes:
        """1 to `count` bytes of standard input; b"" at its end."""
        return await self.file(0).read(count, self)

    async def read_all(self) -> bytes:
        """Standard input up to its end."""
        pieces = bytearray()
        while piece := await self.read():
            pieces += piece
            self.claim(len(pieces))
            await self.breathe()
        return bytes(pieces)

    def claim(self, size: int) -> None:
        """To be told, by whoever gathers input, how much there is by now: ENOMEM beyond MEMORY."""
        if size > MEMORY:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    async def readline(self) -> bytes:
        """One line of standard input with its newline, and no byte more; b"" at the end."""
        return await self.file(0).readline(self)

    def out(self, text: str | bytes) -> None:
        """Writes to standard output at once. Use `write` for more than some tens of kilobytes."""
        self.put(1, text)

    def err(self, text: str | bytes) -> None:
        """Writes to standard error at once."""
        self.put(2, text)

    async def write(self, data: str | bytes, fd: int = 1) -> None:
        """Writes when there is room. Without a reader the process dies of SIGPIPE."""
        await self.file(fd).room(self)
        self.put(fd, data)
        await self.breathe()

    def put(self, fd: int, text: str | bytes) -> None:
        """Writes to a descriptor at once."""
        data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
        file = self.file(fd)
        left = None if self.file_size is None else file.left(self.file_size)
        if left is not None and len(data) > left:
            file.write_now(data[:left])
            self._too_large()
        try:
            file.write_now(data)
        except BrokenPipeError:
            if self.dispositions.get(SIGPIPE):
                raise
            raise SignalDeath(SIGPIPE) from None

    def _too_large(self) -> NoReturn:
        """Beyond its limit a file does not grow: the process dies of SIGXFSZ, or is told [setrlimit(2)]."""
        if self.dispositions.get(SIGXFSZ):
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        raise SignalDeath(SIGXFSZ)

    def file(self, fd: int) -> OpenFile:
        """What a descriptor refers to; EBADF when it is closed."""
        try:
            return self.fds[fd]
        except KeyError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None

    def set_fd(self, fd: int, file: OpenFile) -> None:
        """Makes `fd` refer to `file`, whose reference it takes over; closes what it was."""
        old = self.fds.get(fd)
        self.fds[fd] = file
        if old is not None:
            old.close()

    def close_fd(self, fd: int) -> None:
        """Closes a descriptor; harmless when it is closed."""
        if (file := self.fds.pop(fd, None)) is not None:
            file.close()

    def open(self, path: str, how: str = "r", *, exclusive: bool = False) -> OpenFile:
        """As FileSystem.open, and /dev/tty, /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N besides."""
        inherited = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}.get(path)
        if path.startswith("/dev/fd/") and path[8:].isdigit():
            inherited = int(path[8:])
        if inherited is not None:
            return self.file(inherited).dup()
        if path == "/dev/tty":
            if self.tty is None:
                raise OSError(errno.ENXIO, "Device not configured", path)
            return self.tty.open()
        return self.fs.open(path, how, exclusive=exclusive)

    async def ask(self, prompt: str, *, echo: bool = True) -> str:
        """Asks on the controlling terminal and gives the answer without its newline.

        Without a terminal: OSError ENXIO ("Device not configured"). At the end of input or after ^D: "".
        """
        with_tty = self.tty
        if with_tty is None:
            raise OSError(errno.ENXIO, "Device not configured", "/dev/tty")
        return await with_tty.ask(prompt, self, echo=echo)

    # -- waiting

    async def sleep(self, seconds: float) -> None:
        """Waits that many Mac seconds; the clock may jump over them."""
        until = self.system.clock.now() + seconds
        alarm = _Alarm()
        timer = self.system.clock.call_at(until, alarm.ring)
        try:
            while not alarm.rung and not self.pending:
                await self.block(alarm.queue)
        finally:
            timer.cancel()

    async def wait_for(self, child: Proc) -> int:
        """Waits until `child` ends and gives its status; it is then forgotten (reaped)."""
        while child.status is None:
            await self.block(child.exited)
        self.children.pop(child.pid, None)
        return child.status

    async def outside(self, awaitable: Awaitable[T]) -> T:
        """Waits for something that is no process (a timer, a task of the kernel) without counting as running."""
        task = asyncio.ensure_future(awaitable)
        self.park()
        task.add_done_callback(lambda _: self.unpark())
        try:
            return await task
        finally:
            self.unpark()

    async def breathe(self) -> None:
        """To be awaited in every loop that might not end: now and then it lets others run. Who was killed ends here."""
        ran = time.perf_counter() - self._resumed
        if ran * max(self.system.load.running, 1) > _SLICE or self.died_of is not None:
            await asyncio.sleep(0)
            self._resumed = time.perf_counter()

    # -- other processes

    def fork(self, argv: Iterable[str] | None = None, *, group: int | None = None) -> Proc:
        """A child with copies of all that is ours; `start` makes it run. `group` 0: a process group of its own.

        EAGAIN when the Mac has too many processes.
        """
        if len(self.system.processes) >= MOST_PROCESSES:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable", "fork")
        child = self.system.new_process(list(argv) if argv is not None else self.argv, self.user, parent=self)
        child.env, child.cwd, child.umask = dict(self.env), self.cwd, self.umask
        child.fds = {fd: file.dup() for fd, file in self.fds.items()}
        child.tty, child.full_disk_access, child.session = self.tty, self.full_disk_access, self.session
        child.gui = self.gui
        child.file_size, child.file_size_hard = self.file_size, self.file_size_hard
        child.group = self.group if group is None else group or child.pid
        child.dispositions = {number: action for number, action in self.dispositions.items() if action == "ignore"}
        self.children[child.pid] = child
        return child

    def start(self, main: Main) -> None:
        """Begins to run `main`."""
        self.unpark()
        self._task = asyncio.get_running_loop().create_task(self._run(main), name=f"{self.pid} {self.name}")
        self._task.add_done_callback(self._ended)

    async def run(self, *argv: str) -> int:
        """Runs a program as a child with our descriptors and waits for it: fork, exec, wait."""
        child = self.fork(argv)
        child.start(self.system.program)
        return await self.wait_for(child)

    def signal(self, number: int) -> None:
        """Sends a signal: ignored, put in `pending`, or the death of it. 0 and the dead feel nothing."""
        if self.status is not None or number == 0:
            return
        action = self.dispositions.get(number) if number != SIGKILL else None
        if action == "catch":
            self.pending.append(number)
            self.wake()
        elif action != "ignore" and number not in IGNORED_BY_DEFAULT:
            self._die_of(number)

    # -- inside

    def park(self) -> None:
        if self._running:
            self._running = False
            self.system.load.leave()

    def unpark(self) -> None:
        if not self._running and self.status is None:
            self._running = True
            self.system.load.enter()

    def _die_of(self, number: int) -> None:
        if self.died_of is not None and number != SIGKILL:
            return
        self.died_of = self.died_of or number
        if self._task is None:
            self._end(128 + number)
            return
        self.unpark()
        self._task.cancel()

    async def _run(self, main: Main) -> int:
        try:
            return await main(self) & 0xFF
        except Exit as end:
            if end.message:
                self.put(2, end.message.rstrip("\n") + "\n")
            return end.code & 0xFF
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            self.put(2, f"{self.name}: {place}{error.strerror}\n")
            return 1
        except SignalDeath as death:
            self.died_of = death.number
            return 128 + death.number

    def _ended(self, task: asyncio.Task[int]) -> None:
        self._end(self._code(task))

    def _end(self, status: int) -> None:
        self.status = status
        for fd in list(self.fds):
            self.close_fd(fd)
        self.exited.wake()
        if self.parent is not None and self.parent.status is None:
            self.parent.child_ended.wake()
        self.system.forget(self)
        self.park()

    def _code(self, task: asyncio.Task[int]) -> int:
        if task.cancelled():
            self.died_of = self.died_of or SIGKILL
        elif (error := task.exception()) is not None:
            log.error("%s on %s broke", self.argv, self.system.hostname, exc_info=error)
            self.died_of = 6
        return 128 + self.died_of if self.died_of else task.result()


Main = Callable[[Proc], Awaitable[int]]
"""What a process runs: it gets its Proc and returns an exit code."""
