"""Writes Mach-O files of type kext bundle, thin and universal, from nothing but struct.

Layout of a slice: header and load commands, `__TEXT` with one function that returns 0 (start and stop routine),
`__DATA` with the kmod_info that a kernel reads, `__LINKEDIT` with symbols, strings and, later, the signature.
Sources: <mach-o/loader.h>, <mach-o/nlist.h>, <mach-o/fat.h>, <mach/kmod.h>.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from kextrel.errors import UsageError, nearest

__all__ = ["ARCHITECTURES", "SliceArchitecture", "kext_slice", "universal", "uuid_of"]

_MH_MAGIC_64 = 0xFEEDFACF
_MH_KEXT_BUNDLE = 11
_FAT_MAGIC = 0xCAFEBABE
_LC_SEGMENT_64, _LC_SYMTAB, _LC_UUID, _LC_BUILD_VERSION = 0x19, 0x2, 0x1B, 0x32
_PLATFORM_MACOS = 1
_N_UNDF_EXT, _N_SECT_EXT = 0x01, 0x0F
_READ, _WRITE, _EXECUTE = 1, 2, 4


@dataclass(frozen=True)
class SliceArchitecture:
    """One architecture: Mach CPU type and subtype, the page size of its segments, and code that returns 0."""

    name: str
    cpu_type: int
    cpu_subtype: int
    page: int
    return_zero: bytes


ARCHITECTURES = {
    "x86_64": SliceArchitecture("x86_64", 0x01000007, 3, 0x1000, bytes.fromhex("31c0c3")),
    "arm64e": SliceArchitecture("arm64e", 0x0100000C, 0x80000002, 0x4000, bytes.fromhex("00008052c0035fd6")),
}


@dataclass(frozen=True)
class _Layout:
    """Where things lie in a slice: offsets and sizes in bytes."""

    page: int
    commands: int
    code: int
    linkedit_size: int

    @property
    def data(self) -> int:
        return self.page

    @property
    def linkedit(self) -> int:
        return 2 * self.page


def kext_slice(architecture: str, bundle_id: str, version: str, undefined: Sequence[str]) -> bytes:
    """An unsigned thin kext for "arm64e" or "x86_64" that imports the symbols `undefined` (C names, no underscore)."""
    known = ARCHITECTURES.get(architecture)
    if known is None:
        raise UsageError(
            f"no Mach-O slice is made for architecture '{architecture}'; {nearest(architecture, ARCHITECTURES)}"
        )
    symbols, strings = _symbol_table(known.page, sorted(undefined))
    linkedit = symbols + strings
    layout = _Layout(known.page, 0, 0x800, len(linkedit))
    commands = _commands(
        layout, len(symbols) // 16, len(symbols), len(strings), uuid_of(architecture, bundle_id, version)
    )
    count = 5 + 1
    header = struct.pack(
        "<8I", _MH_MAGIC_64, known.cpu_type, known.cpu_subtype, _MH_KEXT_BUNDLE, count, len(commands), 0x85, 0
    )
    text = (header + commands).ljust(layout.code, b"\0") + known.return_zero
    data = _kmod_info(bundle_id, version, layout)
    return text.ljust(known.page, b"\0") + data.ljust(known.page, b"\0") + linkedit


def universal(slices: Sequence[bytes]) -> bytes:
    """One file of several thin ones; a single one stays thin."""
    if len(slices) == 1:
        return slices[0]
    offset, table, body = 0x4000, b"", b""
    for content in slices:
        cpu_type, cpu_subtype = struct.unpack_from("<2I", content, 4)
        table += struct.pack(">5I", cpu_type, cpu_subtype, offset + len(body), len(content), 14)
        body += content.ljust(-(-len(content) // 0x4000) * 0x4000, b"\0")
    return (struct.pack(">2I", _FAT_MAGIC, len(slices)) + table).ljust(offset, b"\0") + body


def _commands(layout: _Layout, symbols: int, symbols_size: int, strings_size: int, uuid: bytes) -> bytes:
    text = _segment("__TEXT", 0, layout.page, layout.page, _READ | _EXECUTE, ("__text", layout.code, 16, 0x80000400))
    data = _segment("__DATA", layout.data, layout.page, layout.page, _READ | _WRITE, ("__data", layout.data, 196, 0))
    linkedit = _segment("__LINKEDIT", layout.linkedit, layout.page * 4, layout.linkedit_size, _READ, None)
    table = struct.pack("<6I", _LC_SYMTAB, 24, layout.linkedit, symbols, layout.linkedit + symbols_size, strings_size)
    build = struct.pack("<6I", _LC_BUILD_VERSION, 24, _PLATFORM_MACOS, 0x000B0000, 0x000E0000, 0)
    return text + data + linkedit + table + struct.pack("<2I", _LC_UUID, 24) + uuid + build


def _segment(
    name: str, offset: int, vm_size: int, size: int, protection: int, section: tuple[str, int, int, int] | None
) -> bytes:
    """One LC_SEGMENT_64 that is mapped where it lies in the file; `section` is (name, offset, size, flags)."""
    sections = b""
    if section is not None:
        title, at, length, flags = section
        sections = struct.pack("<16s16s2Q8I", title.encode(), name.encode(), at, length, at, 4, 0, 0, flags, 0, 0, 0)
    head = struct.pack(
        "<2I16s4Q4I",
        _LC_SEGMENT_64,
        72 + len(sections),
        name.encode(),
        offset,
        vm_size,
        offset,
        size,
        protection,
        protection,
        1 if sections else 0,
        0,
    )
    return head + sections


def _symbol_table(page: int, undefined: Sequence[str]) -> tuple[bytes, bytes]:
    """nlist_64 entries and the string table: what the kext defines, then what it imports."""
    defined = [("_kmod_info", 2, page), ("_driver_start", 1, 0x800), ("_driver_stop", 1, 0x800)]
    strings, entries = b"\0", b""
    for name, section, value in defined:
        entries += struct.pack("<IBBHQ", len(strings), _N_SECT_EXT, section, 0, value)
        strings += name.encode() + b"\0"
    for name in undefined:
        entries += struct.pack("<IBBHQ", len(strings), _N_UNDF_EXT, 0, 0, 0)
        strings += b"_" + name.encode() + b"\0"
    return entries, strings.ljust(-(-len(strings) // 8) * 8, b"\0")


def _kmod_info(bundle_id: str, version: str, layout: _Layout) -> bytes:
    """kmod_info_64_v1: next, version of the structure, id, name, version, references, address, sizes, start, stop."""
    return struct.pack(
        "<QiI64s64siQQQQQQ",
        0,
        1,
        0xFFFFFFFF,
        bundle_id.encode()[:63],
        version.encode()[:63],
        0,
        0,
        0,
        0,
        0,
        layout.code,
        layout.code,
    )


def uuid_of(*parts: str) -> bytes:
    """The 16 bytes of an LC_UUID that always comes out the same for the same `parts`."""
    digest = bytearray(hashlib.sha256("\0".join(parts).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x40
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)
