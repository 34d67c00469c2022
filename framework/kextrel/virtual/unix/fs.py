"""The file system of one Mac, as somebody sees it.

A FileSystem is a view: a mount table seen with somebody's credentials from some directory. `Machine.disk` is the
kernel's view, which nothing is refused; `proc.fs` is the process's own. Errors are OSError with the usual numbers.
"""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Callable, Iterator

from kextrel.virtual.unix.files import FileHandle, OpenFile
from kextrel.virtual.unix.nodes import Device, Directory, File, Link, Node, Stat
from kextrel.virtual.unix.volumes import (
    KERNEL,
    NO_GUARDS,
    Cred,
    Guards,
    Mounts,
    Place,
    Volume,
    failure,
    refuse_writing,
    walk,
)

__all__ = ["KERNEL", "NO_GUARDS", "Cred", "FileSystem", "Guards", "Stat", "Volume", "failure"]


class FileSystem:
    """A view of a Mac's files. Paths are text, absolute or from `cwd`; times are this Mac's seconds."""

    def __init__(self, mounts: Mounts, cred: Cred = KERNEL, *, cwd: str = "/", umask: int = 0o022) -> None:
        self.mounts, self.cred, self.cwd, self.umask = mounts, cred, cwd, umask

    @classmethod
    def on(cls, volume: Volume, now: Callable[[], float], *, sip: bool = True) -> FileSystem:
        """The kernel's view of a tree whose root is `volume`."""
        return cls(Mounts(volume, now, sip))

    def seen_by(self, cred: Cred, *, cwd: str = "/", umask: int = 0o022) -> FileSystem:
        """The same tree with other eyes."""
        return FileSystem(self.mounts, cred, cwd=cwd, umask=umask)

    def mount(self, volume: Volume, path: str) -> None:
        """Covers the directory at `path` with `volume` until this mount table is forgotten."""
        self.mounts.covered[self._directory(path).ino] = volume

    # -- looking

    def absolute(self, path: str) -> str:
        """`path` from `cwd`, with no "." and "//" but with ".." as it stands (a link may be before it)."""
        whole = path if path.startswith("/") else f"{self.cwd.rstrip('/')}/{path}"
        slash = "/" if path.endswith(("/", "/.")) else ""
        return "/" + "/".join(name for name in whole.split("/") if name not in ("", ".")) + slash if path else ""

    def place(self, path: str, *, follow: bool = True) -> Place:
        """Where `path` leads; its `node` is None when only the last name is missing."""
        whole = path if path.startswith("/") or not path else f"{self.cwd}/{path}"
        return walk(self.mounts, self.cred, whole, path, follow=follow)

    def node(self, path: str, *, follow: bool = True) -> Node:
        """The inode at `path`, or ENOENT."""
        node = self.place(path, follow=follow).node
        if node is None:
            raise failure(errno.ENOENT, path)
        if path.endswith("/") and not isinstance(node, Directory):
            raise failure(errno.ENOTDIR, path)
        return node

    def real(self, path: str) -> str:
        """The absolute path without links; the last name may be missing."""
        return self.place(path).path

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        """stat(2), or lstat(2) with `follow=False`."""
        return self.node(path, follow=follow).stat()

    def exists(self, path: str) -> bool:
        """Whether stat would answer."""
        return self._found(path) is not None

    def is_dir(self, path: str) -> bool:
        """Whether it is there and a directory."""
        return isinstance(self._found(path), Directory)

    def is_file(self, path: str) -> bool:
        """Whether it is there and a regular file."""
        return isinstance(self._found(path), File)

    def runs(self, path: str) -> bool:
        """Whether it is a regular file that may be executed, found by one walk."""
        node = self._found(path)
        return isinstance(node, File) and (self.cred.kernel or self.cred.may(node, 1))

    def _found(self, path: str) -> Node | None:
        try:
            return self.node(path)
        except OSError:
            return None

    def may(self, path: str, wanted: int) -> bool:
        """access(2): read 4, write 2, execute 1."""
        try:
            place = self.place(path)
            if place.node is None:
                return False
            if wanted & 2:
                refuse_writing(self.mounts, self.cred, place, path)
        except OSError:
            return False
        return self.cred.kernel or all(self.cred.may(place.node, bit) for bit in (4, 2, 1) if wanted & bit)

    def listdir(self, path: str = ".") -> list[str]:
        """The names in a directory, sorted, without "." and ".."."""
        folder = self._directory(path)
        self._need(folder, 4, path)
        return sorted(folder.entries)

    def readlink(self, path: str) -> str:
        """A symbolic link's target; EINVAL for anything else."""
        node = self.node(path, follow=False)
        if not isinstance(node, Link):
            raise failure(errno.EINVAL, path)
        return node.target

    def walk(self, path: str) -> Iterator[str]:
        """`path` and all below it, parents before children; links are not followed."""
        yield path
        if isinstance(self.node(path, follow=False), Directory):
            for name in self.listdir(path):
                yield from self.walk(posixpath.join(path, name))

    # -- contents

    def read_bytes(self, path: str) -> bytes:
        """The whole of a regular file."""
        node = self._file(path)
        self._need(node, 4, path)
        return node.content.read(0, node.size)

    def read_text(self, path: str) -> str:
        """The whole of a regular file as UTF-8; other bytes become U+FFFD."""
        return self.read_bytes(path).decode(errors="replace")

    def write_bytes(self, path: str, data: bytes, *, mode: int = 0o666) -> None:
        """Makes the file (with `mode` less the umask) or replaces what is in it."""
        with_handle = self.open(path, "w", mode=mode)
        assert isinstance(with_handle, FileHandle)
        with_handle.write_at(0, data)
        with_handle.close()

    def open(self, path: str, how: str = "r", *, mode: int = 0o666, exclusive: bool = False) -> OpenFile:
        """`how`: "r", "w" (made, emptied), "a" (made, appended to), "r+" (there, both), "w+" (made, both, not emptied).

        A device gives its own kind of OpenFile (those that need a process, as /dev/tty, are opened by `proc.open`).
        """
        place = self.place(path)
        if place.node is None:
            return self._handle(self._create(place, path, how, mode), how)
        if exclusive and how != "r":
            raise failure(errno.EEXIST, path)
        if isinstance(place.node, Directory):
            raise failure(errno.EISDIR, path)
        if how != "r" and not isinstance(place.node, Device):
            refuse_writing(self.mounts, self.cred, place, path)
        for letter, bit in (("r", 4), ("w", 2), ("a", 2), ("+", 6)):
            if letter in how:
                self._need(place.node, bit, path)
        return self._handle(place.node, how)

    def _create(self, place: Place, path: str, how: str, mode: int) -> Node:
        if how in ("r", "r+"):
            raise failure(errno.ENOENT, path)
        return self._add(place, File(mode & ~self.umask, self.cred.uid, place.parent.gid, self.mounts.now()), path)

    def _handle(self, node: Node, how: str) -> OpenFile:
        if isinstance(node, Device):
            opened: OpenFile = node.opener(None)
            return opened
        assert isinstance(node, File)
        if how == "w":
            node.content.truncate(0)
            node.mtime = self.mounts.now()
        return FileHandle(
            node, self.mounts.now, append=how == "a", readable=how in ("r", "r+", "w+"), writable=how != "r"
        )

    # -- changing the tree

    def mkdir(self, path: str, *, mode: int = 0o777, parents: bool = False) -> None:
        """Makes a directory; with `parents` what is missing above it too, and it may be there already."""
        if parents and self.is_dir(path):
            return
        above = posixpath.dirname(path.rstrip("/"))
        if parents and above not in ("", "/"):
            self.mkdir(above, parents=True)
        place = self.place(path.rstrip("/") or "/", follow=False)
        self._add(place, Directory(mode & ~self.umask, self.cred.uid, place.parent.gid, self.mounts.now()), path)

    def symlink(self, target: str, path: str) -> None:
        """Makes a symbolic link at `path` that says `target`."""
        place = self.place(path, follow=False)
        self._add(place, Link(target, self.cred.uid, place.parent.gid, self.mounts.now()), path)

    def link(self, path: str, new: str) -> None:
        """A second name for a file (not for a directory)."""
        node = self.node(path, follow=False)
        if isinstance(node, Directory):
            raise failure(errno.EPERM, path)
        self._add(self.place(new, follow=False), node, new)
        node.links += 1

    def device(self, path: str, device: Device) -> None:
        """Puts a device node at `path`."""
        self._add(self.place(path, follow=False), device, path)

    def unlink(self, path: str) -> None:
        """Takes a name away; a directory is EPERM, as on Darwin."""
        place = self._removable(path)
        if isinstance(place.node, Directory):
            raise failure(errno.EPERM, path)
        assert place.node is not None
        place.node.links -= 1
        self._drop(place)

    def rmdir(self, path: str) -> None:
        """Takes an empty directory away."""
        place = self._removable(path.rstrip("/"))
        if not isinstance(place.node, Directory):
            raise failure(errno.ENOTDIR, path)
        if place.node.entries:
            raise failure(errno.ENOTEMPTY, path)
        self._drop(place)

    def remove_tree(self, path: str) -> None:
        """Takes away `path` and all below it."""
        if isinstance(self.node(path, follow=False), Directory):
            for name in self.listdir(path):
                self.remove_tree(posixpath.join(path, name))
            self.rmdir(path)
        else:
            self.unlink(path)

    def rename(self, old: str, new: str) -> None:
        """rename(2): replaces a file, or an empty directory by a directory."""
        source, target = self._removable(old.rstrip("/")), self.place(new.rstrip("/"), follow=False)
        node = source.node
        assert node is not None
        if source.volume is not target.volume:
            raise failure(errno.EXDEV, old)
        if (
            isinstance(node, Directory)
            and (target.path + "/").startswith(source.path + "/")
            and target.path != source.path
        ):
            raise failure(errno.EINVAL, old)
        if target.node is node:
            return
        self._make_way(target, node, new)
        self._may_change(target, new)
        self._drop(source)
        target.parent.entries[target.name] = node

    def _make_way(self, target: Place, node: Node, said: str) -> None:
        if isinstance(target.node, Directory):
            if not isinstance(node, Directory):
                raise failure(errno.EISDIR, said)
            self.rmdir(said)
        elif target.node is not None:
            if isinstance(node, Directory):
                raise failure(errno.ENOTDIR, said)
            self.unlink(said)

    # -- changing inodes

    def chmod(self, path: str, mode: int, *, follow: bool = True) -> None:
        """The owner or root only."""
        node = self._owned(path, follow=follow)
        node.mode = mode & 0o7777

    def chown(self, path: str, uid: int | None, gid: int | None, *, follow: bool = True) -> None:
        """Root only, save that an owner may give the file to a group of their own. None keeps."""
        node = self._owned(path, follow=follow)
        mine = gid is None or gid in (self.cred.gid, *self.cred.groups)
        if self.cred.uid != 0 and (uid not in (None, node.uid) or not mine):
            raise failure(errno.EPERM, path)
        node.uid, node.gid = node.uid if uid is None else uid, node.gid if gid is None else gid

    def utime(self, path: str, mtime: float) -> None:
        """Sets the time of the last change."""
        self._owned(path).mtime = mtime

    def truncate(self, path: str, size: int) -> None:
        """Cuts a file to `size` bytes, or grows it with a hole."""
        refuse_writing(self.mounts, self.cred, self.place(path), path)
        node = self._file(path)
        self._need(node, 2, path)
        node.content.truncate(size)
        node.mtime = self.mounts.now()

    # -- inside

    def _directory(self, path: str) -> Directory:
        node = self.node(path)
        if not isinstance(node, Directory):
            raise failure(errno.ENOTDIR, path)
        return node

    def _file(self, path: str) -> File:
        node = self.node(path)
        if isinstance(node, File):
            return node
        raise failure(errno.EISDIR if isinstance(node, Directory) else errno.EINVAL, path)

    def _need(self, node: Node, wanted: int, said: str) -> None:
        if not self.cred.kernel and not self.cred.may(node, wanted):
            raise failure(errno.EACCES, said)

    def _owned(self, path: str, *, follow: bool = True) -> Node:
        place = self.place(path, follow=follow)
        if place.node is None:
            raise failure(errno.ENOENT, path)
        refuse_writing(self.mounts, self.cred, place, path)
        if self.cred.uid not in (0, place.node.uid):
            raise failure(errno.EPERM, path)
        return place.node

    def _may_change(self, place: Place, said: str) -> None:
        refuse_writing(self.mounts, self.cred, place, said)
        self._need(place.parent, 3, said)

    def _add(self, place: Place, node: Node, said: str) -> Node:
        if place.node is not None:
            raise failure(errno.EEXIST, said)
        self._may_change(place, said)
        place.parent.entries[place.name] = node
        place.parent.mtime = self.mounts.now()
        return node

    def _removable(self, path: str) -> Place:
        place = self.place(path, follow=False)
        if place.node is None:
            raise failure(errno.ENOENT, path)
        if not place.inside:
            raise failure(errno.EBUSY, path)
        self._may_change(place, path)
        sticky = place.parent.mode & 0o1000 and self.cred.uid not in (0, place.parent.uid, place.node.uid)
        if sticky and not self.cred.kernel:
            raise failure(errno.EPERM, path)
        return place

    def _drop(self, place: Place) -> None:
        del place.parent.entries[place.name]
        place.parent.mtime = self.mounts.now()
