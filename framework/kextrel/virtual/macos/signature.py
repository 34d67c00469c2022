"""The embedded code signature of one slice: superblob, CodeDirectory, page hashes, special slots, CMS.

Everything is computed from the bytes; nothing is believed. Sources: <kern/cs_blobs.h>, Security's CodeDirectory.h; the
numbers of `Problem` are Security's CSCommon.h.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from kextrel.virtual.macos.cms import Signer, Untrusted, signer_of
from kextrel.virtual.macos.plists import BadPlist, Plist, mapping
from kextrel.virtual.macos.trust import Trust

__all__ = [
    "CODE_RESOURCES",
    "INFO_PLIST",
    "REQUIREMENTS",
    "CodeDirectory",
    "Invalid",
    "Problem",
    "Signature",
    "parse",
    "verify",
]

INFO_PLIST, REQUIREMENTS, CODE_RESOURCES = 1, 2, 3

_SUPERBLOB, _DIRECTORY, _CMS, _ENTITLEMENTS = 0xFADE0CC0, 0xFADE0C02, 0xFADE0B01, 0xFADE7171
_SLOT_DIRECTORY, _SLOT_ENTITLEMENTS, _SLOT_CMS = 0, 5, 0x10000
_ADHOC = 0x2
_SHA256 = 2
_MAX_BLOBS = 64
_HEAD = struct.Struct(">9I4BI")
_TEAM_SINCE = 0x20200


class Problem(Enum):
    """What is wrong with a signature: Security's number and its words."""

    UNSIGNED = (-67062, "code object is not signed at all")
    MALFORMED = (-67049, "code or signature have been modified")
    FAILED = (-67061, "invalid signature (code or signature have been modified)")
    INFO_PLIST = (-67030, "invalid Info.plist (plist or signature have been modified)")
    RESOURCES = (-67054, "a sealed resource is missing or invalid")
    UNTRUSTED = (-67050, "code failed to satisfy specified code requirement(s)")
    REVOKED = (-2147409652, "CSSMERR_TP_CERT_REVOKED")
    UNNOTARIZED = (-67053, "Unnotarized Developer ID")

    def __init__(self, status: int, words: str) -> None:
        self.status, self.words = status, words


class Invalid(Exception):
    """A signature that does not hold. `problem` is the kind, `str()` what exactly was found."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem


@dataclass(frozen=True)
class CodeDirectory:
    """The directory of hashes: `special` by slot number (1, 2, 3 …), `pages` in order; CMS signs `blob`."""

    version: int
    flags: int
    identifier: str
    team_id: str
    code_limit: int
    page_size: int
    special: Mapping[int, bytes]
    pages: tuple[bytes, ...]
    blob: bytes

    @property
    def cdhash(self) -> str:
        """What names this code: the first 20 bytes of the directory's SHA-256, in hexadecimal."""
        return hashlib.sha256(self.blob).hexdigest()[:40]

    @property
    def ad_hoc(self) -> bool:
        return bool(self.flags & _ADHOC)


@dataclass(frozen=True)
class Signature:
    """A parsed superblob: the directory, every blob by slot, and the size of the whole."""

    directory: CodeDirectory
    blobs: Mapping[int, bytes]
    size: int

    @property
    def cms(self) -> bytes:
        """The DER of the CMS, empty where there is none."""
        blob = self.blobs.get(_SLOT_CMS, b"")
        return blob[8:] if len(blob) > 8 and struct.unpack_from(">I", blob)[0] == _CMS else b""

    def entitlements(self) -> Plist:
        """What the code may do, by the property list that the directory seals; empty where it seals none. Raises
        Invalid (MALFORMED)."""
        blob = self.blobs.get(_SLOT_ENTITLEMENTS, b"")
        if not any(self.directory.special.get(_SLOT_ENTITLEMENTS, b"")):
            return {}
        if len(blob) < 8 or struct.unpack_from(">I", blob)[0] != _ENTITLEMENTS:
            raise Invalid(Problem.MALFORMED, "entitlements that are not there, or no entitlements")
        try:
            return mapping(blob[8:])
        except BadPlist as error:
            raise Invalid(Problem.MALFORMED, f"entitlements: {error}") from error


def parse(data: bytes) -> Signature:
    """Reads a superblob. Raises Invalid (MALFORMED)."""
    try:
        return _superblob(data)
    except (struct.error, UnicodeDecodeError) as error:
        raise Invalid(Problem.MALFORMED, f"the signature's structure is damaged: {error}") from error


def verify(
    signature: Signature,
    code: bytes,
    sealed: Mapping[int, bytes | None],
    trust: Trust,
    now: datetime,
    *,
    kext: bool = True,
) -> Signer | None:
    """Checks pages, special slots and, unless it is ad-hoc, the CMS. Returns who signed; None: ad-hoc.

    `code` is the slice up to its signature; `sealed` the files of the special slots 1 and 3 (None: not there); `kext`:
    only who may sign kexts will do. Raises Invalid.
    """
    _check_pages(signature.directory, code)
    _check_special(signature, sealed)
    if signature.directory.ad_hoc or not signature.cms:
        return None
    try:
        signer = signer_of(signature.cms, signature.directory.blob, trust, now, kext=kext)
    except Untrusted as error:
        raise Invalid(Problem.REVOKED if error.revoked else Problem.UNTRUSTED, str(error)) from error
    if signer.team_id != signature.directory.team_id:
        raise Invalid(Problem.UNTRUSTED, f"team {signature.directory.team_id!r} signed by {signer.team_id!r}")
    return signer


def _superblob(data: bytes) -> Signature:
    magic, length, count = struct.unpack_from(">3I", data)
    if magic != _SUPERBLOB or length > len(data) or count > _MAX_BLOBS:
        raise Invalid(Problem.MALFORMED, f"no superblob: magic {magic:#x}, {length} bytes, {count} blobs")
    blobs: dict[int, bytes] = {}
    for index in range(count):
        slot, offset = struct.unpack_from(">2I", data, 12 + 8 * index)
        (size,) = struct.unpack_from(">I", data, offset + 4)
        if offset + size > length or slot in blobs:
            raise Invalid(Problem.MALFORMED, f"blob {slot:#x} lies outside the signature or is there twice")
        blobs[slot] = data[offset : offset + size]
    if _SLOT_DIRECTORY not in blobs:
        raise Invalid(Problem.MALFORMED, "a signature without a CodeDirectory")
    return Signature(_directory(blobs[_SLOT_DIRECTORY]), blobs, length)


def _directory(blob: bytes) -> CodeDirectory:
    magic, length, version, flags, hashes, identifier, special, code, limit, size, kind, _, page, _ = _HEAD.unpack_from(
        blob
    )
    if magic != _DIRECTORY or length != len(blob) or kind != _SHA256 or size != 32:
        raise Invalid(Problem.MALFORMED, "no CodeDirectory of SHA-256 hashes")
    if special > _MAX_BLOBS or special * 32 > hashes or hashes + 32 * code > len(blob):
        raise Invalid(Problem.MALFORMED, "hashes that lie outside the CodeDirectory")
    team = struct.unpack_from(">I", blob, 48)[0] if version >= _TEAM_SINCE else 0
    return CodeDirectory(
        version=version,
        flags=flags,
        identifier=_string(blob, identifier),
        team_id=_string(blob, team) if team else "",
        code_limit=limit,
        page_size=1 << page if 0 < page < 32 else 0,
        special={slot: blob[hashes - 32 * slot : hashes - 32 * (slot - 1)] for slot in range(1, special + 1)},
        pages=tuple(blob[hashes + 32 * index : hashes + 32 * (index + 1)] for index in range(code)),
        blob=blob,
    )


def _string(blob: bytes, at: int) -> str:
    end = blob.find(b"\0", at)
    if at >= len(blob) or end < 0 or end - at > 255:
        raise Invalid(Problem.MALFORMED, "a name that lies outside the CodeDirectory")
    return blob[at:end].decode()


def _check_pages(directory: CodeDirectory, code: bytes) -> None:
    """The hashes must cover the code to the last byte before the signature, page by page."""
    limit, page = len(code), directory.page_size or max(len(code), 1)
    if directory.code_limit != limit or len(directory.pages) != -(-limit // page):
        raise Invalid(Problem.FAILED, "the CodeDirectory does not cover the code")
    for index, wanted in enumerate(directory.pages):
        if not hmac.compare_digest(hashlib.sha256(code[index * page : (index + 1) * page]).digest(), wanted):
            raise Invalid(Problem.FAILED, f"page {index} has another hash than the signature says")


def _check_special(signature: Signature, sealed: Mapping[int, bytes | None]) -> None:
    """Every special slot, and the three that a bundle has even where the directory leaves them out."""
    problems = {INFO_PLIST: Problem.INFO_PLIST, CODE_RESOURCES: Problem.RESOURCES}
    for slot in sorted({INFO_PLIST, REQUIREMENTS, CODE_RESOURCES, *signature.directory.special}):
        wanted = signature.directory.special.get(slot, bytes(32))
        part = sealed.get(slot) if slot in sealed else signature.blobs.get(slot)
        found = hashlib.sha256(part).digest() if part is not None else bytes(32)
        if not hmac.compare_digest(found, wanted):
            raise Invalid(
                problems.get(slot, Problem.FAILED), f"special slot {slot} has another hash than the signature says"
            )
