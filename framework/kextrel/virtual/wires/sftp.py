"""SFTP and scp onto a virtual Mac's file system, as the user who is logged in."""

from __future__ import annotations

import errno
import posixpath
import stat
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncssh

from kextrel.virtual.unix.files import FileHandle
from kextrel.virtual.unix.fs import FileSystem, failure
from kextrel.virtual.unix.nodes import Stat
from kextrel.virtual.unix.system import System
from kextrel.virtual.unix.tools.modes import shown_mode

__all__ = ["VirtualSftp"]

_HALF_A_YEAR = 182 * 86400
_KINDS = {
    stat.S_IFREG: asyncssh.FILEXFER_TYPE_REGULAR,
    stat.S_IFDIR: asyncssh.FILEXFER_TYPE_DIRECTORY,
    stat.S_IFLNK: asyncssh.FILEXFER_TYPE_SYMLINK,
}


def _attrs(found: Stat) -> asyncssh.SFTPAttrs:
    moment = int(found.mtime)
    kind = _KINDS.get(stat.S_IFMT(found.mode), asyncssh.FILEXFER_TYPE_SPECIAL)
    return asyncssh.SFTPAttrs(
        type=kind,
        size=found.size,
        uid=found.uid,
        gid=found.gid,
        permissions=found.mode,
        atime=moment,
        mtime=moment,
        nlink=found.nlink,
    )


class VirtualSftp(asyncssh.SFTPServer):
    """One SFTP session. Paths come from `files`, a view that begins in the user's home."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], system: System, files: FileSystem) -> None:
        super().__init__(chan)
        self._system, self._fs = system, files

    # -- what it shows

    def format_user(self, uid: int | None) -> str:
        """A user's name for a long listing."""
        user = self._system.users.by_uid(uid) if uid is not None else None
        return user.name if user else str(uid)

    def format_group(self, gid: int | None) -> str:
        """A group's name for a long listing."""
        return self._system.users.group_name(gid) if gid is not None else ""

    def format_longname(self, name: asyncssh.SFTPName) -> None:
        """A row as `ls -l` has it, by this Mac's clock."""
        attrs = name.attrs
        mtime = float(attrs.mtime or 0)
        recent = abs(self._system.clock.now() - mtime) < _HALF_A_YEAR
        when = time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", time.gmtime(mtime))
        people = f"{self.format_user(attrs.uid):8} {self.format_group(attrs.gid):8}"
        row = f"{shown_mode(attrs.permissions or 0)} {attrs.nlink or 1:4} {people} {attrs.size or 0:8} {when} "
        filename = name.filename if isinstance(name.filename, bytes) else name.filename.encode()
        name.longname = row.encode() + filename

    # -- files

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Opens or makes a regular file."""
        text = _text(path)
        makes, empties = bool(pflags & asyncssh.FXF_CREAT), bool(pflags & asyncssh.FXF_TRUNC)
        if not makes:
            self._fs.node(text)
        mode = (attrs.permissions or 0o666) & 0o7777
        writes = pflags & (asyncssh.FXF_WRITE | asyncssh.FXF_APPEND)
        how = "r" if not writes else "a" if pflags & asyncssh.FXF_APPEND else "w" if empties else "w+"
        return self._fs.open(text, how, mode=mode, exclusive=bool(pflags & asyncssh.FXF_EXCL))

    def close(self, file_obj: object) -> None:
        """Closes what `open` gave."""
        _handle(file_obj).close()

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`."""
        return _handle(file_obj).read_at(offset, size)

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Puts bytes at `offset`."""
        _handle(file_obj).write_at(offset, data)
        return len(data)

    # -- attributes

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """stat(2)."""
        return _attrs(self._fs.stat(_text(path)))

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """lstat(2)."""
        return _attrs(self._fs.stat(_text(path), follow=False))

    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        """fstat(2)."""
        return _attrs(_handle(file_obj).node.stat())

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Size, mode, owner and time: those that are given."""
        self._change(_text(path), attrs, follow=True)

    def lsetstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """As `setstat`, on a link itself."""
        self._change(_text(path), attrs, follow=False)

    def _change(self, path: str, attrs: asyncssh.SFTPAttrs, *, follow: bool) -> None:
        if attrs.size is not None:
            self._fs.truncate(path, attrs.size)
        if attrs.permissions is not None:
            self._fs.chmod(path, attrs.permissions, follow=follow)
        if attrs.uid is not None or attrs.gid is not None:
            self._fs.chown(path, attrs.uid, attrs.gid, follow=follow)
        if attrs.mtime is not None and follow:
            self._fs.utime(path, float(attrs.mtime))

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        """Size, mode and time of an open file; its owner stays."""
        handle = _handle(file_obj)
        if attrs.size is not None:
            handle.write_at(0, b"")
            handle.node.content.truncate(attrs.size)
        if attrs.permissions is not None:
            if self._fs.cred.uid not in (0, handle.node.uid):
                raise failure(errno.EPERM, "")
            handle.node.mode = attrs.permissions & 0o7777
        if attrs.mtime is not None:
            handle.node.mtime = float(attrs.mtime)

    def statvfs(self, path: bytes) -> asyncssh.SFTPVFSAttrs:
        """A disk of 460 GB, half empty."""
        self._fs.node(_text(path))
        blocks, free = 120_699_413, 60_349_706
        return asyncssh.SFTPVFSAttrs(
            bsize=4096,
            frsize=4096,
            blocks=blocks,
            bfree=free,
            bavail=free,
            files=4_000_000_000,
            ffree=3_999_000_000,
            namemax=255,
        )

    # -- the tree

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        """The entries of a directory, with "." and ".."."""
        folder = _text(path)
        for name in (".", "..", *self._fs.listdir(folder)):
            found = self._fs.stat(posixpath.join(folder, name), follow=False)
            yield asyncssh.SFTPName(name.encode(errors="surrogateescape"), attrs=_attrs(found))

    def remove(self, path: bytes) -> None:
        """unlink(2)."""
        self._fs.unlink(_text(path))

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """mkdir(2), with the mode that is asked for."""
        self._fs.mkdir(_text(path), mode=(attrs.permissions or 0o777) & 0o7777)

    def rmdir(self, path: bytes) -> None:
        """rmdir(2)."""
        self._fs.rmdir(_text(path))

    def realpath(self, path: bytes) -> bytes:
        """The absolute path without links; the last name may be missing."""
        return self._fs.real(_text(path)).encode(errors="surrogateescape")

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """SFTP's rename, which never replaces."""
        if self._fs.place(_text(newpath), follow=False).node is not None:
            raise failure(errno.EEXIST, _text(newpath))
        self._fs.rename(_text(oldpath), _text(newpath))

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """rename(2), which replaces."""
        self._fs.rename(_text(oldpath), _text(newpath))

    def readlink(self, path: bytes) -> bytes:
        """readlink(2)."""
        return self._fs.readlink(_text(path)).encode(errors="surrogateescape")

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """symlink(2): `newpath` says `oldpath`."""
        self._fs.symlink(_text(oldpath), _text(newpath))

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        """link(2)."""
        self._fs.link(_text(oldpath), _text(newpath))

    def exit(self) -> None:
        """The session is over, and well: scp asks for the exit code."""
        if self.channel.get_subsystem() == "sftp":
            self.channel.exit(0)


def _text(path: bytes) -> str:
    return path.decode(errors="surrogateescape") or "."


def _handle(file_obj: Any) -> FileHandle:
    if not isinstance(file_obj, FileHandle):
        raise failure(errno.EINVAL, "")
    return file_obj
