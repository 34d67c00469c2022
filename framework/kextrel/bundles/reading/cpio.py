"""Takes a cpio archive apart into a Tree. Source: cpio(5).

Apple's tools write the portable kind ("odc", magic 070707); others write SVR4's ("newc", 070701, and 070702 with a sum,
which is not looked at: what matters in a bundle is sealed).
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass

from kextrel.bundles.reading.refusal import Refused
from kextrel.bundles.reading.streams import Reader
from kextrel.bundles.reading.tree import Tree

__all__ = ["take_apart"]

_MAGIC = 6
_NAME_LIMIT = 4096
_TRAILER = "TRAILER!!!"
_DIGITS = {8: b"01234567", 16: b"0123456789abcdefABCDEF"}


@dataclass(frozen=True)
class _Form:
    """Where a header of `length` bytes has its numbers, on what base they are written, and to what multiple of bytes
    header and name, and contents, are filled up."""

    length: int
    base: int
    mode: slice
    links: slice
    name_size: slice
    size: slice
    multiple: int


_PORTABLE = _Form(76, 8, slice(18, 24), slice(36, 42), slice(59, 65), slice(65, 76), 1)
_SVR4 = _Form(110, 16, slice(14, 22), slice(38, 46), slice(94, 102), slice(54, 62), 4)
_FORMS = {b"070707": _PORTABLE, b"070701": _SVR4, b"070702": _SVR4}


def take_apart(chunks: Iterable[bytes], tree: Tree, prefix: str) -> None:
    """Adds what the archive holds to `tree`, under `prefix` ("" or a folder's name). Raises Refused."""
    reader, more = Reader(chunks), True
    while more:
        more = _took(tree, reader, prefix)


def _took(tree: Tree, reader: Reader, prefix: str) -> bool:
    """Takes one entry; False at the one that ends the archive."""
    magic = reader.take(_MAGIC)
    form = _FORMS.get(magic)
    if form is None:
        raise Refused(
            "its payload is no cpio archive of the kind that installers hold", "expand it on a Mac with `pkgutil`"
        )
    header = magic + reader.take(form.length - _MAGIC)
    name_size, size = (_number(header[field], form.base) for field in (form.name_size, form.size))
    if not 0 < name_size <= _NAME_LIMIT:
        raise Refused("its payload holds a name that no file can have")
    name = reader.take(name_size)[:-1].decode("utf-8", "backslashreplace")
    reader.take(-(form.length + name_size) % form.multiple)
    if name == _TRAILER:
        return False
    mode, links = (_number(header[field], form.base) for field in (form.mode, form.links))
    if form is _SVR4 and links > 1 and not size and stat.S_ISREG(mode):
        raise Refused(f"'{name}' in its payload is a hard link", "pack it anew without, or name what it installs")
    _take(tree, reader, _placed(name, prefix), mode, size)
    reader.take(-size % form.multiple)
    return True


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


def _number(field: bytes, base: int) -> int:
    if field.strip(_DIGITS[base]):  # int() would take signs, spaces and underscores too
        raise Refused("its payload is damaged: a number in it is none")
    return int(field, base)
