"""Writes Mach-O executables (MH_EXECUTE) for user space, thin, from nothing but struct.

Layout of a slice: header and load commands, `__PAGEZERO`, `__TEXT` with a main that returns 0, `__LINKEDIT` with
symbols, strings and, later, the signature. Sources: <mach-o/loader.h>, <mach-o/nlist.h>, <mach/machine.h>.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import Enum

from kextrel.bundles.macho import SliceArchitecture, uuid_of
from kextrel.errors import UsageError, nearest

__all__ = ["DRIVER_LIBRARIES", "USER_ARCHITECTURES", "Platform", "executable_slice"]

USER_ARCHITECTURES = {
    "arm64": SliceArchitecture("arm64", 0x0100000C, 0, 0x4000, bytes.fromhex("00008052c0035fd6")),
    "x86_64": SliceArchitecture("x86_64", 0x01000007, 3, 0x1000, bytes.fromhex("31c0c3")),
}
DRIVER_LIBRARIES = "/System/DriverKit/System/Library/Frameworks/DriverKit.framework/DriverKit"

_MH_MAGIC_64, _MH_EXECUTE = 0xFEEDFACF, 2
_MH_NOUNDEFS_DYLDLINK_TWOLEVEL_PIE = 0x00200085
_LC_SEGMENT_64, _LC_SYMTAB, _LC_DYSYMTAB, _LC_LOAD_DYLIB, _LC_LOAD_DYLINKER = 0x19, 0x2, 0xB, 0xC, 0xE
_LC_UUID, _LC_BUILD_VERSION, _LC_MAIN, _LC_DYLD_INFO_ONLY = 0x1B, 0x32, 0x80000028, 0x80000022
_BASE = 0x1_0000_0000  # where a 64-bit executable is linked to; below it is __PAGEZERO
_CODE = 0x800
_SDK = 0x000E_0000
_READ, _EXECUTE = 1, 4
_LIBRARY_VERSION = 0x00010000


class Platform(Enum):
    """LC_BUILD_VERSION's platform and the oldest release of it that the executable runs on."""

    MACOS = (1, 0x000A0F00)
    DRIVERKIT = (10, 0x00130000)


def executable_slice(
    architecture: str, name: str, version: str, libraries: Sequence[str], platform: Platform = Platform.MACOS
) -> bytes:
    """An unsigned thin executable for "arm64" or "x86_64" that is linked with the dynamic `libraries` (their paths)."""
    known = USER_ARCHITECTURES.get(architecture)
    if known is None:
        hint = nearest(architecture, USER_ARCHITECTURES)
        raise UsageError(f"no executable is made for architecture '{architecture}'; {hint}")
    symbols, strings = _symbol_table()
    commands = _segments(known.page, len(symbols + strings))
    commands += _tables(known.page, symbols, strings)
    commands += [_string(_LC_LOAD_DYLINKER, (), "/usr/lib/dyld"), _uuid(architecture, name, version)]
    commands += [struct.pack("<6I", _LC_BUILD_VERSION, 24, *platform.value, _SDK, 0)]
    commands += [struct.pack("<2I2Q", _LC_MAIN, 24, _CODE, 0)]
    commands += [_string(_LC_LOAD_DYLIB, (2, _LIBRARY_VERSION, _LIBRARY_VERSION), path) for path in libraries]
    area = b"".join(commands)
    flags = _MH_NOUNDEFS_DYLDLINK_TWOLEVEL_PIE
    header = struct.pack(
        "<8I", _MH_MAGIC_64, known.cpu_type, known.cpu_subtype, _MH_EXECUTE, len(commands), len(area), flags, 0
    )
    text = (header + area).ljust(_CODE, b"\0") + known.return_zero
    return text.ljust(known.page, b"\0") + symbols + strings


def _segments(page: int, linkedit: int) -> list[bytes]:
    section = struct.pack("<16s16s2Q8I", b"__text", b"__TEXT", _BASE + _CODE, 16, _CODE, 4, 0, 0, 0x80000400, 0, 0, 0)
    return [
        _segment("__PAGEZERO", 0, _BASE, 0, 0, 0),
        _segment("__TEXT", _BASE, page, 0, page, _READ | _EXECUTE, section),
        _segment("__LINKEDIT", _BASE + page, 4 * page, page, linkedit, _READ),
    ]


def _segment(
    name: str, address: int, memory: int, offset: int, size: int, protection: int, section: bytes = b""
) -> bytes:
    length, count = 72 + len(section), 1 if section else 0
    head = struct.pack("<2I16s4Q", _LC_SEGMENT_64, length, name.encode(), address, memory, offset, size)
    return head + struct.pack("<4I", protection, protection, count, 0) + section


def _symbol_table() -> tuple[bytes, bytes]:
    """nlist_64 entries and the string table: the header and main, both defined and external."""
    strings, entries = b"\0", b""
    for name, kind, value in (("__mh_execute_header", 0x10, _BASE), ("_main", 0, _BASE + _CODE)):
        entries += struct.pack("<IBBHQ", len(strings), 0x0F, 1, kind, value)
        strings += name.encode() + b"\0"
    return entries, strings.ljust(-(-len(strings) // 8) * 8, b"\0")


def _tables(linkedit: int, symbols: bytes, strings: bytes) -> list[bytes]:
    """Nothing to rebase or bind; two symbols, none local, none undefined."""
    count = len(symbols) // 16
    return [
        struct.pack("<12I", _LC_DYLD_INFO_ONLY, 48, *([0] * 10)),
        struct.pack("<6I", _LC_SYMTAB, 24, linkedit, count, linkedit + len(symbols), len(strings)),
        struct.pack("<20I", _LC_DYSYMTAB, 80, 0, 0, 0, count, count, 0, *([0] * 12)),
    ]


def _string(command: int, fields: tuple[int, ...], text: str) -> bytes:
    """A load command that ends in a path: dylinker_command, dylib_command."""
    offset = 12 + 4 * len(fields)
    path = text.encode() + b"\0"
    size = -(-(offset + len(path)) // 8) * 8
    head = struct.pack(f"<{3 + len(fields)}I", command, size, offset, *fields)
    return (head + path).ljust(size, b"\0")


def _uuid(*parts: str) -> bytes:
    return struct.pack("<2I", _LC_UUID, 24) + uuid_of("executable", *parts)
