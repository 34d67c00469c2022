"""The auxiliary kernel collection: third-party kexts in one file that is loaded whole at boot, or not at all.

A collection is a Mach-O of type fileset with one entry a kext and a __PRELINK_INFO property list; on Apple silicon it
is wrapped as an Image4 payload of type `auxk`. There lie beside it the receipt, which says what is in it, and the
user-authorised kext list (UAKL), and the SHA-384 of each is in LocalPolicy: `auxi`, `auxr`, `auxp`.
Sources: <mach-o/loader.h> (LC_FILESET_ENTRY), <mach-o/prelink.h>; Apple Platform Security, "LocalPolicy".
"""

from __future__ import annotations

import hashlib
import plistlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from asn1crypto import core

from kextrel.virtual.macos.plists import BadPlist, mapping, text

__all__ = [
    "BadCollection",
    "Member",
    "decode_uakl",
    "digest",
    "encode_receipt",
    "encode_uakl",
    "fileset",
    "image4",
    "parse",
]

_MH_FILESET = 12
_CPUS = {"arm64e": (0x0100000C, 2), "x86_64": (0x01000007, 3)}
_LC_SEGMENT_64, _LC_FILESET_ENTRY = 0x19, 0x80000035
_PAGE = 0x4000
_HEADER = struct.Struct("<8I")
_SEGMENT = struct.Struct("<2I16s4Q4I")
_ENTRY = struct.Struct("<2I2Q2I")
_MAX_MEMBERS = 512


class BadCollection(ValueError):
    """A file that no boot loader takes for an auxiliary kernel collection."""


class _Im4p(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("magic", core.IA5String),
        ("type", core.IA5String),
        ("description", core.IA5String),
        ("payload", core.OctetString),
    ]


@dataclass(frozen=True)
class Member:
    """A kext in a collection: what a kernel needs to link it and what a receipt says of it."""

    identifier: str
    version: str
    path: str
    team_id: str
    cdhash: str
    uuid: str
    size: int
    libraries: tuple[str, ...]
    content: bytes = field(default=b"", repr=False, compare=False)


def digest(data: bytes) -> str:
    """SHA-384 as LocalPolicy holds it: upper-case hexadecimal."""
    return hashlib.sha384(data).hexdigest().upper()


def encode_uakl(approved: Iterable[tuple[str, str]]) -> bytes:
    """The user-authorised kext list of (team, bundle identifier): one form for one set."""
    rows = [{"TeamIdentifier": team, "CFBundleIdentifier": name} for team, name in sorted(set(approved))]
    return plistlib.dumps({"Kexts": rows})


def decode_uakl(data: bytes) -> frozenset[tuple[str, str]]:
    """The list in `data`; empty where it is none."""
    try:
        rows = mapping(data).get("Kexts")
    except BadPlist:
        return frozenset()
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return frozenset((text(row, "TeamIdentifier"), text(row, "CFBundleIdentifier")) for row in found)


def encode_receipt(members: Iterable[Member]) -> bytes:
    """The receipt: exactly what a collection holds."""
    rows = [
        {
            "CFBundleIdentifier": one.identifier,
            "CFBundleVersion": one.version,
            "TeamIdentifier": one.team_id,
            "CDHash": one.cdhash,
            "Path": one.path,
        }
        for one in members
    ]
    return plistlib.dumps({"Kexts": rows})


def image4(payload: bytes) -> bytes:
    """A collection as iBoot takes it."""
    return bytes(_Im4p({"magic": "IM4P", "type": "auxk", "description": "AuxKC", "payload": payload}).dump())


def fileset(members: Sequence[Member], architecture: str) -> bytes:
    """The collection of `members` for a kernel of "arm64e" or "x86_64", in the order of their identifiers."""
    ordered = sorted(members, key=lambda one: one.identifier)
    info = plistlib.dumps({"_PrelinkInfoDictionary": [_prelink(one) for one in ordered]})
    entries = [one.identifier.encode() + b"\0" for one in ordered]
    sizes = [_ENTRY.size + -(-len(name) // 8) * 8 for name in entries]
    area = _SEGMENT.size + sum(sizes)
    offset = _aligned(_HEADER.size + area)
    commands, body = b"", b""
    for one, name, size in zip(ordered, entries, sizes, strict=True):
        place = offset + len(body)
        entry = _ENTRY.pack(_LC_FILESET_ENTRY, size, place, place, _ENTRY.size, 0)
        commands += (entry + name).ljust(size, b"\0")
        body += one.content.ljust(_aligned(len(one.content)), b"\0")
    place = offset + len(body)
    segment = (_LC_SEGMENT_64, _SEGMENT.size, b"__PRELINK_INFO", place, len(info), place, len(info), 1, 1, 0, 0)
    header = _HEADER.pack(0xFEEDFACF, *_CPUS[architecture], _MH_FILESET, len(ordered) + 1, area, 0, 0)
    return (header + _SEGMENT.pack(*segment) + commands).ljust(offset, b"\0") + body + info


def parse(data: bytes, *, wrapped: bool = False) -> tuple[Member, ...]:
    """The kexts in a collection, as a kernel finds them; `wrapped`: in an Image4 payload. Raises BadCollection."""
    try:
        info = mapping(_prelink_info(_payload(data) if wrapped else data)).get("_PrelinkInfoDictionary", [])
        return tuple(_member(row) for row in info[:_MAX_MEMBERS])
    except (ValueError, TypeError, AttributeError, struct.error) as error:
        raise BadCollection(f"no auxiliary kernel collection: {error}") from error


def _aligned(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def _payload(data: bytes) -> bytes:
    image = _Im4p.load(data, strict=True)
    if (image["magic"].native, image["type"].native) != ("IM4P", "auxk"):
        raise BadCollection("no Image4 payload of type auxk")
    return bytes(image["payload"].native)


def _prelink_info(fileset: bytes) -> bytes:
    if _HEADER.unpack_from(fileset)[3] != _MH_FILESET:
        raise BadCollection("the payload is no fileset")
    _, _, name, _, _, offset, size, *_ = _SEGMENT.unpack_from(fileset, _HEADER.size)
    if name.rstrip(b"\0") != b"__PRELINK_INFO" or offset + size > len(fileset):
        raise BadCollection("the fileset has no __PRELINK_INFO")
    return fileset[offset : offset + size]


def _prelink(one: Member) -> dict[str, Any]:
    return {
        "CFBundleIdentifier": one.identifier,
        "CFBundleVersion": one.version,
        "OSBundleLibraries": dict.fromkeys(one.libraries, ""),
        "TeamIdentifier": one.team_id,
        "_PrelinkBundlePath": one.path,
        "_PrelinkCDHash": one.cdhash,
        "_PrelinkExecutableSize": one.size,
        "_PrelinkUUID": one.uuid,
    }


def _member(row: dict[str, Any]) -> Member:
    libraries = row.get("OSBundleLibraries")
    size = row.get("_PrelinkExecutableSize")
    return Member(
        identifier=text(row, "CFBundleIdentifier"),
        version=text(row, "CFBundleVersion"),
        path=text(row, "_PrelinkBundlePath"),
        team_id=text(row, "TeamIdentifier"),
        cdhash=text(row, "_PrelinkCDHash"),
        uuid=text(row, "_PrelinkUUID"),
        size=size if isinstance(size, int) else 0,
        libraries=tuple(sorted(libraries)) if isinstance(libraries, dict) else (),
    )
