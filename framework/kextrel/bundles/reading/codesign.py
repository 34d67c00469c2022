"""Reads the code signature of a slice and holds it against what it seals, as codesign(1) does with --verify.

The directory with the strongest hashes is the one that counts; the CMS is over the first and names the others.
Sources: <kern/cs_blobs.h>, Security's CodeDirectory.h.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kextrel import propertylist
from kextrel.bundles.reading.certificates import read_cms
from kextrel.bundles.reading.found import Code, Signer
from kextrel.bundles.reading.refusal import Refused
from kextrel.bundles.reading.slices import LC_CODE_SIGNATURE, Thin

__all__ = ["Sealed", "read_detached", "read_signature", "worst"]

_SUPERBLOB, _DIRECTORY, _CMS = 0xFADE0CC0, 0xFADE0C02, 0xFADE0B01
_SLOT_INFO, _SLOT_RESOURCES, _SLOT_ENTITLEMENTS, _SLOT_CMS = 1, 3, 5, 0x10000
_SLOT_ALTERNATES = range(0x1000, 0x1005)
_MOST_BLOBS = 64
_ADHOC, _RUNTIME = 0x2, 0x10000
_WITH_TEAM = 0x20200
_HASHES = {1: ("sha1", 20), 2: ("sha256", 32), 3: ("sha256", 20), 4: ("sha384", 48)}
_STRENGTH = (1, 3, 2, 4)
_IN_BLOBS = {2: "its requirements", 5: "its entitlements", 7: "its entitlements in DER"}


@dataclass(frozen=True)
class _Directory:
    raw: bytes
    flags: int
    identifier: str
    team_id: str
    kind: int
    page: int
    limit: int
    special: tuple[bytes, ...]  # of slot 1 first
    pages: tuple[bytes, ...]

    def hash(self, content: bytes) -> bytes:
        name, size = _HASHES[self.kind]
        return hashlib.new(name, content, usedforsecurity=False).digest()[:size]


@dataclass(frozen=True)
class Sealed:
    """The files of a bundle that its signature is held against: Info.plist, and CodeResources, None without."""

    info: bytes
    resources: bytes | None


def read_signature(thin: Thin, sealed: Sealed, now: datetime) -> Code:
    """The signature in one slice. Raises Refused where its own structure does not hold together."""
    raw = thin.data_of(LC_CODE_SIGNATURE)
    if raw is None:
        return Code()
    return _judged(thin.content[: thin.offset_of(LC_CODE_SIGNATURE)], _blobs(raw), sealed, now)


def read_detached(code: bytes, files: Mapping[str, bytes | None], sealed: Sealed, now: datetime) -> Code:
    """A signature in files of its own beside CodeResources, as codeless bundles and PowerPC's have it.

    `code` is the executable, or what stands in its place: the Info.plist. Raises as `read_signature`.
    """
    directory, cms = files["CodeDirectory"], files["CodeSignature"]
    if directory is None:
        return Code()
    blobs = {0: directory} | ({_SLOT_CMS: bytes(8) + cms} if cms else {})
    for slot, name in ((2, "CodeRequirements"), (_SLOT_ENTITLEMENTS, "CodeEntitlements")):
        found = files[name]
        if found is not None:
            blobs[slot] = found
    return _judged(code, blobs, sealed, now)


def _judged(content: bytes, blobs: Mapping[int, bytes], sealed: Sealed, now: datetime) -> Code:
    directories = [_directory(blobs[slot]) for slot in (0, *_SLOT_ALTERNATES) if slot in blobs]
    if not directories:
        raise Refused("its signature has no code directory")
    best = max(directories, key=lambda one: _STRENGTH.index(one.kind))
    damage = tuple(_damage(best, content, blobs, {_SLOT_INFO: sealed.info, _SLOT_RESOURCES: sealed.resources}))
    code = Code(
        signer=Signer.AD_HOC,
        identifier=best.identifier,
        team_id=best.team_id,
        hardened_runtime=bool(best.flags & _RUNTIME),
        entitlements=_entitlements(blobs.get(_SLOT_ENTITLEMENTS)),
        damage=damage,
    )
    cms = blobs.get(_SLOT_CMS, b"")[8:]
    if best.flags & _ADHOC or not cms:
        return code
    other = None if best is directories[0] else best.hash(best.raw)[:20]
    return _by_somebody(code, read_cms(cms, directories[0].raw, other, now))


def worst(codes: list[Code]) -> Code:
    """The signature of a universal file: that of its slices, or the worst where they are not signed alike."""
    if not codes:
        return Code()
    order = list(Signer)
    found = min(codes, key=lambda one: (not one.damage, order.index(one.signer)))
    who = {(one.signer, one.team_id, one.identifier) for one in codes}
    if len(who) > 1:
        found = replace(found, damage=(*found.damage, "its slices are not signed alike"))
    return found


def _by_somebody(code: Code, signed: Code) -> Code:
    """What the directory says, `code`, and what its CMS says, as one."""
    damage = code.damage + signed.damage
    if signed.team_id and code.team_id and signed.team_id != code.team_id:
        damage += (f"its directory says team {code.team_id}, its certificate {signed.team_id}",)
    return replace(
        signed,
        identifier=code.identifier,
        team_id=code.team_id or signed.team_id,
        hardened_runtime=code.hardened_runtime,
        entitlements=code.entitlements,
        damage=damage,
    )


def _blobs(raw: bytes) -> dict[int, bytes]:
    """The blobs of the superblob, by slot. Raises Refused for those that do not lie in it."""
    if len(raw) < 12:
        raise Refused("its signature is cut off")
    magic, length, count = struct.unpack_from(">3I", raw)
    if magic != _SUPERBLOB or length > len(raw) or count > _MOST_BLOBS or 12 + 8 * count > length:
        raise Refused("its signature is damaged")
    found: dict[int, bytes] = {}
    for at in range(count):
        slot, start = struct.unpack_from(">2I", raw, 12 + 8 * at)
        size = struct.unpack_from(">I", raw, start + 4)[0] if start + 8 <= length else 0
        if size < 8 or start + size > length:
            raise Refused("its signature is damaged: a part of it lies beyond its end")
        found.setdefault(slot, raw[start : start + size])
    return found


def _directory(raw: bytes) -> _Directory:
    if len(raw) < 44 or struct.unpack_from(">I", raw)[0] != _DIRECTORY:
        raise Refused("its signature has a damaged code directory")
    _, _, version, flags, hashes, ident, special, pages, limit = struct.unpack_from(">9I", raw)
    size, kind, _, page = struct.unpack_from(">4B", raw, 36)
    known = _HASHES.get(kind)
    if known is None or known[1] != size or page > 24 or special > 32:
        raise Refused("its signature has hashes of a kind that no Mac knows")
    first = hashes - special * size
    if first < 44 or hashes + pages * size > len(raw):
        raise Refused("its signature has a damaged code directory")
    at = [raw[first + size * n : first + size * (n + 1)] for n in range(special + pages)]
    team = struct.unpack_from(">I", raw, 48)[0] if version >= _WITH_TEAM and len(raw) >= 52 else 0
    return _Directory(
        raw=raw,
        flags=flags,
        identifier=_string(raw, ident),
        team_id=_string(raw, team) if team else "",
        kind=kind,
        page=1 << page if page else 0,
        limit=limit,
        special=tuple(reversed(at[:special])),
        pages=tuple(at[special:]),
    )


def _string(raw: bytes, at: int) -> str:
    end = raw.find(b"\0", at)
    if at >= len(raw) or end < 0:
        raise Refused("its signature has a damaged code directory")
    return raw[at:end].decode("utf-8", "backslashreplace")


def _damage(
    directory: _Directory, content: bytes, blobs: Mapping[int, bytes], files: Mapping[int, bytes | None]
) -> Iterator[str]:
    """What the directory seals and is not as it was, in words."""
    if directory.limit != len(content):
        yield f"the code is {'shorter' if directory.limit > len(content) else 'longer'} than what was signed"
    elif list(directory.pages) != list(_pages(directory, content)):
        yield "the code was changed after it was signed"
    for slot, sealed in enumerate(directory.special, start=1):
        found = files[slot] if slot in files else blobs.get(slot)
        if any(sealed) and (found is None or directory.hash(found) != sealed):
            names = {_SLOT_INFO: "Info.plist", _SLOT_RESOURCES: "CodeResources"} | _IN_BLOBS
            if slot in names:
                yield f"{names[slot]} {'is missing' if found is None else 'was changed after it was signed'}"
    for slot in sorted(_IN_BLOBS):
        if slot in blobs and (slot > len(directory.special) or not any(directory.special[slot - 1])):
            yield f"{_IN_BLOBS[slot]} are not sealed"


def _pages(directory: _Directory, code: bytes) -> Iterator[bytes]:
    step = directory.page or max(len(code), 1)
    return (directory.hash(code[at : at + step]) for at in range(0, len(code), step))


def _entitlements(blob: bytes | None) -> Mapping[str, Any]:
    if blob is None or not blob[8:].strip():
        return {}
    try:
        return propertylist.read(blob[8:])
    except propertylist.BadPropertyList as error:
        raise Refused(f"its entitlements cannot be read: {error}") from error
