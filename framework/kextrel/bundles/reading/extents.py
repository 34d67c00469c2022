"""What the load commands of a slice point to: that all of it is there, and none of it is pointed to again and again.

Whoever reads a Mach-O copies what a command points to, so a file of some kilobytes whose commands all point to the same
part of it would fill any memory. A linker lays parts side by side: together they are no more than the file.
Source: <mach-o/loader.h>, <mach-o/reloc.h>.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence

from kextrel.bundles.reading.refusal import Refused

__all__ = ["CUT", "SYMTAB", "refuse_bad_extents"]

CUT = "its executable is cut off"
SYMTAB = 0x2
_SEGMENT, _SEGMENT_64, _DYSYMTAB, _NOTE, _FILESET_ENTRY = 0x1, 0x19, 0xB, 0x31, 0x80000035
_DYLD_INFO = (0x22, 0x80000022)
_LINKEDIT = (0x1D, 0x1E, 0x26, 0x29, 0x2B, 0x2E, 0x80000033, 0x80000034)  # linkedit_data_command
_SMALLEST = {_SEGMENT: 56, _SEGMENT_64: 72, SYMTAB: 24, _DYSYMTAB: 80, _NOTE: 40}
_SMALLEST |= dict.fromkeys(_DYLD_INFO, 48) | dict.fromkeys(_LINKEDIT, 16)
_RELOCATION = 8
_MOST_SYMBOLS = _MOST_RELOCATIONS = 2_000_000
_NO_LINKER = "which no linker makes"

Command = tuple[int, int, int]  # kind, offset, size
Extent = tuple[str, int, int]  # what it is a part of, offset, size


def refuse_bad_extents(raw: bytes, order: str, bits: int, commands: Sequence[Command]) -> None:
    """Raises Refused for a part that lies beyond the end of `raw`, and for parts that are more than it together."""
    sums: Counter[str] = Counter()
    for kind, at, length in commands:
        if length < _SMALLEST.get(kind, 0):
            raise Refused("its executable has load commands that are too short")
        if kind == _FILESET_ENTRY:
            raise Refused("its executable is a collection of others, and no executable of a bundle")
        for what, offset, size in _extents(raw, order, bits, kind, at, length):
            if size and offset + size > len(raw):
                raise Refused(f"{CUT}: what a load command points to lies beyond its end")
            sums[what] += size
    if any(total > len(raw) for total in sums.values()):
        raise Refused(f"its executable has parts that lie over each other, {_NO_LINKER}")
    if sums["relocations"] > _MOST_RELOCATIONS * _RELOCATION:
        raise Refused(f"its executable has more than {_MOST_RELOCATIONS} relocations")


def _extents(raw: bytes, order: str, bits: int, kind: int, at: int, length: int) -> Iterator[Extent]:
    if kind in (_SEGMENT, _SEGMENT_64):
        yield from _segment(raw, order, kind, at, length)
    elif kind == SYMTAB:
        symbols, count, strings, size = struct.unpack_from(f"{order}4I", raw, at + 8)
        if count > _MOST_SYMBOLS:
            raise Refused(f"its executable has more than {_MOST_SYMBOLS} symbols")
        yield "tables", symbols, count * (16 if bits == 64 else 12)
        yield "tables", strings, size
    elif kind == _DYSYMTAB:
        yield from _dynamic_symbols(raw, order, bits, at)
    elif kind == _NOTE:
        yield "notes", *struct.unpack_from(f"{order}2Q", raw, at + 24)
    elif kind in _DYLD_INFO:
        fields = struct.unpack_from(f"{order}10I", raw, at + 8)
        yield from (("tables", *fields[n : n + 2]) for n in range(0, 10, 2))
    elif kind in _LINKEDIT:
        yield "tables", *struct.unpack_from(f"{order}2I", raw, at + 8)


def _segment(raw: bytes, order: str, kind: int, at: int, length: int) -> Iterator[Extent]:
    """The segment itself, and the relocations of its sections."""
    wide = kind == _SEGMENT_64
    offset, size = struct.unpack_from(f"{order}2Q" if wide else f"{order}2I", raw, at + (40 if wide else 32))
    yield "segments", offset, size
    (count,) = struct.unpack_from(f"{order}I", raw, at + (64 if wide else 48))
    head, each, relocations = (72, 80, 56) if wide else (56, 68, 48)
    if head + each * count > length:
        raise Refused(f"its executable has a segment with more sections than fit into it, {_NO_LINKER}")
    for number in range(count):
        first, many = struct.unpack_from(f"{order}2I", raw, at + head + each * number + relocations)
        yield "relocations", first, many * _RELOCATION


def _dynamic_symbols(raw: bytes, order: str, bits: int, at: int) -> Iterator[Extent]:
    fields = struct.unpack_from(f"{order}12I", raw, at + 32)
    sizes = (8, 56 if bits == 64 else 52, 4, 4, _RELOCATION, _RELOCATION)
    names = ("tables", "tables", "tables", "tables", "relocations", "relocations")
    for what, size, number in zip(names, sizes, range(0, 12, 2), strict=True):
        yield what, fields[number], fields[number + 1] * size
