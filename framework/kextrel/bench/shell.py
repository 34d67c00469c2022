"""The shell wire: commands and copies over SSH (paramiko); comes back after a restart and knows which boot it is in.

One connection is kept for one boot. A lost one is opened again when it is next needed; the boot is told from others by
kern.boottime, so that a fast restart between two commands is not taken for no restart.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kextrel.bench import remote, sftp
from kextrel.bench.hostkey import HostKey
from kextrel.bench.protocols import BootId, Completed
from kextrel.bench.retry import Transient, retried
from kextrel.bench.sshlink import Locked, Login, LoginRefused, SshTransport, Unreachable, connect
from kextrel.errors import BenchError, DeadlineExceeded, UnreadableAnswer
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["SshShell"]

BOOT_TIME = "sysctl -n kern.boottime"
_BOOT_FORM = re.compile(r"\{ sec = (\d+), usec = (\d+) \}")
PATIENCE = 5.0  # wall seconds that `run` and `upload` try to connect when nobody waits for a boot
GLANCE = 5.0  # wall seconds for one look whether a shell answers

_T = TypeVar("_T")


@dataclass
class _Link:
    """A connection and the boot that it belongs to (None: its boot time could not be read)."""

    transport: SshTransport
    boot: BootId | None


class SshShell:
    """protocols.Shell over SSH. Use it from one thread at a time; `close` may come from any.

    `host_keys` are lines as in a .pub file, one for each environment that this Mac is reached in. `name` is what errors
    and evidence call the wire. `filevault`: it is on, so who refuses a login may be the SSH before the boot, which does
    not always say so.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        login: Login,
        host_keys: Sequence[str],
        sink: Sink,
        *,
        wire: str = "shell",
        filevault: bool = False,
    ) -> None:
        self._name, self._host, self._port, self._login = name, host, port, login
        self._pins = tuple(HostKey.parse(line) for line in host_keys)
        self._sink, self._wire, self._filevault = sink, wire, filevault
        self._link: _Link | None = None
        self._lock = threading.RLock()
        self._proved = False  # whether this login has worked before
        if login.password:
            sink.hide(login.password)

    @property
    def name(self) -> str:
        return self._name

    def run(
        self, command: str, *, deadline: Deadline, input: bytes = b"", limit: int = 16 << 20, again: bool = False
    ) -> Completed:
        return self._done(
            lambda link: self._run(link.transport, command, deadline, input, limit), deadline=deadline, again=again
        )

    def upload(self, local: Path, remote: str, *, deadline: Deadline) -> None:
        sent = self._done(
            lambda link: self._copy(link.transport, local, remote, deadline), deadline=deadline, again=False
        )
        files = [{name: value for name, value in vars(file).items() if name != "kept" or value} for file in sent]
        self._sink.record(self._wire, "upload", local=str(local), remote=remote, files=files)

    def boot_id(self, *, deadline: Deadline) -> BootId:
        def ask(link: _Link) -> BootId:
            link.boot = self._ask_boot(link.transport, deadline)
            return link.boot

        return self._done(ask, deadline=deadline, again=True)

    def wait_for_boot(self, *, deadline: Deadline, other_than: BootId | None = None) -> BootId:
        while True:
            link = self._until(deadline, lambda: self._opened(deadline, starting=True))
            if link.boot is None:
                link.boot = self._ask_boot(link.transport, deadline)
            if link.boot != other_than:
                return link.boot
            self._outlive(link, deadline, "the restart")

    def wait_until_gone(self, *, deadline: Deadline) -> None:
        with self._lock:
            known = self._link.boot if self._link is not None else None

        def see_it_go() -> str:
            nonlocal known
            try:
                link = self._glance(deadline)
            except (Unreachable, Locked) as error:
                if deadline.expired and isinstance(error, Unreachable):  # it may only be too slow for what was left
                    raise
                return error.what
            known = known or link.boot
            if link.boot != known:
                return "it is already in another boot"
            self._outlive(link, deadline, "that the Mac goes down")
            raise Transient("the connection was lost, but the same boot still answered", wire=self._name)

        self._sink.record(self._wire, "gone", seen=self._until(deadline, see_it_go))

    def reachable(self, *, deadline: Deadline) -> bool:
        try:
            link = self._glance(deadline)
            self._run(link.transport, ":", deadline.within(GLANCE, "a look whether the shell answers"), b"", 1 << 16)
        except (Transient, DeadlineExceeded):
            return False
        return True

    def check(self, *, deadline: Deadline) -> str:
        """For health: connects, and says whose key it met and which boot. Raises BenchError."""
        link = self._opened(deadline.within(GLANCE, "a look whether the shell answers"), starting=False)
        key = link.transport.get_remote_server_key()
        met = HostKey(key.get_name(), key.asbytes()).fingerprint
        since = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(link.boot.sec)) if link.boot else "an unknown time"
        return f"{self._login.user} logged in, host key {met}, booted at {since}"

    def close(self) -> None:
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.transport.close()

    def _connected(self, deadline: Deadline) -> _Link:
        """The connection; a lost one is tried again for PATIENCE."""
        patience = deadline.within(PATIENCE)
        return retried(lambda: self._opened(patience, starting=False), patience)

    def _done(self, does: Callable[[_Link], _T], *, deadline: Deadline, again: bool) -> _T:
        """What `does` gives on the connection, or on another one where it may be tried there a second time."""
        link = self._connected(deadline)
        try:
            return does(link)
        except Transient as error:
            other = self._other(link, error, again, deadline)
        return does(other)

    def _other(self, lost: _Link, error: Transient, again: bool, deadline: Deadline) -> _Link:
        """Another connection for what was not done on `lost`; raises `error` where it must not be tried again.

        What never began may begin anywhere. What was under way may have been done: only what changes nothing is asked
        again, and of the same boot, for another boot has other answers.
        """
        began = not isinstance(error, remote.NoSession)
        if began and not again:
            raise error
        try:
            link = self._connected(deadline)
        except BenchError as failed:
            both = f"{error.what}; trying again: {failed.what}"
            raise type(failed)(both, wire=self._name, hint=failed.hint) from failed
        if began and (link.boot is None or link.boot != lost.boot):
            raise error
        return link

    def _until(self, deadline: Deadline, look: Callable[[], _T]) -> _T:
        """Looks again after a Transient, as long as the deadline allows."""
        try:
            return retried(look, deadline)
        except Transient as error:
            late = f"{deadline.what} was not done in time: {error.what}"
            raise DeadlineExceeded(late, wire=self._name, hint=error.hint) from error

    def _glance(self, deadline: Deadline) -> _Link:
        """One short attempt. Raises Transient when no shell answers."""
        return self._opened(deadline.within(GLANCE, "a look whether the shell answers"), starting=True)

    def _opened(self, deadline: Deadline, starting: bool) -> _Link:
        with self._lock:
            if self._link is not None and self._link.transport.is_active():
                return self._link
            self.close()
            transport = self._login_now(deadline, starting)
            self._proved = True
            self._link = _Link(transport, self._boot_of(transport, deadline))
            return self._link

    def _login_now(self, deadline: Deadline, starting: bool) -> SshTransport:
        try:
            transport = connect(self._host, self._port, self._login, self._pins, wire=self._name, deadline=deadline)
        except LoginRefused as error:
            if starting and self._filevault:
                raise Locked(wire=self._name, refused=error.what) from error
            if starting and self._proved:  # sshd answers before the Mac knows its users
                raise Transient(error.what, wire=error.wire, hint=error.hint) from error
            raise
        key = transport.get_remote_server_key()
        said = {"address": f"{self._host}:{self._port}", "user": self._login.user, "host_key": key.get_base64()}
        self._sink.record(self._wire, "connect", **said)
        return transport

    def _boot_of(self, transport: SshTransport, deadline: Deadline) -> BootId | None:
        try:
            return self._ask_boot(transport, deadline)
        except UnreadableAnswer:
            return None

    def _ask_boot(self, transport: SshTransport, deadline: Deadline) -> BootId:
        answer = self._run(transport, BOOT_TIME, deadline, b"", 1 << 16)
        found = _BOOT_FORM.search(answer.out)
        if answer.exit_code != 0 or found is None:
            raise UnreadableAnswer(BOOT_TIME, (answer.out or answer.err).strip())
        return BootId(int(found.group(1)), int(found.group(2)))

    def _outlive(self, link: _Link, deadline: Deadline, what: str) -> None:
        """Waits for the end of a connection: the transport's own thread ends with it."""
        link.transport.join(deadline.remaining)
        if link.transport.is_alive():
            raise DeadlineExceeded(f"{what} was not seen in time", wire=self._name, hint="the same boot still answers")

    def _copy(self, transport: SshTransport, local: Path, there: str, deadline: Deadline) -> list[sftp.Sent]:
        try:
            return sftp.upload(transport, local, there, wire=self._name, deadline=deadline)
        except remote.NoSession:
            transport.close()  # as in _run
            raise

    def _run(self, transport: SshTransport, command: str, deadline: Deadline, input: bytes, limit: int) -> Completed:
        began = time.monotonic()
        try:
            done = remote.run(transport, command, wire=self._name, deadline=deadline, input=input, limit=limit)
        except BenchError as error:
            self._sink.record(self._wire, "run", command=command, input=input, failed=str(error))
            if isinstance(error, remote.NoSession):
                transport.close()  # the next call opens another connection instead of waiting for this one again
            raise
        self._sink.record(
            self._wire,
            "run",
            command=command,
            input=input,
            exit_code=done.exit_code,
            stdout=done.stdout,
            stderr=done.stderr,
            seconds=round(time.monotonic() - began, 4),
        )
        return done
