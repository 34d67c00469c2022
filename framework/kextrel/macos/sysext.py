"""`systemextensionsctl list`: one row a record. A bundle identifier may occur twice, even with the same version.

The bracket says the state; the stars do not (a pending extension has one under "active"). Where tabs became spaces,
only the place of a star is left to tell the two columns apart, and sometimes not even that: then `active` is None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from kextrel.macos.text import clean, is_noise, require

__all__ = ["SystemExtension", "SystemExtensionList", "read"]

_COUNT = re.compile(r"\s{0,8}(\d{1,6}) extension\(s\)\s{0,8}\Z")
_SECTION = re.compile(r"\s{0,8}--- ?(com\.\S{1,200})")
_BUNDLE = re.compile(r"(?<!\S)(\S+)\s+\(([^()/\s]*)/([^()\s]*)\)")
_TEAM = re.compile(r"-|[A-Z0-9]{10}")
_FAILED = re.compile(r"systemextensionsctl: list command failed: (.{0,400})")
_ENABLED = "activated enabled"
_DRIVER = "com.apple.system_extension.driver_extension"
_DRIVER_STATES = frozenset({"terminating for upgrade via delegate", "terminating for uninstall via delegate"})


@dataclass(frozen=True)
class SystemExtension:
    """One record. `team_id` "-" is ad-hoc signed; None in any field: the row does not say."""

    bundle_id: str
    version: str
    build: str
    state: str
    category: str | None = None
    team_id: str | None = None
    name: str | None = None
    enabled: bool | None = None
    active: bool | None = None

    def facts(self) -> dict[str, Any]:
        return dict(self.__dict__)


@dataclass(frozen=True)
class SystemExtensionList:
    """`count` is what the first line says, None without that line; `hints` maps a category to where Settings has it."""

    count: int | None = None
    extensions: tuple[SystemExtension, ...] = ()
    hints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    error: str | None = None
    reason: str | None = None
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "extensions": [extension.facts() for extension in self.extensions],
            "settings_hint": dict(self.hints),
            "error": self.error,
            "reason": self.reason,
        }


@dataclass
class _Draft:
    count: int | None = None
    category: str | None = None
    header: bool = False
    error: bool = False
    reason: str | None = None
    extensions: list[SystemExtension] = field(default_factory=list)
    hints: dict[str, str] = field(default_factory=dict)
    unparsed: list[str] = field(default_factory=list)

    def known(self) -> bool:
        return self.count is not None or self.header or self.error or bool(self.extensions or self.category)


def read(text: str | bytes) -> SystemExtensionList:
    """Reads the list. Raises UnreadableAnswer for other text."""
    draft, pending, first = _Draft(), "", ""
    for line in clean(text).split("\n"):
        if not line or line.isspace() or is_noise(line):
            continue
        first = first or line
        if _title(line, draft):
            pending = _given_up(pending, draft)
            continue
        row = _row(f"{pending} {line.strip()}" if pending else line, draft.category)
        if row is not None:
            draft.extensions.append(row)
            pending = ""
        elif not pending and _BUNDLE.search(line):
            pending = line.rstrip()
        else:
            pending = _given_up(pending, draft)
            draft.unparsed.append(line)
    _given_up(pending, draft)
    require(draft.known(), "systemextensionsctl list", [first])
    return SystemExtensionList(
        draft.count,
        _same_category(draft.extensions),
        MappingProxyType(draft.hints),
        "list_failed" if draft.error else None,
        draft.reason,
        tuple(draft.unparsed),
    )


def _given_up(pending: str, draft: _Draft) -> str:
    """A row whose state never came is kept as unread."""
    if pending:
        draft.unparsed.append(pending)
    return ""


def _title(line: str, draft: _Draft) -> bool:
    """Everything that is not a row: the count, sections, column titles, the hint, the failure."""
    if match := _COUNT.match(line):
        draft.count = int(match[1])
    elif match := _SECTION.match(line):
        draft.category = match[1]
        _hint(line, draft)
    elif line.lstrip().startswith("---") and "Go to '" in line:
        _hint(line, draft)
    elif match := _FAILED.search(line):
        draft.error = True
        draft.reason = match[1].partition(" be completed. ")[2].strip() or match[1].strip()
    elif line.split()[:3] == ["enabled", "active", "teamID"]:
        draft.header = True
    else:
        return False
    return True


def _hint(line: str, draft: _Draft) -> None:
    place = line.partition("Go to '")[2].partition("'")[0]
    if place and draft.category:
        draft.hints[draft.category] = place


def _row(line: str, category: str | None) -> SystemExtension | None:
    match = _BUNDLE.search(line)
    opening = line.rfind("[")
    if match is None or opening < match.end() or not line.rstrip().endswith("]"):
        return None
    state = line[opening + 1 :].rstrip().rstrip("]").strip()
    before = line[: match.start()]
    team = next((word for word in reversed(before.split()) if _TEAM.fullmatch(word)), None)
    enabled, active = _stars(before, state)
    name = line[match.end() : opening].strip() or None
    return SystemExtension(match[1], match[2], match[3], state, category, team, name, enabled, active)


def _stars(before: str, state: str) -> tuple[bool | None, bool | None]:
    """The two columns, by their tabs; without tabs by the place of the stars, as far as it tells."""
    cells = before.split("\t")
    if len(cells) >= 3:
        return cells[0].strip() == "*", cells[1].strip() == "*"
    count = before.count("*")
    if count >= 2:
        return True, True
    if count == 1:
        return (True, None) if before.lstrip(" ") == before else (False, True)
    return (False, False) if before[:1].isspace() else (state == _ENABLED, None)


def _same_category(rows: list[SystemExtension]) -> tuple[SystemExtension, ...]:
    """Only drivers are replaced "via delegate", and records of one identifier share their category."""
    drivers = {row.bundle_id for row in rows if row.category is None and row.state in _DRIVER_STATES}
    return tuple(
        replace(row, category=_DRIVER) if row.category is None and row.bundle_id in drivers else row for row in rows
    )
