"""The seal over a bundle's resources: Contents/_CodeSignature/CodeResources against the files that are there.

The rules are codesign's own for bundles (files2), not those that the file carries: a regular expression from a
stranger is not run, and a bundle that omits what codesign seals has no valid seal. Source: Security's resource
envelope, version 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from kextrel.virtual.macos.plists import BadPlist, mapping
from kextrel.virtual.macos.signature import Invalid, Problem

__all__ = ["check_seal", "sealed_files"]

_UNSEALED = ("Info.plist", "PkgInfo", "CodeResources", "version.plist")
_SIGNATURES = "_CodeSignature/"


def check_seal(code_resources: bytes, files: Iterable[str], executable: str, read: Callable[[str], bytes]) -> None:
    """Raises Invalid (RESOURCES) unless exactly the sealed files are there, each with its hash.

    `files` are paths below Contents, `executable` one of them (it has its own signature), `read` gives a file's bytes.
    """
    sealed = sealed_files(code_resources)
    present = {path for path in files if path != executable and not _exempt(path)}
    for path in sorted(present - sealed.keys()):
        raise Invalid(Problem.RESOURCES, f"file added: {path}")
    for path, wanted in sorted(sealed.items()):
        if path not in present:
            if isinstance(wanted, dict) and wanted.get("optional") is True:
                continue
            raise Invalid(Problem.RESOURCES, f"file missing: {path}")
        if hashlib.sha256(read(path)).digest() != _hash(wanted):
            raise Invalid(Problem.RESOURCES, f"file modified: {path}")


def sealed_files(code_resources: bytes) -> dict[str, Any]:
    """`files2` of a CodeResources: path below Contents -> its entry. Raises Invalid."""
    try:
        found = mapping(code_resources).get("files2", {})
    except BadPlist as error:
        raise Invalid(Problem.RESOURCES, f"CodeResources: {error}") from error
    if not isinstance(found, dict):
        raise Invalid(Problem.RESOURCES, "CodeResources: files2 is not a dictionary")
    return {str(path): entry for path, entry in found.items()}


def _exempt(path: str) -> bool:
    return path in _UNSEALED or path.startswith(_SIGNATURES) or path.rsplit("/", 1)[-1] == ".DS_Store"


def _hash(entry: object) -> bytes:
    wanted = entry.get("hash2") if isinstance(entry, dict) else None
    return wanted if isinstance(wanted, bytes) else b""
