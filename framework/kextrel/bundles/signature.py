"""Signs a thin Mach-O as codesign(1) does: a CodeDirectory of page hashes, requirements, and a CMS over the directory.

The signature is a superblob at the end of __LINKEDIT, pointed to by LC_CODE_SIGNATURE. Hashes are SHA-256 over pages
of 4096 bytes; special slots hold the hashes of Info.plist (1), the requirements (2), CodeResources (3) and, where there
are entitlements, of their blobs (5 the property list, 7 the DER).
Source: <kern/cs_blobs.h>, Security's CodeDirectory.h.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from kextrel.bundles.authority import Identity, intermediate
from kextrel.bundles.entitlements import Entitlements, der_blob, xml_blob

__all__ = ["Seal", "cdhash", "sign"]

_SUPERBLOB, _DIRECTORY, _REQUIREMENTS, _CMS = 0xFADE0CC0, 0xFADE0C02, 0xFADE0C01, 0xFADE0B01
_SLOT_DIRECTORY, _SLOT_REQUIREMENTS, _SLOT_ENTITLEMENTS, _SLOT_DER, _SLOT_CMS = 0, 2, 5, 7, 0x10000
_LC_CODE_SIGNATURE, _LC_SEGMENT_64 = 0x1D, 0x19
_ADHOC, _RUNTIME = 0x2, 0x10000
_MAIN_BINARY = 0x1
_PAGE = 4096
_VERSION = 0x20500
_RUNTIME_VERSION = 0x000B0000
_SHA256 = 2
_HEADER = 96  # a CodeDirectory of version 0x20500 before its strings
_ROOM_FOR_CMS = 4096
_ROOM_FOR_INDEX = 200


@dataclass(frozen=True)
class Seal:
    """What a signature binds together. `identity` None: ad-hoc, so no CMS and no team.

    `executable`: a programme that runs by itself, with the hardened runtime where a developer signs it.
    `entitlements` None: no blobs of them.
    """

    identifier: str
    team_id: str | None
    info_plist: bytes
    code_resources: bytes
    identity: Identity | None
    entitlements: Entitlements | None = None
    executable: bool = False

    @property
    def flags(self) -> int:
        if self.identity is None:
            return _ADHOC
        return _RUNTIME if self.executable else 0

    def blobs(self) -> dict[int, bytes]:
        """The blobs that special slots hash, by slot."""
        found = {_SLOT_REQUIREMENTS: struct.pack(">3I", _REQUIREMENTS, 12, 0)}
        if self.entitlements is not None:
            found |= {_SLOT_ENTITLEMENTS: xml_blob(self.entitlements), _SLOT_DER: der_blob(self.entitlements)}
        return found


def sign(content: bytes, seal: Seal) -> bytes:
    """The thin Mach-O `content` with its signature."""
    start = -(-len(content) // 16) * 16
    room = _directory_size(start, seal) + sum(map(len, seal.blobs().values())) + _ROOM_FOR_INDEX
    room += _ROOM_FOR_CMS if seal.identity else 0
    room = -(-room // 16) * 16
    code = _point_to(content.ljust(start, b"\0"), start, room)
    return code + _superblob(code, seal).ljust(room, b"\0")


def cdhash(signed: bytes) -> bytes:
    """What names a thin Mach-O that `sign` made: the first 20 bytes of the SHA-256 of its CodeDirectory."""
    (size,) = struct.unpack_from("<I", signed, 20)
    (start,) = struct.unpack_from("<I", signed, 32 + size - 8)  # LC_CODE_SIGNATURE is the last command
    (directory,) = struct.unpack_from(">I", signed, start + 16)  # and the CodeDirectory the first blob
    (length,) = struct.unpack_from(">I", signed, start + directory + 4)
    return hashlib.sha256(signed[start + directory : start + directory + length]).digest()[:20]


def _point_to(code: bytes, start: int, room: int) -> bytes:
    """`code` with LC_CODE_SIGNATURE added and __LINKEDIT grown over the signature."""
    count, size = struct.unpack_from("<2I", code, 16)
    grown = bytearray(code)
    struct.pack_into("<4I", grown, 32 + size, _LC_CODE_SIGNATURE, 16, start, room)
    struct.pack_into("<2I", grown, 16, count + 1, size + 16)
    for at, name, offset, _ in _segments(code):
        if name == b"__LINKEDIT":
            struct.pack_into("<Q", grown, at + 48, start + room - offset)
    return bytes(grown)


def _segments(code: bytes) -> Iterator[tuple[int, bytes, int, int]]:
    """Of each LC_SEGMENT_64: where the command is, the segment's name, its offset and its size in the file."""
    (count,) = struct.unpack_from("<I", code, 16)
    at = 32
    for _ in range(count):
        command, length = struct.unpack_from("<2I", code, at)
        if command == _LC_SEGMENT_64:
            offset, size = struct.unpack_from("<2Q", code, at + 40)
            yield at, code[at + 8 : at + 24].rstrip(b"\0"), offset, size
        at += length


def _text_size(code: bytes) -> int:
    return next(size for _, name, _, size in _segments(code) if name == b"__TEXT")


def _superblob(code: bytes, seal: Seal) -> bytes:
    directory = _directory(code, seal)
    cms = seal.identity.sign_detached(directory, [intermediate().certificate]) if seal.identity else b""
    blobs = {_SLOT_DIRECTORY: directory, **seal.blobs(), _SLOT_CMS: struct.pack(">2I", _CMS, 8 + len(cms)) + cms}
    offset, index, body = 12 + 8 * len(blobs), b"", b""
    for slot, blob in blobs.items():
        index += struct.pack(">2I", slot, offset + len(body))
        body += blob
    return struct.pack(">3I", _SUPERBLOB, offset + len(body), len(blobs)) + index + body


def _directory(code: bytes, seal: Seal) -> bytes:
    names = seal.identifier.encode() + b"\0"
    team_offset = _HEADER + len(names) if seal.team_id else 0
    names += seal.team_id.encode() + b"\0" if seal.team_id else b""
    special = _special(seal)
    pages = [hashlib.sha256(code[at : at + _PAGE]).digest() for at in range(0, len(code), _PAGE)]
    hashes = b"".join([*special, *pages])
    hash_offset = _HEADER + len(names) + 32 * len(special)
    length = _HEADER + len(names) + len(hashes)
    head = struct.pack(">5I", _DIRECTORY, length, _VERSION, seal.flags, hash_offset)
    head += struct.pack(">4I4BI", _HEADER, len(special), len(pages), len(code), 32, _SHA256, 0, 12, 0)
    head += struct.pack(">3I3Q", 0, team_offset, 0, 0, 0, _text_size(code))
    main = _MAIN_BINARY if seal.executable else 0
    head += struct.pack(">Q2I", main, _RUNTIME_VERSION if seal.flags & _RUNTIME else 0, 0)
    return head + names + hashes


def _special(seal: Seal) -> list[bytes]:
    """Hashes of the special slots, from the last that is used down to slot 1; zeros where a slot holds nothing."""
    contents = {1: seal.info_plist, 3: seal.code_resources, **seal.blobs()}
    empty = bytes(hashlib.sha256().digest_size)
    return [
        hashlib.sha256(contents[slot]).digest() if slot in contents else empty for slot in range(max(contents), 0, -1)
    ]


def _directory_size(code_size: int, seal: Seal) -> int:
    pages = -(-code_size // _PAGE) + len(_special(seal))
    return _HEADER + len(seal.identifier) + len(seal.team_id or "") + 2 + 32 * pages
