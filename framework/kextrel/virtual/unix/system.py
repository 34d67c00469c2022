"""The unix side of one boot: processes, users, files. It begins with the kernel and ends when the Mac goes down."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from kextrel.virtual.unix.disk import boot_files
from kextrel.virtual.unix.files import Actor, NullFile, OpenFile, pipe
from kextrel.virtual.unix.fs import FileSystem
from kextrel.virtual.unix.host import Clock, Host
from kextrel.virtual.unix.process import Proc
from kextrel.virtual.unix.programs import NotFound, load, look_up
from kextrel.virtual.unix.signals import SIGKILL, SIGTERM
from kextrel.virtual.unix.tty import Tty
from kextrel.virtual.unix.users import ROOT, User, Users

__all__ = ["DEFAULT_PATH", "Finished", "Load", "System"]

DEFAULT_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
_FIRST_PID = 300
GRACE = 2.0
"""Mac seconds between SIGTERM and SIGKILL at an orderly shutdown."""


@dataclass(frozen=True)
class Finished:
    """What `System.run` gives: the exit code (128 + n for signal n) and both streams."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        return self.stdout.decode(errors="replace")

    @property
    def err(self) -> str:
        return self.stderr.decode(errors="replace")


class Load:
    """How many processes can run. While there is one, the Mac's clock is held busy."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._count = clock, 0
        self._hold: AbstractContextManager[object] | None = None
        self._when_idle: list[Callable[[], None]] = []

    @property
    def running(self) -> int:
        return self._count

    def enter(self) -> None:
        self._count += 1
        if self._count == 1:
            self._hold = self._clock.busy()
            self._hold.__enter__()

    def leave(self) -> None:
        self._count -= 1
        if self._count == 0 and self._hold is not None:
            self._hold.__exit__(None, None, None)
            self._hold = None
            callbacks, self._when_idle = self._when_idle, []
            for callback in callbacks:
                callback()

    def when_idle(self, callback: Callable[[], None]) -> None:
        """Calls back once, when no process can run any more."""
        self._when_idle.append(callback)


class System:
    """One boot of one environment ("macos" or "recovery"): its process table over its file system."""

    def __init__(self, host: Host, environment: str = "macos") -> None:
        self.host, self.environment = host, environment
        self.fs: FileSystem = boot_files(host, environment)
        self.clock: Clock = host.clock
        self.users = Users(host.spec.accounts, tokens=host.spec.has("PREP-04"))
        self.hostname = host.spec.name
        self.load = Load(host.clock)
        self.processes: dict[int, Proc] = {}
        self.stopped = False
        self.sudo_tickets: dict[tuple[int, str], float] = {}
        """(uid, terminal or session) -> when sudo took a password there, in Mac seconds."""
        self._ttys = itertools.count()
        self._pids = itertools.count(_FIRST_PID)

    async def start(self) -> None:
        """Begins: from now on programs can be started."""
        self.stopped = False

    async def stop(self, *, orderly: bool) -> None:
        """The Mac goes down: SIGTERM, a moment, SIGKILL when `orderly`; at once else. No program starts any more."""
        self.stopped = True
        if orderly and self.processes:
            self._signal_all(SIGTERM)
            await self.clock.sleep(GRACE)
        while self.processes:
            self._signal_all(SIGKILL)
            await asyncio.sleep(0)

    def _signal_all(self, number: int) -> None:
        for proc in list(self.processes.values()):
            proc.signal(number)

    @property
    def console_user(self) -> User | None:
        """Who is logged in at the display; None at the login window."""
        name = self.host.console_user
        return self.users.get(name) if name else None

    # -- starting programs

    def spawn(
        self,
        command: str | Sequence[str],
        *,
        user: str | User = ROOT,
        stdin: OpenFile | None = None,
        stdout: OpenFile | None = None,
        stderr: OpenFile | None = None,
        tty: Tty | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        full_disk_access: bool = True,
    ) -> Proc:
        """Starts a program in a session of its own: a list is argv, a text is a line for the user's shell (`-c`).

        It takes over the open files that it is given; what is left out is the terminal, or /dev/null. `env` is added to
        a login's environment. A program that is not there makes a process that ends with 127.
        """
        account = self.account(user)
        argv = [account.shell, "-c", command] if isinstance(command, str) else list(command)
        proc = self.new_process(argv, account, parent=None)
        proc.env = {**self.login_environment(account), **(env or {})}
        proc.cwd = cwd or (account.home if self.fs.is_dir(account.home) else "/")
        proc.full_disk_access = full_disk_access
        self._connect(proc, (stdin, stdout, stderr), tty)
        proc.start(self.program)
        return proc

    def _connect(self, proc: Proc, files: tuple[OpenFile | None, ...], tty: Tty | None) -> None:
        if tty is not None:
            proc.tty = tty
            tty.belongs_to(self, proc.session)
        for fd, file in enumerate(files):
            proc.fds[fd] = file or (tty.open() if tty else NullFile())

    async def run(self, command: str | Sequence[str], *, user: str | User = ROOT, input: bytes = b"") -> Finished:
        """Runs a command to its end with `input` on its standard input and gives what it wrote."""
        (stdin, feed), (out, stdout), (err, stderr) = pipe(), pipe(), pipe()
        feed.write_now(input)
        feed.close()
        proc = self.spawn(command, user=user, stdin=stdin, stdout=stdout, stderr=stderr)
        written, said = await asyncio.gather(_drain(out), _drain(err))
        waiter = Actor()
        while proc.status is None:
            await waiter.block(proc.exited)
        return Finished(proc.status, written, said)

    async def program(self, proc: Proc) -> int:
        """exec(2) with a search of PATH: turns `proc` into the program that its argv names ("-bash": a login shell)."""
        try:
            path = look_up(proc.argv[0].removeprefix("-"), proc.fs, proc.env.get("PATH", DEFAULT_PATH))
            main = load(proc, path)
        except NotFound as error:
            proc.err(f"{proc.name}: {error.text}\n")
            return error.code
        except OSError as error:
            proc.err(f"{proc.name}: {error.strerror}\n")
            return 126
        proc.dispositions = {number: action for number, action in proc.dispositions.items() if action == "ignore"}
        return await main(proc)

    def next_tty(self) -> str:
        """A name for a new terminal: ttys000 and so on."""
        return f"ttys{next(self._ttys):03}"

    # -- who and what there is

    def account(self, user: str | User) -> User:
        """The account of that name; KeyError when there is none."""
        if isinstance(user, User):
            return user
        found = self.users.get(user)
        if found is None:
            raise KeyError(f"{self.hostname} has no user {user}")
        return found

    def login_environment(self, user: User) -> dict[str, str]:
        """What a login sets."""
        return {
            "HOME": user.home, "LOGNAME": user.name, "PATH": DEFAULT_PATH, "SHELL": user.shell, "TMPDIR": "/tmp/",  # noqa: S108
            "USER": user.name,
        }  # fmt: skip

    def new_process(self, argv: Sequence[str], user: User, *, parent: Proc | None) -> Proc:
        """A process that does not run yet."""
        proc = Proc(self, argv, user, pid=next(self._pids), parent=parent)
        self.processes[proc.pid] = proc
        return proc

    def forget(self, proc: Proc) -> None:
        """Takes a dead process out of the table."""
        self.processes.pop(proc.pid, None)

    def members(self, *, group: int | None = None, session: int | None = None) -> list[Proc]:
        """The living processes of a group, a session."""
        found = [proc for proc in self.processes.values() if proc.status is None]
        return [proc for proc in found if group in (None, proc.group) and session in (None, proc.session)]

    def signal_group(self, group: int, number: int) -> int:
        """Sends a signal to a process group; how many felt it."""
        members = self.members(group=group)
        for proc in members:
            proc.signal(number)
        return len(members)

    def signal_session(self, session: int, number: int) -> int:
        """Sends a signal to all processes of a session; how many felt it."""
        members = self.members(session=session)
        for proc in members:
            proc.signal(number)
        return len(members)


async def _drain(end: OpenFile) -> bytes:
    who, data = Actor(), bytearray()
    while piece := await end.read(1 << 16, who):
        data += piece
    end.close()
    return bytes(data)
