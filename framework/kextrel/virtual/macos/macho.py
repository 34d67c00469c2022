"""Reads the Mach-O of a kext: its slices, their segments, UUID, imports, the code signature. Every read is bounded.

Sources: <mach-o/fat.h>, <mach-o/loader.h>, <mach-o/nlist.h>, <mach/machine.h>.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["EXECUTABLE", "KEXT_BUNDLE", "BadMachO", "Slice", "for_machine", "slices"]

EXECUTABLE, KEXT_BUNDLE = 2, 11

_FAT_MAGIC, _FAT_MAGIC_64 = 0xCAFEBABE, 0xCAFEBABF
_MAGIC_64 = b"\xcf\xfa\xed\xfe"
_LC_SYMTAB, _LC_SEGMENT_64, _LC_UUID, _LC_CODE_SIGNATURE = 0x2, 0x19, 0x1B, 0x1D
_LC_LOAD_DYLIB, _LC_LOAD_WEAK_DYLIB = 0xC, 0x80000018
_HEADER = struct.Struct("<4s7I")
_SEGMENT = struct.Struct("<2I16s4Q4I")
_SYMBOL = struct.Struct("<IBBHQ")
_N_EXT, _N_TYPE_OR_STAB, _N_WEAK_REF = 0x01, 0xEE, 0x40
_SUBTYPE_MASK = 0x00FFFFFF
_MAX_SLICES, _MAX_COMMANDS, _MAX_SYMBOLS, _MAX_NAME = 16, 1024, 1 << 18, 4096
_NAMES = {(0x0100000C, 0): "arm64", (0x0100000C, 1): "arm64", (0x0100000C, 2): "arm64e", (0x01000007, 3): "x86_64"}


class BadMachO(ValueError):
    """Not a Mach-O that a 64-bit Mac reads; `str()` says what is wrong with it."""


@dataclass(frozen=True)
class Slice:
    """One architecture of a file: `content` is the thin Mach-O, `signature` the bytes that LC_CODE_SIGNATURE names,
    `libraries` the paths of the dynamic libraries that it is linked against, `undefined` the symbols that somebody else
    must have for it ("_printf")."""

    architecture: str
    filetype: int
    content: bytes
    uuid: str
    segments: tuple[tuple[str, int], ...]
    signature: bytes | None
    signature_offset: int
    libraries: tuple[str, ...] = ()
    undefined: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """Bytes of memory that its segments take, __LINKEDIT left out: a kernel drops that after linking."""
        return sum(size for name, size in self.segments if name != "__LINKEDIT")


def slices(data: bytes) -> tuple[Slice, ...]:
    """Every slice of a thin or universal file, in its order. Raises BadMachO."""
    try:
        return tuple(_thin(part) for part in _parts(data))
    except struct.error as error:
        raise BadMachO("the file is shorter than its headers say") from error


def for_machine(found: tuple[Slice, ...], architecture: str) -> Slice | None:
    """The slice that a kernel of "arm64e" or "x86_64" takes: exactly its own, for nothing translates a kext."""
    return next((one for one in found if one.architecture == architecture), None)


def _parts(data: bytes) -> list[bytes]:
    if len(data) < 8:
        raise BadMachO("the file is too short for a Mach-O header")
    magic, count = struct.unpack_from(">2I", data)
    if magic not in (_FAT_MAGIC, _FAT_MAGIC_64):
        return [data]
    if not 1 <= count <= _MAX_SLICES:
        raise BadMachO(f"a universal file of {count} slices")
    entry = struct.Struct(">5I" if magic == _FAT_MAGIC else ">2I2Q2I")
    found = []
    for index in range(count):
        _, _, offset, size, *_ = entry.unpack_from(data, 8 + index * entry.size)
        found.append(_within(data, offset, size, "slice"))
    return found


def _within(data: bytes, offset: int, size: int, what: str) -> bytes:
    if offset + size > len(data):
        raise BadMachO(f"a {what} that ends at {offset + size}, behind the end of the file at {len(data)}")
    return data[offset : offset + size]


def _thin(data: bytes) -> Slice:
    magic, cpu, subtype, filetype, count, size, _, _ = _HEADER.unpack_from(data)
    if magic != _MAGIC_64:
        raise BadMachO(f"no 64-bit little-endian Mach-O: it starts with {data[:4].hex()}")
    if count > _MAX_COMMANDS:
        raise BadMachO(f"{count} load commands")
    commands = _commands(_within(data, _HEADER.size, size, "load command area"), count)
    name = _NAMES.get((cpu, subtype & _SUBTYPE_MASK), f"cpu {cpu:#x} {subtype & _SUBTYPE_MASK}")
    place = next((struct.unpack_from("<2I", body, 8) for kind, body in commands if kind == _LC_CODE_SIGNATURE), None)
    symbols = next((body for kind, body in commands if kind == _LC_SYMTAB), None)
    return Slice(
        architecture=name,
        filetype=filetype,
        content=data,
        uuid=next((_uuid(body) for kind, body in commands if kind == _LC_UUID), ""),
        segments=tuple(_segment(body) for kind, body in commands if kind == _LC_SEGMENT_64),
        signature=_within(data, place[0], place[1], "code signature") if place else None,
        signature_offset=place[0] if place else len(data),
        libraries=tuple(_library(body) for kind, body in commands if kind in (_LC_LOAD_DYLIB, _LC_LOAD_WEAK_DYLIB)),
        undefined=frozenset(_undefined(data, symbols) if symbols is not None else ()),
    )


def _commands(area: bytes, count: int) -> list[tuple[int, bytes]]:
    found, at = [], 0
    for _ in range(count):
        kind, size = struct.unpack_from("<2I", area, at)
        if size < 8:
            raise BadMachO(f"a load command of {size} bytes")
        found.append((kind, _within(area, at, size, "load command")))
        at += size
    return found


def _uuid(command: bytes) -> str:
    if len(command) < 24:
        raise BadMachO("an LC_UUID without its UUID")
    return str(uuid.UUID(bytes=command[8:24])).upper()


def _segment(command: bytes) -> tuple[str, int]:
    _, _, name, _, memory, *_ = _SEGMENT.unpack_from(command)
    return name.rstrip(b"\0").decode("ascii", "replace"), memory


def _library(command: bytes) -> str:
    (start,) = struct.unpack_from("<I", command, 8)
    return command[start:].split(b"\0", 1)[0].decode("utf-8", "replace")


def _undefined(data: bytes, command: bytes) -> Iterator[str]:
    """The external symbols that the slice does not define; one that may be missing (a weak reference) is left out."""
    at, count, names, size = struct.unpack_from("<4I", command, 8)
    if count > _MAX_SYMBOLS:
        raise BadMachO(f"a symbol table of {count} entries")
    strings = _within(data, names, size, "string table")
    for name, kind, _, how, value in _SYMBOL.iter_unpack(_within(data, at, count * _SYMBOL.size, "symbol table")):
        if kind & _N_EXT and not kind & _N_TYPE_OR_STAB and not how & _N_WEAK_REF and not value:
            yield strings[name : name + _MAX_NAME].split(b"\0", 1)[0].decode("utf-8", "replace")
