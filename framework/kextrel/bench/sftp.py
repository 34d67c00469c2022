"""Copies files and trees to a Mac by SFTP: permissions kept, symbolic links kept as links, any file name.

Names travel as bytes, so that one which is not UTF-8, has a newline, a quote or a leading dash arrives as it is. Of a
large file that an earlier copy left in part, only the rest is sent, if what is there is its beginning by SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kextrel.bench import remote as remotely
from kextrel.bench.retry import Transient
from kextrel.bench.sshlibrary import paramiko
from kextrel.bench.sshlink import SshTransport, request
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.timing import Deadline

__all__ = ["Sent", "upload"]

_T = TypeVar("_T")

CHUNK = 1 << 15
GOODBYE = 2.0  # wall seconds that the Mac's sftp-server has for its own end
LARGE = 1 << 20  # bytes from which on it pays to look at what an earlier copy left
_HASH = "if command -v shasum >/dev/null; then shasum -a 256; else sha256sum; fi"  # macOS has the first of them


@dataclass(frozen=True)
class Sent:
    """One file that was copied: its path on the Mac, its size and SHA-256; `kept` bytes of it were there already."""

    path: str
    size: int
    sha256: str
    kept: int = 0


def upload(transport: SshTransport, local: Path, remote: str, *, wire: str, deadline: Deadline) -> list[Sent]:
    """Copies `local` to `remote`, an absolute path; a directory is merged into one that is there.

    Raises UsageError for what cannot be copied, BenchError when the Mac or the wire refuses. What was copied stays.
    """
    if not remote.startswith("/"):
        raise UsageError(f"{remote!r} is not an absolute path on the Mac")
    if not os.path.lexists(local):
        raise UsageError(f"there is no {local} to copy")
    with _session(transport, wire, deadline) as copier:
        copier.copy(local, os.fsencode(remote))
        return copier.sent


@contextmanager
def _session(transport: SshTransport, wire: str, deadline: Deadline) -> Iterator[_Copier]:
    channel = None
    try:
        channel = remotely.session(transport, wire=wire, deadline=deadline)
        channel.settimeout(max(deadline.remaining, 0.01))
        request(transport, channel, "subsystem", b"sftp")
        yield _Copier(paramiko.SFTPClient(channel), channel, transport, wire, deadline)
    except TimeoutError as error:
        hint = "what was copied so far is still there"
        raise DeadlineExceeded(f"{deadline.what} was not done in time", wire=wire, hint=hint) from error
    except (paramiko.SSHException, EOFError) as error:
        raise Transient(f"the connection ended in a copy: {str(error) or 'closed'}", wire=wire) from error
    finally:
        if channel is not None:
            _end(transport, channel)


def _end(transport: SshTransport, channel: paramiko.Channel) -> None:
    """Lets the other end finish first: dropbear 2022.83 closes a channel that is opened while it ends this one. A
    session that does not end takes its connection with it, and the next call opens another."""
    with suppress(paramiko.SSHException, EOFError, OSError):  # gone already: the copy says so, or is done
        channel.shutdown_write()
        if channel.status_event.wait(GOODBYE):
            channel.close()
            return
    transport.close()


class _Copier:
    def __init__(
        self,
        client: paramiko.SFTPClient,
        channel: paramiko.Channel,
        transport: SshTransport,
        wire: str,
        deadline: Deadline,
    ) -> None:
        self._client, self._channel, self._transport = client, channel, transport
        self._wire, self._deadline = wire, deadline
        self.sent: list[Sent] = []

    def copy(self, local: Path, remote: bytes, *, fresh: bool = False) -> None:
        """One directory entry and what is below it; a directory gets its mode last, as that may forbid writing.

        `fresh`: we have just made the directory that it goes to, so nothing can be there.
        """
        self._still_time()
        mode = local.lstat().st_mode
        if stat.S_ISLNK(mode):
            self._asked("link", remote, lambda: self._link(os.fsencode(local.readlink()), remote, fresh))
        elif stat.S_ISDIR(mode):
            made = self._asked("make the directory", remote, lambda: self._directory(remote, fresh))
            for entry in sorted(local.iterdir()):
                self.copy(entry, remote.rstrip(b"/") + b"/" + os.fsencode(entry.name), fresh=made)
            self._asked("set the mode of", remote, lambda: self._client.chmod(remote, stat.S_IMODE(mode)))
        elif stat.S_ISREG(mode):
            self._asked("write", remote, lambda: self._file(local, remote, stat.S_IMODE(mode), fresh))
        else:
            raise UsageError(f"{str(local)!r} is neither a file, a directory nor a link and cannot be copied")

    def _link(self, target: bytes, remote: bytes, fresh: bool) -> None:
        if not fresh and self._mode(remote) is not None:
            self._client.remove(remote)
        self._client.symlink(target, remote)

    def _directory(self, remote: bytes, fresh: bool) -> bool:
        """Whether it was not there before."""
        mode = None if fresh else self._mode(remote)
        if mode is None:
            self._client.mkdir(remote, 0o700)
        elif not stat.S_ISDIR(mode):
            raise OSError("it is there already and is no directory")
        return mode is None

    def _file(self, local: Path, remote: bytes, mode: int, fresh: bool) -> None:
        if not fresh and stat.S_ISLNK(self._mode(remote) or 0):
            self._client.remove(remote)  # else the link's target would be overwritten
        digest, kept = (hashlib.sha256(), 0) if fresh else self._kept(local, remote)
        with local.open("rb") as source, self._client.open(remote, "r+b" if kept else "wb") as target:
            target.set_pipelined(True)
            target.seek(kept)
            size = source.seek(kept)
            while chunk := source.read(CHUNK):
                self._still_time()
                target.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self._client.chmod(remote, mode)
        arrived = self._client.stat(remote).st_size
        if arrived != size:
            raise OSError(f"{arrived} of {size} bytes arrived; is the disk full?")
        self.sent.append(Sent(os.fsdecode(remote), size, digest.hexdigest(), kept))

    def _kept(self, local: Path, remote: bytes) -> tuple[hashlib._Hash, int]:
        """How many bytes of `local` are there already, with their hash: 0 unless what is there is all right."""
        try:
            there = self._client.stat(remote).st_size or 0
        except FileNotFoundError:
            there = 0
        if LARGE <= there <= local.stat().st_size:
            digest = _hash_of(local, there)
            if self._hash_there(remote, there) == digest.hexdigest():
                return digest, there
        return hashlib.sha256(), 0

    def _hash_there(self, remote: bytes, size: int) -> str:
        """Of the first `size` bytes there; "" where nobody can tell, as beside an sshd that gives one session only."""
        line = f"head -c {size} < {shlex.quote(os.fsdecode(remote))} | {_HASH}"
        try:
            said = remotely.run(self._transport, line, wire=self._wire, deadline=self._deadline)
        except remotely.NoSession:
            return ""
        return said.out.partition(" ")[0] if said.exit_code == 0 else ""

    def _mode(self, remote: bytes) -> int | None:
        try:
            return self._client.lstat(remote).st_mode
        except FileNotFoundError:
            return None

    def _asked(self, verb: str, remote: bytes, do: Callable[[], _T]) -> _T:
        try:
            return do()
        except TimeoutError:
            raise
        except OSError as error:
            where = os.fsdecode(remote)
            raise BenchError(f"cannot {verb} {where!r}: {error.strerror or error}", wire=self._wire) from error

    def _still_time(self) -> None:
        self._deadline.check(self._wire, hint="what was copied so far is still there")
        self._channel.settimeout(max(self._deadline.remaining, 0.01))


def _hash_of(local: Path, size: int) -> hashlib._Hash:
    """Of the first `size` bytes."""
    digest = hashlib.sha256()
    with local.open("rb") as source:
        while size > 0 and (chunk := source.read(min(CHUNK, size))):
            digest.update(chunk)
            size -= len(chunk)
    return digest
