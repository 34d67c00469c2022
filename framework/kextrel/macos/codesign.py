"""`codesign -d` and `codesign --verify`: who signed a bundle, with what flags, and whether the seal is whole.

Rows are `Key=Value`, on stderr. A terminal breaks long ones in the middle of a word: what begins with no known key
belongs to the row before. "TeamIdentifier=not set" is an absent team, a missing row is a team that was not said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kextrel.macos.text import Facts, clean, meaningful, require

__all__ = ["SignatureAnswer", "read", "read_each"]

_KEYS = (
    *("Executable", "Identifier", "Format", "CodeDirectory", "Hash type", "CandidateCDHash", "CandidateCDHashFull"),
    *("Hash choices", "CMSDigest", "CMSDigestType", "CDHash", "Signature size", "Signature", "Authority", "Timestamp"),
    *("Signed Time", "Info.plist", "Info.plist entries", "TeamIdentifier", "Runtime Version", "Sealed Resources"),
    *("Internal requirements", "Launch Constraints", "Notarization Ticket", "Executable Segment base", "Page size"),
    *("Executable Segment limit", "Executable Segment flags", "VersionPlatform", "VersionMin", "VersionSDK"),
    *("Platform identifier", "# designated", "designated", "Nonce", "Library validation warning"),
)
_ROW = re.compile(rf"({'|'.join(map(re.escape, _KEYS))})(?=[ =])([^=]{{0,80}})=(.*)\Z")
_BARE = re.compile(r"(Info\.plist|Sealed Resources|Internal requirements)[ =](.*)\Z")
_FLAGS = re.compile(r"\bflags=(0x[0-9a-fA-F]{1,8})\(([\w,-]{0,200})\)")
_VERDICT = re.compile(r"(.{1,4096}): (valid on disk|satisfies its Designated Requirement|.{4,400})\Z")
_BAD = (
    "not signed at all",
    "code object is not signed",
    "a sealed resource is missing or invalid",
    "invalid signature",
    "invalid resource directory",
    "invalid Info.plist",
    "code has no resources but signature indicates",
    "bundle format unrecognized",
    "code failed to satisfy specified code requirement",
    "CSSMERR_TP_CERT_REVOKED",
    "CSSMERR_TP_NOT_TRUSTED",
    "No such file or directory",
)
_DETAILS = (
    *("In architecture:", "In subcomponent:", "file modified:", "file added:", "file missing:"),
    *("--prepared:", "--validated:", "--- "),
)
_UNSIGNED = ("not signed at all", "code object is not signed")
_WIDTH = 60  # what is broken off is longer than this
_NO_TEAM = "not set"


@dataclass(frozen=True)
class SignatureAnswer(Facts):
    """`signed` False: there is no signature. `team_set` False: it names no team ("not set"). `flags` are words, such as
    runtime or adhoc. `valid`: what --verify said. None: not said."""

    identifier: str | None = None
    team_id: str | None = None
    team_set: bool | None = None
    authorities: tuple[str, ...] = ()
    format: str | None = None
    flags: tuple[str, ...] | None = None
    hardened_runtime: bool | None = None
    adhoc: bool | None = None
    cdhash: str | None = None
    timestamp: str | None = None
    executable: str | None = None
    signed: bool | None = None
    valid: bool | None = None
    error: str | None = None
    unparsed: tuple[str, ...] = ()


def read(text: str | bytes) -> SignatureAnswer:
    """Raises UnreadableAnswer for text that is not codesign's."""
    lines = list(meaningful(clean(text)))
    rows: dict[str, list[str]] = {}
    verdict: dict[str, Any] = {}
    unparsed: list[str] = []
    for line in _unwrapped(lines):
        if match := _ROW.match(line):
            rows.setdefault(match[1] + match[2].rstrip(), []).append(match[3].strip())
        elif found := _verdict(line):
            verdict |= found
        elif not (_BARE.match(line) or line.startswith(_DETAILS)):
            unparsed.append(line)
    telling = {"Identifier", "Authority", "TeamIdentifier", "CDHash", "Signature", "Format"} & set(rows)
    require(bool(telling or verdict or any(key.startswith("CodeDirectory") for key in rows)), "codesign", lines)
    return SignatureAnswer(**{**_facts(rows), **verdict}, unparsed=tuple(unparsed))


def read_each(text: str | bytes) -> tuple[SignatureAnswer, ...]:
    """The answer about several bundles: those of them that it shows, each of whose rows begin with `Executable`."""
    parts = re.split(r"^(?=Executable=)", clean(text), flags=re.MULTILINE)
    return tuple(read(part) for part in parts if part.startswith("Executable="))


def _unwrapped(lines: Iterable[str]) -> list[str]:
    whole: list[str] = []
    for line in lines:
        # A first line of a row is as wide as the terminal when it goes on.
        fresh = _ROW.match(line) or _BARE.match(line) or line.startswith(_DETAILS) or _verdict(line)
        if fresh or not whole or not _ROW.match(whole[-1]) or len(whole[-1]) < _WIDTH or _cut(line):
            whole.append(line)
        else:
            whole[-1] += line
    return whole


def _cut(line: str) -> bool:
    """Whether this is the beginning of a row whose end is gone."""
    return any(key.startswith(line.strip()) for key in _KEYS)


def _facts(rows: dict[str, list[str]]) -> dict[str, Any]:
    def first(key: str) -> str | None:
        return rows[key][0] if key in rows else None

    team, signature = first("TeamIdentifier"), first("Signature")
    if team is not None and team != _NO_TEAM and _NO_TEAM.startswith(team):
        team = None  # its end is cut off
    flags = _flags(rows)
    return {
        "identifier": first("Identifier"),
        "team_id": None if team == _NO_TEAM else team,
        "team_set": None if team is None else team != _NO_TEAM,
        # "(unavailable)" where the certificates could not be read.
        "authorities": tuple(name for name in rows.get("Authority", ()) if name != "(unavailable)"),
        "format": first("Format"),
        "flags": flags,
        "hardened_runtime": None if flags is None else "runtime" in flags,
        "adhoc": True if signature == "adhoc" else None if flags is None else "adhoc" in flags,
        "cdhash": first("CDHash"),
        "timestamp": first("Timestamp") or first("Signed Time"),
        "executable": first("Executable"),
        "signed": True if "CDHash" in rows or "Authority" in rows or flags is not None else None,
    }


def _flags(rows: dict[str, list[str]]) -> tuple[str, ...] | None:
    """The words in parentheses after `flags=` in the CodeDirectory row, whose first value is its version."""
    for key, values in rows.items():
        if key.startswith("CodeDirectory") and (match := _FLAGS.search(f"{key}={values[0]}")):
            return tuple(word for word in match[2].split(",") if word and word != "none")
    return None


def _verdict(line: str) -> dict[str, Any]:
    match = _VERDICT.match(line)
    if match is None:
        return {}
    if match[2] in ("valid on disk", "satisfies its Designated Requirement"):
        return {"valid": True, "signed": True}
    if not any(phrase in match[2] for phrase in _BAD):
        return {}
    if any(phrase in match[2] for phrase in _UNSIGNED):
        return {"signed": False, "error": match[2].strip()}
    missing = "No such file" in match[2]
    return {"error": match[2].strip(), **({} if missing else {"valid": False})}
