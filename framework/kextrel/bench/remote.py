"""One remote command on one SSH channel: exact streams, exit code, bounds, and an end that leaves nothing behind.

The command line is prefixed with two echoes, on its own line: a mark and the login shell's process id, on both streams.
What stands before the mark (a talkative shell startup file) is not the command's and is cut off; the process id is what
a second channel kills. Under OpenSSH that shell leads a process group of its own; dropbear starts no group for a
command, and a Mac has no setsid, so what descends from the shell is looked up with ps and killed too.
"""

from __future__ import annotations

import contextlib
import secrets
import select
import shlex
import threading
from dataclasses import dataclass, field

from kextrel.bench.protocols import Completed
from kextrel.bench.retry import Transient, retried
from kextrel.bench.sshlibrary import paramiko
from kextrel.bench.sshlink import SshTransport, request
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.timing import Deadline

__all__ = ["NoSession", "run", "session"]

GRACE = 5.0  # wall seconds for ending a command whose deadline is over
AFTER_TERM = 1.0  # … of them between the polite signal and the last one
SESSION = 5.0  # wall seconds for a session on a connection that stands; half of what is left, for another connection
COLLECTED = 1.0  # wall seconds that an sshd has for the end of a session before
CHUNK = 1 << 16
LONGEST_PID = 32  # bytes, with its blanks and its line end

_FULL = "look at MaxSessions in the Mac's sshd_config: 0 lets nobody run a command"

# POSIX sh. $1 signal, $2 the login shell's process id. `-- -N` is a process group, and only that shell's own: the
# group N exists only if N leads it. sudo: what runs as root cannot be signalled by the user; without a password or not.
_KILL = """
tree=$(ps -A -o pid= -o ppid= 2>/dev/null | awk -v r="$2" '
  {up[$1] = $2} END {for (p in up) {for (q = up[p]; q > 1 && q != r; q = up[q]); if (q == r) print p}}' 2>/dev/null)
kill -s "$1" -- "-$2" 2>/dev/null; kill -s "$1" "$2" 2>/dev/null
for p in $tree; do kill -s "$1" "$p" 2>/dev/null; done
for p in "-$2" "$2" $tree; do
  if kill -s 0 -- "$p" 2>/dev/null || ! [ "$1" = KILL ]; then continue; fi
  sudo -n kill -s "$1" -- "$p" </dev/null >/dev/null 2>&1
done
exit 0
"""


class NoSession(Transient):
    """The connection stands, but the Mac's sshd opens no session on it: full, or it answers no more."""


class _Refused(NoSession):
    """The sshd said no, and at once."""


def run(
    transport: SshTransport, command: str, *, wire: str, deadline: Deadline, input: bytes = b"", limit: int = 16 << 20
) -> Completed:
    """Runs `command` in the login shell; see protocols.Shell.run for what it promises."""
    if "\0" in command:
        raise UsageError("a command line cannot contain a NUL character")
    job = _Job(transport, session(transport, wire=wire, deadline=deadline), command, wire, limit)
    try:
        job.start(input)
        return job.wait(deadline)
    except BenchError as error:
        ended = job.end()
        raise type(error)(f"{error.what}; {ended}" if ended else error.what, wire=wire, hint=error.hint) from error
    except BaseException:  # an interrupt too leaves nothing running on the Mac
        job.end()
        raise


def session(transport: SshTransport, *, wire: str, deadline: Deadline) -> paramiko.Channel:
    """A new session on the connection. Raises NoSession.

    OpenSSH counts a session that has ended until it has collected the process: with MaxSessions 1 it refuses the next
    one for some milliseconds, and is asked again.
    """
    deadline.check(wire)
    again = deadline.within(COLLECTED)
    return retried(lambda: _open(transport, wire, deadline), again, first=0.005, after=_Refused)


def _open(transport: SshTransport, wire: str, deadline: Deadline) -> paramiko.Channel:
    try:
        return transport.open_session(timeout=max(min(SESSION, deadline.remaining / 2), 0.01))
    except paramiko.ChannelException as error:
        raise _Refused(f"the connection gives no session: {error.text}", wire=wire, hint=_FULL) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise NoSession(f"the connection gives no session: {str(error) or 'closed'}", wire=wire) from error


@dataclass
class _Stream:
    """One output stream: collects, finds the mark, and keeps to the limit."""

    mark: bytes
    data: bytearray = field(default_factory=bytearray)
    pid: int | None = None
    looked: int = 0
    """Before this offset there is no mark."""

    def feed(self, chunk: bytes) -> None:
        self.data += chunk
        if self.pid is None:
            self._find_mark()

    def _find_mark(self) -> None:
        """The mark, a blank, digits and the line's end. A shell that complains of the line quotes the mark only."""
        start = self.data.find(self.mark, self.looked)
        while start >= 0:
            end = start + len(self.mark)
            head, ended, _ = self.data[end : end + LONGEST_PID].partition(b"\n")
            if ended and head.strip().isdigit():
                self.pid = int(head)
                del self.data[: end + len(head) + 1]
                return
            if not ended and len(head) < LONGEST_PID:
                self.looked = start  # more of it may come
                return
            start = self.data.find(self.mark, start + 1)
        self.looked = max(0, len(self.data) - len(self.mark))

    def forget(self) -> None:
        self.data.clear()
        self.looked = 0


class _Job:
    """A command under way: its channel, its two streams, its process id on the Mac."""

    def __init__(self, transport: SshTransport, channel: paramiko.Channel, command: str, wire: str, limit: int) -> None:
        mark = f"kextrel-{secrets.token_hex(8)}"
        self._transport, self._channel, self._command, self._wire = transport, channel, command, wire
        self._limit = limit
        self._prefix = f"echo {mark} $$; echo {mark} $$ >&2; ".encode()
        self._line = self._prefix + command.encode("utf-8", "surrogateescape")
        self._out, self._err = _Stream(mark.encode()), _Stream(mark.encode())

    def start(self, input: bytes) -> None:
        try:
            request(self._transport, self._channel, "exec", self._line)
            if not input:
                self._channel.shutdown_write()
                return
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._lost(error) from error
        # A command may answer before it has read all: whoever writes must not be whoever reads.
        threading.Thread(target=_write, args=(self._channel, input), daemon=True).start()

    def wait(self, deadline: Deadline) -> Completed:
        """Until both streams end and the exit code is known."""
        while True:
            self._read()
            if _ended(self._channel) and not _arrived(self._channel):
                break
            if deadline.expired:
                raise self._late(deadline)
            if not _arrived(self._channel):
                _listen(self._channel, deadline)
        return self._completed(deadline)

    def _read(self) -> None:
        channel = self._channel
        while channel.recv_ready():
            self._out.feed(channel.recv(CHUNK))
            self._bounded(self._out, "stdout")
        while channel.recv_stderr_ready():
            self._err.feed(channel.recv_stderr(CHUNK))
            self._bounded(self._err, "stderr")

    def _bounded(self, stream: _Stream, name: str) -> None:
        if len(stream.data) > self._limit:
            raise BenchError(f"more than {self._limit} bytes on {name}: {self._short()}", wire=self._wire)

    def _completed(self, deadline: Deadline) -> Completed:
        if not self._channel.status_event.wait(deadline.remaining):
            raise self._late(deadline)  # it closed its streams and goes on
        if self._channel.exit_status < 0:
            raise self._lost(self._transport.get_exception())
        self._channel.close()
        complaint = bytes(self._err.data)
        if self._err.pid is None:  # the shell did not get as far as the mark: it quotes the line, with what is ours
            complaint = complaint.replace(self._prefix, b"")
        return Completed(self._command, self._channel.exit_status, bytes(self._out.data), complaint)

    def _late(self, deadline: Deadline) -> DeadlineExceeded:
        named = f"`{self._command[:60]}`" in deadline.what  # who set the deadline has said which command it is
        what = f"{deadline.what} was not done in time" + ("" if named else f": {self._short()}")
        return DeadlineExceeded(what, wire=self._wire)

    def _lost(self, error: BaseException | None) -> BenchError:
        why = f" ({error})" if error and str(error) else ""
        return Transient(f"the connection ended before the command did: {self._short()}{why}", wire=self._wire)

    def _short(self) -> str:
        first = self._command.strip().splitlines()[0] if self._command.strip() else ""
        return repr(first if len(first) <= 80 else first[:79] + "…")

    def end(self) -> str:
        """Kills what is still running over a second channel; says in a clause what became of it."""
        if self._channel.closed or not self._transport.is_active():
            return ""
        limit = Deadline.after(GRACE)
        pid = self._learn_pid(limit.within(GRACE / 2))
        killed = pid is not None and self._kill("TERM", pid, limit)
        if killed:
            self._gone(limit.within(AFTER_TERM))
            # Again in any case: something may have ignored the first signal and closed its output.
            killed = self._kill("KILL", pid, limit) and self._gone(limit)
        self._channel.close()
        if not killed:
            self._transport.close()  # an sshd that still hears of it ends the session with what is in it
        return "it was killed on the Mac" if killed else "it could not be killed and may still run on the Mac"

    def _learn_pid(self, limit: Deadline) -> int | None:
        """The login shell's process id; on a Mac under load it may come only now."""
        while True:
            self._read_quietly()
            pid = self._out.pid or self._err.pid
            if pid is not None or _ended(self._channel) or limit.expired:
                return pid
            _listen(self._channel, limit)

    def _read_quietly(self) -> None:
        try:
            self._read()
        except BenchError:  # over the limit: known by now, and the pid came first
            self._out.forget()
            self._err.forget()

    def _kill(self, name: str, pid: int | None, limit: Deadline) -> bool:
        """Sends one signal to the command's group and descendants; whether that could be asked for."""
        left = max(limit.remaining, 0.1)
        line = f"exec /bin/sh -c {shlex.quote(_KILL)} kextrel-kill {name} {pid}"
        try:
            with self._transport.open_session(timeout=left) as channel:
                request(self._transport, channel, "exec", line.encode())
                channel.shutdown_write()
                return bool(channel.status_event.wait(left)) and channel.exit_status == 0
        except (paramiko.SSHException, EOFError, OSError):
            return False

    def _gone(self, limit: Deadline) -> bool:
        """Whether nobody holds the streams any more and the login shell is over."""
        while not _ended(self._channel) and not limit.expired:
            _listen(self._channel, limit)
            _discard(self._channel)
        return _ended(self._channel) and bool(self._channel.status_event.wait(limit.remaining))


def _listen(channel: paramiko.Channel, limit: Deadline) -> None:
    """Waits until something arrives or the streams end, at most until `limit`."""
    ready = select.poll()
    ready.register(channel.fileno(), select.POLLIN)
    ready.poll(max(1, int(limit.remaining * 1000)))


def _ended(channel: paramiko.Channel) -> bool:
    return bool(channel.closed or channel.eof_received)


def _arrived(channel: paramiko.Channel) -> bool:
    return channel.recv_ready() or channel.recv_stderr_ready()


def _write(channel: paramiko.Channel, data: bytes) -> None:
    """In a thread of its own. The command may end without reading all of its input, and the connection may go away: who
    reads the answer finds out, and says it."""
    with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
        channel.sendall(data)
        channel.shutdown_write()


def _discard(channel: paramiko.Channel) -> None:
    while channel.recv_ready():
        channel.recv(CHUNK)
    while channel.recv_stderr_ready():
        channel.recv_stderr(CHUNK)
