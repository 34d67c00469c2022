"""One SSH session channel: a program on pipes, a shell on a terminal, or SFTP."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, cast

import asyncssh

from kextrel.virtual.unix.files import PIPE_SIZE, Actor, OpenFile, PipeEnd, WaitQueue, pipe
from kextrel.virtual.unix.fs import Cred
from kextrel.virtual.unix.process import Proc
from kextrel.virtual.unix.signals import SIGHUP, name_of, number_of
from kextrel.virtual.unix.system import System
from kextrel.virtual.unix.tty import Tty
from kextrel.virtual.unix.users import User
from kextrel.virtual.wires.sftp import VirtualSftp

__all__ = ["Session"]

_SENT_SIGNALS = frozenset(
    ["ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"]
)
"""The signals that SSH has names for (RFC 4254, 6.10)."""
_END_OF_WRITE = "_process_eow_at_openssh_dot_com_request"
"""What asyncssh looks for on a channel when `eow@openssh.com` comes (PROTOCOL 2.1); it has none of its own."""
_PATIENCE = 0.002
"""Wall seconds for which small outputs are gathered into one packet while processes run."""
_ACCEPTED = ("LANG", "LC_")
"""Variables that a client may send (AcceptEnv of macOS' sshd_config)."""


class _ChannelFile(OpenFile):
    """Standard output or standard error of a program: what it writes goes into the channel."""

    def __init__(self, session: Session, datatype: int | None) -> None:
        super().__init__()
        self._session, self._datatype = session, datatype

    async def read(self, count: int, who: Actor) -> bytes:  # noqa: ARG002
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def write_now(self, data: bytes) -> None:
        self._session.send(data, self._datatype)

    async def room(self, who: Actor) -> None:
        await self._session.room(who)

    def released(self) -> None:
        self._session.writer_gone()


class Session(asyncssh.SSHServerSession[bytes]):
    """A session channel of `user`. `begun()` is told of each command, shell or transfer, and says whether it may start.

    When the channel closes before its program has ended, all processes of the program's session get SIGHUP.
    """

    def __init__(self, system: System, user: User, begun: Callable[[], bool], origin: Mapping[str, str]) -> None:
        self._system, self._user, self._begun, self._origin = system, user, begun, origin
        self._transfer: asyncssh.SSHServerProcess[bytes] | None = None
        self._proc: Proc | None = None
        self._tty: Tty | None = None
        self._input: PipeEnd | None = None
        self._holders, self._open, self._heard, self._full = 0, True, True, False
        self._room, self._silent = WaitQueue(), WaitQueue()
        self._work: set[asyncio.Task[None]] = set()
        self._unsent: list[tuple[int | None, bytearray]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether its channel is."""
        return self._open

    # -- what asyncssh tells

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """The channel is there; what is wanted of it is not known yet."""
        self._chan = chan
        setattr(chan, _END_OF_WRITE, self._deaf)

    def _deaf(self, packet: object) -> bool:  # noqa: ARG002
        """OpenSSH's client reads no more of the output (`ssh mac yes | head`): writers get SIGPIPE."""
        self._heard = False
        self._room.wake()
        return True

    def pty_requested(self, term_type: str, term_size: object, term_modes: object) -> bool:  # noqa: ARG002
        """A terminal is given to whoever asks."""
        return True

    def shell_requested(self) -> bool:
        """A login shell."""
        return True

    def exec_requested(self, command: str) -> bool:  # noqa: ARG002
        """One command line."""
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """There is one: sftp."""
        return subsystem == "sftp"

    def session_started(self) -> None:
        """SFTP and scp are asyncssh's, on our files; anything else is a program."""
        command = self._chan.get_command()
        if not self._begun():
            return
        if self._chan.get_subsystem() or (command or "").startswith("scp "):
            self._transfer = asyncssh.SSHServerProcess(_refuse, self._sftp, 3, True)
            self._transfer.connection_made(self._chan)
            self._transfer.session_started()
        else:
            self._start(command)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Input."""
        if self._transfer is not None:
            self._transfer.data_received(data, datatype)
        elif self._tty is not None:
            self._tty.type(data)
        elif self._input is not None:
            self._feed(data)

    def eof_received(self) -> bool:
        """The client sends no more; its program may still answer."""
        if self._transfer is not None:
            return bool(self._transfer.eof_received())
        self._end_input()
        return True

    def signal_received(self, signal: str) -> None:
        """A signal for the program and its children, by its name without SIG."""
        number = number_of(signal)
        if self._proc is not None and number:
            self._system.signal_group(self._proc.group, number)

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:  # noqa: ARG002
        """The client's window has another size."""
        if self._tty is not None:
            self._tty.resize(height, width)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        if self._transfer is not None:
            self._transfer.pause_writing()
        self._full = True
        if self._tty is not None:
            self._tty.pause()

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._transfer is not None:
            self._transfer.resume_writing()
        self._full = False
        self._room.wake()
        if self._tty is not None:
            self._tty.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone."""
        if self._transfer is not None:
            self._transfer.connection_lost(exc)
        self._open = False
        self._room.wake()
        self._silent.wake()
        self._end_input()
        if self._tty is not None:
            self._tty.hang_up()
        elif self._proc is not None and self._proc.status is None:
            self._system.signal_session(self._proc.session, SIGHUP)

    # -- SFTP

    def _sftp(self, chan: object) -> VirtualSftp:
        cred = Cred.of(self._user, full_disk_access=self._system.host.spec.has("PREP-03"))
        home = self._user.home if self._system.fs.is_dir(self._user.home) else "/"
        return VirtualSftp(
            cast("asyncssh.SSHServerChannel[bytes]", chan), self._system, self._system.fs.seen_by(cred, cwd=home)
        )

    # -- a program

    def _start(self, command: str | None) -> None:
        terminal = self._chan.get_terminal_type()
        shell = self._user.shell
        argv = [shell, "-c", command] if command else ["-" + shell.rpartition("/")[2]]
        env = self._environment(terminal)
        access = self._system.host.spec.has("PREP-03")
        if terminal is not None:
            self._tty = self._terminal()
            env["SSH_TTY"] = f"/dev/{self._tty.name}"
            self._proc = self._system.spawn(argv, user=self._user, tty=self._tty, env=env, full_disk_access=access)
        else:
            stdin, self._input = pipe()
            self._holders = 2
            out, err = _ChannelFile(self, None), _ChannelFile(self, asyncssh.EXTENDED_DATA_STDERR)
            self._proc = self._system.spawn(
                argv, user=self._user, stdin=stdin, stdout=out, stderr=err, env=env, full_disk_access=access
            )
        self._keep(self._finish(self._proc))

    def _terminal(self) -> Tty:
        columns, rows, _, _ = self._chan.get_terminal_size()
        tty = Tty(
            lambda data: self.send(data, None), rows=rows or 24, columns=columns or 80, name=self._system.next_tty()
        )
        modes = self._chan.get_terminal_modes()
        tty.echo = bool(modes.get(asyncssh.PTY_ECHO, 1))
        tty.canonical = bool(modes.get(asyncssh.PTY_ICANON, 1))
        return tty

    def _environment(self, terminal: str | None) -> dict[str, str]:
        sent = {_plain(name): _plain(value) for name, value in self._chan.get_environment_bytes().items()}
        env = {name: value for name, value in sent.items() if name.startswith(_ACCEPTED)}
        return {**env, **self._origin, **({"TERM": terminal} if terminal else {})}

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _finish(self, proc: Proc) -> None:
        """When the program has ended and nobody holds its output any more, its exit code ends the channel."""
        waiter = Actor()
        while proc.status is None:
            await waiter.block(proc.exited)
        while self._holders and self._open:
            await waiter.block(self._silent)
        if not self._open or self._system.stopped:
            return
        self._flush()
        name = name_of(proc.died_of) if proc.died_of else ""
        if name in _SENT_SIGNALS:
            self._chan.exit_with_signal(name)
        else:
            self._chan.exit(proc.status)

    # -- its input and output

    def send(self, data: bytes, datatype: int | None) -> None:
        """Sends output; BrokenPipeError when nobody will read it."""
        if not (self._open and self._heard):
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        if not self._unsent:
            self._system.load.when_idle(self._flush)
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self._flush)
        last = self._unsent[-1] if self._unsent else None
        if last is not None and last[0] == datatype and len(last[1]) < PIPE_SIZE:
            last[1].extend(data)
        else:
            self._unsent.append((datatype, bytearray(data)))
        if len(self._unsent[-1][1]) >= PIPE_SIZE:
            self._flush()

    def _flush(self) -> None:
        """Sends what has gathered: when the Mac comes to rest, after a moment, when it is much, and at the end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        unsent, self._unsent = self._unsent, []
        for datatype, data in unsent:
            if self._open and self._heard:
                self._chan.write(bytes(data), datatype)

    async def room(self, who: Actor) -> None:
        """Waits until the client has read enough."""
        while self._full and self._open and self._heard:
            await who.block(self._room)

    def writer_gone(self) -> None:
        """Nobody has this stream open any more."""
        self._holders -= 1
        self._silent.wake()

    def _feed(self, data: bytes) -> None:
        assert self._input is not None
        try:
            self._input.write_now(data)
        except BrokenPipeError:
            self._end_input()
            return
        if self._input.waiting_bytes >= PIPE_SIZE:
            self._chan.pause_reading()
            self._keep(self._resume(self._input))

    async def _resume(self, stdin: PipeEnd) -> None:
        await stdin.room(Actor())
        if self._open:
            self._chan.resume_reading()

    def _end_input(self) -> None:
        if self._input is not None:
            self._input.close()
            self._input = None


def _refuse(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Never called: programs are started by `session_started`."""
    process.exit(1)


def _plain(text: bytes | str) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else text
