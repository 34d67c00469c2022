"""What a volume is made of: files, directories, links and devices, whose contents may be large and full of holes."""

from __future__ import annotations

import itertools
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Content", "Device", "Directory", "File", "Link", "Node", "Stat"]

_CHUNK = 1 << 16
_numbers = itertools.count(2)


@dataclass(frozen=True)
class Stat:
    """What stat(2) tells. `mode` has the type's bits, `mtime` is in Mac seconds, `blocks` are of 512 bytes."""

    mode: int
    uid: int
    gid: int
    size: int
    mtime: float
    ino: int
    nlink: int
    blocks: int

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)


class Content:
    """A file's bytes in chunks; a chunk that was never written, or holds only zeros, takes no room."""

    __slots__ = ("_chunks", "size")

    def __init__(self, data: bytes = b"") -> None:
        self.size = 0
        self._chunks: dict[int, bytes | bytearray] = {}
        if len(data) <= _CHUNK:
            self._chunks = {0: data} if data else {}
            self.size = len(data)
        else:
            self.write(0, data)

    @property
    def stored(self) -> int:
        """Bytes that really take room."""
        return sum(map(len, self._chunks.values()))

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes from `offset`; holes read as zeros."""
        end = min(self.size, offset + max(count, 0))
        if offset >= end:
            return b""
        pieces = [self._piece(index, offset, end) for index in range(offset // _CHUNK, (end - 1) // _CHUNK + 1)]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, index: int, start: int, end: int) -> bytes:
        low, high = max(start - index * _CHUNK, 0), min(end - index * _CHUNK, _CHUNK)
        return bytes(self._chunks.get(index, b"")[low:high]).ljust(high - low, b"\0")

    def write(self, offset: int, data: bytes) -> None:
        """Puts `data` at `offset`; a gap before it becomes a hole."""
        view = memoryview(data)
        position = offset
        while view:
            index, low = divmod(position, _CHUNK)
            part, view = view[: _CHUNK - low], view[_CHUNK - low :]
            self._put(index, low, bytes(part))
            position += len(part)
        self.size = max(self.size, offset + len(data))

    def _put(self, index: int, low: int, part: bytes) -> None:
        old = self._chunks.get(index)
        if old is None and not part.strip(b"\0"):
            return
        chunk = old if isinstance(old, bytearray) else bytearray(old or b"")
        chunk.extend(bytes(max(low - len(chunk), 0)))
        chunk[low : low + len(part)] = part
        self._chunks[index] = chunk

    def truncate(self, size: int) -> None:
        """Cuts to `size`, or grows with a hole."""
        last, keep = divmod(size, _CHUNK)
        for index in [index for index in self._chunks if index > last or (index == last and not keep)]:
            del self._chunks[index]
        if last in self._chunks:
            self._chunks[last] = bytearray(self._chunks[last][:keep])
        self.size = size


class Node:
    """One inode. `mode` is the permission bits alone."""

    __slots__ = ("gid", "ino", "links", "mode", "mtime", "uid")
    kind = 0

    def __init__(self, mode: int, uid: int = 0, gid: int = 0, mtime: float = 0.0) -> None:
        self.mode, self.uid, self.gid, self.mtime = mode, uid, gid, mtime
        self.ino = next(_numbers)
        self.links = 1

    @property
    def size(self) -> int:
        return 0

    @property
    def stored(self) -> int:
        """Bytes that take room on the disk."""
        return self.size

    def stat(self) -> Stat:
        """What stat(2) tells of it now."""
        blocks = (self.stored + 511) // 512
        return Stat(self.kind | self.mode, self.uid, self.gid, self.size, self.mtime, self.ino, self.links, blocks)


class File(Node):
    __slots__ = ("content",)
    kind = stat.S_IFREG

    def __init__(self, mode: int, uid: int = 0, gid: int = 0, mtime: float = 0.0, data: bytes = b"") -> None:
        super().__init__(mode, uid, gid, mtime)
        self.content = Content(data)

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def stored(self) -> int:
        return self.content.stored


class Directory(Node):
    __slots__ = ("entries",)
    kind = stat.S_IFDIR

    def __init__(self, mode: int, uid: int = 0, gid: int = 0, mtime: float = 0.0) -> None:
        super().__init__(mode, uid, gid, mtime)
        self.entries: dict[str, Node] = {}

    @property
    def size(self) -> int:
        return 32 * (len(self.entries) + 2)

    @property
    def stored(self) -> int:
        return 0

    def stat(self) -> Stat:
        """A directory's link count is its entries and two, as on APFS."""
        self.links = len(self.entries) + 2
        return super().stat()


class Link(Node):
    __slots__ = ("target",)
    kind = stat.S_IFLNK

    def __init__(self, target: str, uid: int = 0, gid: int = 0, mtime: float = 0.0) -> None:
        super().__init__(0o755, uid, gid, mtime)
        self.target = target

    @property
    def size(self) -> int:
        return len(self.target.encode())


class Device(Node):
    """A character device: `opener(who)` makes what an open of it gives to that process (an OpenFile)."""

    __slots__ = ("opener",)
    kind = stat.S_IFCHR

    def __init__(self, mode: int, opener: Callable[[Any], Any], uid: int = 0, gid: int = 0) -> None:
        super().__init__(mode, uid, gid)
        self.opener = opener
