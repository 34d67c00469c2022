"""Signs a thin Mach-O as codesign(1) does: a CodeDirectory of page hashes, requirements, and a CMS over the directory.

The signature is a superblob at the end of __LINKEDIT, pointed to by LC_CODE_SIGNATURE. Hashes are SHA-256 over pages
of 4096 bytes; special slots hold the hashes of Info.plist (1), the requirements (2) and CodeResources (3).
Source: <kern/cs_blobs.h>, Security's CodeDirectory.h.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from kextrel.bundles.authority import Identity, intermediate

__all__ = ["Seal", "sign"]

_SUPERBLOB, _DIRECTORY, _REQUIREMENTS, _CMS = 0xFADE0CC0, 0xFADE0C02, 0xFADE0C01, 0xFADE0B01
_SLOT_DIRECTORY, _SLOT_REQUIREMENTS, _SLOT_CMS = 0, 2, 0x10000
_LC_CODE_SIGNATURE, _LC_SEGMENT_64 = 0x1D, 0x19
_ADHOC = 0x2
_PAGE = 4096
_VERSION = 0x20400
_SHA256 = 2
_HEADER = 88  # a CodeDirectory of version 0x20400 before its strings
_ROOM_FOR_CMS = 4096


@dataclass(frozen=True)
class Seal:
    """What a signature binds together. `identity` None: ad-hoc, so no CMS and no team."""

    identifier: str
    team_id: str | None
    info_plist: bytes
    code_resources: bytes
    identity: Identity | None


def sign(content: bytes, seal: Seal) -> bytes:
    """The thin Mach-O `content` with its signature."""
    start = -(-len(content) // 16) * 16
    room = _directory_size(start, seal) + 200 + (_ROOM_FOR_CMS if seal.identity else 0)
    room = -(-room // 16) * 16
    code = _point_to(content.ljust(start, b"\0"), start, room)
    return code + _superblob(code, seal).ljust(room, b"\0")


def _point_to(code: bytes, start: int, room: int) -> bytes:
    """`code` with LC_CODE_SIGNATURE added and __LINKEDIT grown over the signature."""
    count, size = struct.unpack_from("<2I", code, 16)
    grown = bytearray(code)
    struct.pack_into("<4I", grown, 32 + size, _LC_CODE_SIGNATURE, 16, start, room)
    struct.pack_into("<2I", grown, 16, count + 1, size + 16)
    at = 32
    for _ in range(count):
        command, length = struct.unpack_from("<2I", grown, at)
        if command == _LC_SEGMENT_64 and grown[at + 8 : at + 24].rstrip(b"\0") == b"__LINKEDIT":
            (offset,) = struct.unpack_from("<Q", grown, at + 40)
            struct.pack_into("<Q", grown, at + 48, start + room - offset)
        at += length
    return bytes(grown)


def _superblob(code: bytes, seal: Seal) -> bytes:
    requirements = struct.pack(">3I", _REQUIREMENTS, 12, 0)
    directory = _directory(code, seal, requirements)
    blobs = [(_SLOT_DIRECTORY, directory), (_SLOT_REQUIREMENTS, requirements)]
    cms = seal.identity.sign_detached(directory, [intermediate().certificate]) if seal.identity else b""
    blobs.append((_SLOT_CMS, struct.pack(">2I", _CMS, 8 + len(cms)) + cms))
    offset, index, body = 12 + 8 * len(blobs), b"", b""
    for slot, blob in blobs:
        index += struct.pack(">2I", slot, offset + len(body))
        body += blob
    return struct.pack(">3I", _SUPERBLOB, offset + len(body), len(blobs)) + index + body


def _directory(code: bytes, seal: Seal, requirements: bytes) -> bytes:
    names = seal.identifier.encode() + b"\0"
    team_offset = _HEADER + len(names) if seal.team_id else 0
    names += seal.team_id.encode() + b"\0" if seal.team_id else b""
    special = [seal.code_resources, requirements, seal.info_plist]
    pages = [code[at : at + _PAGE] for at in range(0, len(code), _PAGE)]
    hashes = b"".join(hashlib.sha256(part).digest() for part in [*special, *pages])
    hash_offset = _HEADER + len(names) + 32 * len(special)
    flags = 0 if seal.identity else _ADHOC
    head = struct.pack(
        ">9I4B2I",
        _DIRECTORY,
        _HEADER + len(names) + len(hashes),
        _VERSION,
        flags,
        hash_offset,
        _HEADER,
        len(special),
        len(pages),
        len(code),
        32,
        _SHA256,
        0,
        12,
        0,
        0,
    )
    head += struct.pack(">2I4Q", team_offset, 0, 0, 0, _PAGE, 0)
    return head + names + hashes


def _directory_size(code_size: int, seal: Seal) -> int:
    pages = -(-code_size // _PAGE) + 3
    return _HEADER + len(seal.identifier) + len(seal.team_id or "") + 2 + 32 * pages
