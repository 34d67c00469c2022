"""/Library/SystemExtensions/db.plist, sysextd's own list, in every form that people read it in: the file itself,
`plutil -p`, `defaults read`, PlistBuddy, and what cnquery and osquery make of it.

States have underscores here and blanks in `systemextensionsctl list`. Exact keys of `extensionPolicies` are not known,
so policies are kept as they come.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from kextrel.macos.plisttext import around, flag, tree
from kextrel.macos.text import Facts, clean, meaningful, require, unique

__all__ = ["StoreAnswer", "StoredExtension", "read"]

_MQL = re.compile(r"\s{0,8}(?:\d{1,6}: )?macos\.systemExtension ")
_PAIR = re.compile(r'(\w{1,40})=(?:"([^"]{0,400})"|([^\s"]{1,200})(?!\S))')
_MQL_AROUND = re.compile(r"(?:(?:cnquery|mql|cnspec)> ?.{0,200}|macos\.systemExtensions[^:]{0,200}: ?\[|\])\Z")

_STATE = re.compile(r"[a-z]{4,20}(?:_[a-z]{2,20}){0,12}\Z")

# The same fact under the names that each source gives it.
_NAMES = {
    "bundle_id": ("identifier", "bundleIdentifier"),
    "team_id": ("teamID", "team"),
    "state": ("state",),
    "category": ("category", "categories"),
    "unique_id": ("uniqueID", "UUID", "uuid"),
    "path": ("stagedBundleURL", "bundle_path", "bundlePath"),
    "origin": ("originPath",),
}
_KEYS = tuple((key, name) for name, keys in _NAMES.items() for key in keys)


@dataclass(frozen=True)
class StoredExtension(Facts):
    """One record. None: it does not say. `team_id` "" is none, as of ad-hoc signed ones."""

    bundle_id: str
    state: str | None = None
    team_id: str | None = None
    version: str | None = None
    build: str | None = None
    category: str | None = None
    unique_id: str | None = None
    path: str | None = None
    origin: str | None = None
    mdm_managed: bool | None = None


@dataclass(frozen=True)
class StoreAnswer:
    """All records in their order; a bundle identifier may occur more than once. `policies` as they stand there."""

    extensions: tuple[StoredExtension, ...]
    developer_mode: bool | None = None
    policies: tuple[Any, ...] | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {
            "count": len(self.extensions),
            "extensions": [one.facts() for one in self.extensions],
            "states": list(unique(one.state or "" for one in self.extensions)),
            "developer_mode": self.developer_mode,
            # A property list may hold dates and bytes, which JSON has no words for.
            "policies": None if self.policies is None else json.loads(json.dumps(self.policies, default=str)),
        }


def read(text: str | bytes) -> StoreAnswer:
    """Raises UnreadableAnswer for text that is none of the forms."""
    cleaned = "" if isinstance(text, bytes) and text.startswith(b"bplist00") else clean(text)
    if "macos.systemExtension " in cleaned and any(map(_MQL.match, lines := list(meaningful(cleaned)))):
        return _mql(lines)
    found = tree(text)
    top = found if isinstance(found, dict) else {}
    records = top.get("extensions") if top else found
    read = [_record(one) for one in records] if isinstance(records, list) else []
    known = isinstance(records, list) and ("extensions" in top or any(read))
    if not known and (table := _table(list(meaningful(cleaned)))):
        return table
    require(known, "/Library/SystemExtensions/db.plist", list(islice(meaningful(cleaned), 1)))
    assert isinstance(records, list)
    policies = top.get("extensionPolicies")
    return StoreAnswer(
        tuple(one for one in read if one is not None),
        flag(top["developerMode"]) if "developerMode" in top else None,
        tuple(policies) if isinstance(policies, list) else None,
        (*(str(record)[:200] for record, one in zip(records, read, strict=True) if one is None), *around(text)),
    )


def _record(item: Any) -> StoredExtension | None:
    if not isinstance(item, dict):
        return None
    values = _texts(item)
    if not values.get("bundle_id"):
        return None
    if "state" in values and not _STATE.match(values["state"]):
        del values["state"]
    version, build = _versions(item)
    managed = flag(item["mdm_managed"]) if "mdm_managed" in item else None
    return StoredExtension(version=version, build=build, mdm_managed=managed, **values)


def _texts(item: Mapping[Any, Any]) -> dict[str, str]:
    """What the first of a name's keys that has a text says, by that name."""
    values: dict[str, str] = {}
    for key, name in _KEYS:
        if key in item and name not in values and (value := _text(item[key])) is not None:
            values[name] = value
    return values


def _text(value: Any) -> str | None:
    """Of a list its first item, of a URL its relative part."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        value = value.get("relative")
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, str) else None


def _versions(item: Mapping[Any, Any]) -> tuple[str | None, str | None]:
    both = item.get("bundleVersion")
    if isinstance(both, dict):
        return _a_text(both.get("CFBundleShortVersionString")), _a_text(both.get("CFBundleVersion"))
    return _a_text(item.get("version")), None


def _a_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _mql(lines: list[str]) -> StoreAnswer:
    rows: list[StoredExtension] = []
    unparsed: list[str] = []
    for line in lines:
        pairs = {match[1]: match[2] if match[3] is None else match[3] for match in _PAIR.finditer(line)}
        row = _record(pairs) if _MQL.match(line) else None
        if row is not None:
            rows.append(row)
        elif not _MQL_AROUND.match(line.strip()):
            unparsed.append(line)
    return StoreAnswer(tuple(rows), unparsed=tuple(unparsed))


def _table(lines: list[str]) -> StoreAnswer | None:
    """osquery's drawn table: a row of names, then rows of values, all between bars."""
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|", 64)] for line in lines if "|" in line]
    if not cells or "identifier" not in cells[0]:
        return None
    rows = [_record(dict(zip(cells[0], row, strict=False))) for row in cells[1:]]
    rest = [line for line in lines if "|" not in line and not line.strip().startswith("+-")]
    return StoreAnswer(tuple(row for row in rows if row), unparsed=tuple(rest))
