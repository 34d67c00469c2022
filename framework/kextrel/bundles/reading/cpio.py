"""Takes a cpio archive of the portable kind ("odc", magic 070707) apart into a Tree. Source: cpio(5)."""

from __future__ import annotations

import stat
from collections.abc import Iterable

from kextrel.bundles.reading.refusal import Refused
from kextrel.bundles.reading.streams import Reader
from kextrel.bundles.reading.tree import Tree

__all__ = ["take_apart"]

_MAGIC, _HEADER = b"070707", 76
_MODE, _NAME_SIZE, _SIZE = slice(18, 24), slice(59, 65), slice(65, 76)
_NAME_LIMIT = 4096
_TRAILER = "TRAILER!!!"


def take_apart(chunks: Iterable[bytes], tree: Tree, prefix: str) -> None:
    """Adds what the archive holds to `tree`, under `prefix` ("" or a folder's name). Raises Refused."""
    reader = Reader(chunks)
    while True:
        header = reader.take(_HEADER)
        if header[:6] != _MAGIC:
            raise Refused(
                "its payload is no cpio archive of the kind that installers hold", "expand it on a Mac with `pkgutil`"
            )
        mode, name_size, size = (_octal(header[field]) for field in (_MODE, _NAME_SIZE, _SIZE))
        if not 0 < name_size <= _NAME_LIMIT:
            raise Refused("its payload holds a name that no file can have")
        name = reader.take(name_size)[:-1].decode("utf-8", "backslashreplace")
        if name == _TRAILER:
            return
        _take(tree, reader, _placed(name, prefix), mode, size)


def _take(tree: Tree, reader: Reader, name: str, mode: int, size: int) -> None:
    if stat.S_ISDIR(mode):
        tree.add_folder(name)
    elif stat.S_ISREG(mode):
        tree.add_file(name, reader.pieces(size))
    elif stat.S_ISLNK(mode) and size <= _NAME_LIMIT:
        tree.add_link(name, reader.take(size).decode("utf-8", "backslashreplace"))
    else:
        raise Refused(f"'{name}' in its payload is a device, a pipe or a socket")


def _placed(name: str, prefix: str) -> str:
    """Absolute names are left as they are: the tree refuses them."""
    return name if name.startswith("/") or not prefix else f"{prefix}/{name}"


def _octal(field: bytes) -> int:
    try:
        return int(field, 8)
    except ValueError as error:
        raise Refused("its payload is damaged: a number in it is none") from error
