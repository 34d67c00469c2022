"""What kexts and apps share when they are made: names that will do, who signs, damage, files."""

from __future__ import annotations

import re
from pathlib import Path

from kextrel.bundles.authority import Identity, developer_id
from kextrel.errors import UsageError
from kextrel.vocabulary import Extension, Signature

__all__ = ["check", "damage", "identity_of", "write"]

_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,155}\Z", re.ASCII)
_DAMAGED_AT = 0x800  # in the code of every slice that is made here


def check(extension: Extension) -> None:
    """Raises UsageError for names that cannot be a file's."""
    good = extension.signature is Signature.DEVELOPER_ID
    for field, value in (("bundle_id", extension.bundle_id), ("team_id", extension.team_id)):
        if not _IDENTIFIER.match(value) and (value or good):
            raise UsageError(
                f"extension '{extension.name}': {field} {value!r} is not an identifier; use letters, digits, '.', '-'"
            )


def identity_of(extension: Extension) -> Identity | None:
    """Who signs it as its `signature` says; None: nobody, which is ad-hoc."""
    if extension.signature is Signature.AD_HOC:
        return None
    return developer_id(extension.team_id, revoked=extension.signature is Signature.REVOKED, banned=extension.banned)


def damage(signed: bytes) -> bytes:
    """A thin Mach-O with one byte of code changed after signing: the hash of its page no longer fits."""
    return signed[:_DAMAGED_AT] + bytes([signed[_DAMAGED_AT] ^ 0xFF]) + signed[_DAMAGED_AT + 1 :]


def write(path: Path, content: bytes, *, executable: bool = False) -> None:
    """Writes a file and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if executable:
        path.chmod(0o755)
