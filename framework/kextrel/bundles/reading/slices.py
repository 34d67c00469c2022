"""What a Mach-O file is made of, before anything reads deeper into it: its slices, and that all of each is there.

Only headers and load commands are read here, with struct and against the file's real size, so that LIEF is never given
a file that points beyond its end. Sources: <mach-o/fat.h>, <mach-o/loader.h>, <mach/machine.h>.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from kextrel.bundles.reading.extents import CUT, SYMTAB, refuse_bad_extents
from kextrel.bundles.reading.refusal import Refused

__all__ = ["LC_CODE_SIGNATURE", "Thin", "thin_slices"]

LC_CODE_SIGNATURE = 0x1D
_FAT, _FAT_64 = 0xCAFEBABE, 0xCAFEBABF
_MAGICS = {  # as it lies in the file -> byte order, bits
    b"\xcf\xfa\xed\xfe": ("<", 64),
    b"\xce\xfa\xed\xfe": ("<", 32),
    b"\xfe\xed\xfa\xcf": (">", 64),
    b"\xfe\xed\xfa\xce": (">", 32),
}
_MOST_SLICES, _MOST_COMMANDS = 32, 4096
_MOST_NAMES = 256 << 20  # bytes
_ABI_64, _SUBTYPE = 0x01000000, 0x00FFFFFF
_NAMES = {
    (7, None): "i386",
    (7 | _ABI_64, 8): "x86_64h",
    (7 | _ABI_64, None): "x86_64",
    (12, None): "arm",
    (12 | _ABI_64, 2): "arm64e",
    (12 | _ABI_64, None): "arm64",
    (18, None): "ppc",
    (18 | _ABI_64, None): "ppc64",
}
_FILE_TYPES = {1: "object", 2: "execute", 6: "dylib", 8: "bundle", 10: "dsym", 11: "kext-bundle"}
_PLATFORMS = {1: "macos", 2: "ios", 6: "mac-catalyst", 10: "driverkit"}
_BUILD_VERSION, _VERSION_MIN_MACOSX = 0x32, 0x24


@dataclass(frozen=True)
class Thin:
    """One slice: its architecture in Apple's words, its bytes, and where in them the load commands lie, by kind."""

    architecture: str
    content: bytes
    order: str
    bits: int
    file_type: str
    commands: tuple[tuple[int, int, int], ...]  # kind, offset, size

    @property
    def minimum(self) -> tuple[str | None, str | None]:
        """The platform and the oldest version of it that the slice was linked for."""
        for kind, at, size in self.commands:
            if kind == _BUILD_VERSION and size >= 16:
                platform, version = struct.unpack_from(f"{self.order}2I", self.content, at + 8)
                return _PLATFORMS.get(platform, f"platform {platform}"), _dotted(version)
            if kind == _VERSION_MIN_MACOSX and size >= 12:
                return "macos", _dotted(struct.unpack_from(f"{self.order}I", self.content, at + 8)[0])
        return None, None

    def refuse_long_names(self) -> None:
        """Raises Refused where the names of all symbols are together more than a reader can hold: each may be the same
        long one, which lies in the file only once."""
        left = _MOST_NAMES
        for size in self._names():
            left -= size
            if left < 0:
                raise Refused("its executable has names that are larger than itself, which no linker makes")

    def _names(self) -> Iterator[int]:
        """The size of each symbol's name."""
        for kind, at, _ in self.commands:
            if kind == SYMTAB:
                symbols, count, strings, size = struct.unpack_from(f"{self.order}4I", self.content, at + 8)
                each, table = (16 if self.bits == 64 else 12), self.content[strings : strings + size]
                for number in range(count):
                    (start,) = struct.unpack_from(f"{self.order}I", self.content, symbols + each * number)
                    end = table.find(b"\0", start)
                    yield (end if end >= 0 else size) - min(start, size)

    def data_of(self, kind: int) -> bytes | None:
        """The bytes that a linkedit_data_command of this kind points to; None without such a command."""
        found = self._pointer(kind)
        return None if found is None else self.content[found[0] : found[0] + found[1]]

    def offset_of(self, kind: int) -> int:
        """Where they begin; the end of the slice without such a command."""
        found = self._pointer(kind)
        return len(self.content) if found is None else found[0]

    def _pointer(self, kind: int) -> tuple[int, int] | None:
        for found, at, _ in self.commands:
            if found == kind:
                offset, size = struct.unpack_from(f"{self.order}2I", self.content, at + 8)
                return offset, size
        return None


def thin_slices(raw: bytes) -> tuple[Thin, ...]:
    """The slices of a Mach-O, thin or universal. Raises Refused for what is none, or not all of one."""
    if len(raw) < 8:
        raise Refused(CUT)
    magic, count = struct.unpack_from(">2I", raw)
    if magic not in (_FAT, _FAT_64):
        return (_thin(raw),)
    if not 0 < count <= _MOST_SLICES:
        raise Refused("its executable is no Mach-O file")
    return tuple(_thin(raw[offset : offset + size]) for offset, size in _places(raw, magic, count))


def _places(raw: bytes, magic: int, count: int) -> Iterator[tuple[int, int]]:
    form = struct.Struct(">5I" if magic == _FAT else ">2I2Q2I")
    table = 8 + form.size * count
    if len(raw) < table:
        raise Refused(CUT)
    taken: list[tuple[int, int]] = []
    for at in range(count):
        _, _, offset, size, *_ = form.unpack_from(raw, 8 + form.size * at)
        if offset + size > len(raw) or offset < table:
            raise Refused(f"{CUT}: a slice lies beyond its end")
        if any(offset < end and start < offset + size for start, end in taken):
            raise Refused("its executable has slices that overlap")
        taken.append((offset, offset + size))
        yield offset, size


def _thin(raw: bytes) -> Thin:
    order, bits = _MAGICS.get(raw[:4], ("", 0))
    header = 32 if bits == 64 else 28
    if not order:
        raise Refused("its executable is no Mach-O file")
    if len(raw) < header:
        raise Refused(CUT)
    cpu, subtype, kind_of_file, count, size = struct.unpack_from(f"{order}5I", raw, 4)
    if header + size > len(raw):
        raise Refused(f"{CUT}: its load commands lie beyond its end")
    commands = tuple(_commands(raw, order, header, header + size, count))
    refuse_bad_extents(raw, order, bits, commands)
    file_type = _FILE_TYPES.get(kind_of_file, f"type {kind_of_file}")
    return Thin(_name(cpu, subtype & _SUBTYPE), raw, order, bits, file_type, commands)


def _dotted(packed: int) -> str:
    """xxxx.yy.zz in nibbles, as a version."""
    patch = f".{packed & 0xFF}" if packed & 0xFF else ""
    return f"{packed >> 16}.{packed >> 8 & 0xFF}{patch}"


def _name(cpu: int, subtype: int) -> str:
    return _NAMES.get((cpu, subtype)) or _NAMES.get((cpu, None)) or f"cpu {cpu}"


def _commands(raw: bytes, order: str, at: int, end: int, count: int) -> Iterator[tuple[int, int, int]]:
    if count > _MOST_COMMANDS:
        raise Refused("its executable has more load commands than any linker makes")
    for _ in range(count):
        if at + 8 > end:
            raise Refused("its executable has load commands that do not fit")
        kind, size = struct.unpack_from(f"{order}2I", raw, at)
        if size < 8 or at + size > end:
            raise Refused("its executable has load commands that do not fit")
        yield kind, at, size
        at += size
