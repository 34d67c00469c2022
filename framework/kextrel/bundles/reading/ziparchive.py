"""Takes a .zip apart into a Tree, as the Finder and ditto(1) make them. Source: PKWARE's APPNOTE 6.3."""

from __future__ import annotations

import lzma
import posixpath
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from kextrel.bundles.reading.refusal import Refused
from kextrel.bundles.reading.tree import Budget, Tree

__all__ = ["unzip"]

_DIRECTORY_LIMIT = 32 << 20  # bytes of the directory at the end, which is read whole
_LINK_LIMIT = 1024
_CHUNK = 1 << 16
_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENCRYPTED = 0x1
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError, struct.error)


def unzip(path: Path, budget: Budget, store: Path) -> Tree:
    """What the archive holds, without the Finder's own __MACOSX. Raises Refused."""
    tree = Tree(budget, store)
    try:
        with path.open("rb") as file:
            _refuse_vast_directory(file)
            with zipfile.ZipFile(file) as archive:
                budget.refuse(sum(entry.file_size for entry in archive.infolist()))
                for entry in archive.infolist():
                    _take(tree, archive, entry)
    except _DAMAGED as error:
        raise Refused(f"it is a damaged archive: {error}") from error
    return tree


def _take(tree: Tree, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if name.split("/")[0] == "__MACOSX" or posixpath.basename(name) == ".DS_Store":
        return
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.flag_bits & _ENCRYPTED:
        raise Refused(f"'{name}' in it is encrypted", "unpack it yourself and name the bundle in it")
    if name.endswith("/"):
        tree.add_folder(name)
    elif kind == stat.S_IFLNK:
        tree.add_link(name, _target(archive, entry))
    elif kind in (0, stat.S_IFREG):
        tree.add_file(name, _content(archive, entry))
    else:
        raise Refused(f"'{name}' in it is a device, a pipe or a socket")


def _target(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    with archive.open(entry) as file:
        return file.read(_LINK_LIMIT).decode("utf-8", "backslashreplace")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(entry) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _refuse_vast_directory(file: BinaryIO) -> None:
    """zipfile reads the directory whole, so its size is looked at first, wherever it is written."""
    end = file.seek(0, 2)
    start = max(0, end - 65536 - 22 - 20 - 56)
    file.seek(start)
    tail = file.read()
    sizes = []
    if (at := tail.rfind(_END)) >= 0 and len(tail) >= at + 16:
        sizes.append(struct.unpack_from("<I", tail, at + 12)[0])
    if (at := tail.rfind(_LOCATOR_64)) >= 0 and len(tail) >= at + 16:
        sizes = [_size_64(file, struct.unpack_from("<Q", tail, at + 8)[0], end)]
    if any(size > min(_DIRECTORY_LIMIT, end) for size in sizes):
        raise Refused("its directory is larger than a bundle's can be")
    file.seek(0)


def _size_64(file: BinaryIO, at: int, end: int) -> int:
    """The directory's size as the record for large archives says it."""
    if at > end - 56:
        raise Refused("it is a damaged archive: its directory is not where it says")
    file.seek(at)
    record = file.read(56)
    return int(struct.unpack_from("<Q", record, 40)[0]) if record[:4] == _END_64 else 0
