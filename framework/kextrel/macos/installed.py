"""`profiles show` (and its older spelling `profiles -P`): which configuration profiles are installed.

One line an attribute, `_computerlevel[1] attribute: profileIdentifier: …`; a user's own begin with the user's name.
Nothing else names a profile, so payload lines are passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kextrel.macos.text import clean, meaningful, require

__all__ = ["InstalledAnswer", "InstalledProfile", "read"]

_ATTRIBUTE = re.compile(r"([^\s\[\]]{1,64})\[(\d{1,6})\] attribute: (\w{1,64}): ?(.*)\Z")
_PAYLOAD = re.compile(r"[^\s\[\]]{1,64}\[\d{1,6}\]\s+payload(\[\d{1,6}\]| count\b)")
_COUNTED = re.compile(r"There (is|are) (no|\d{1,6}) (user |system )?configuration profiles? installed")


@dataclass(frozen=True)
class InstalledProfile:
    """One profile; "" is what the answer does not say. `level` is "_computerlevel" or a user's name."""

    level: str
    identifier: str = ""
    name: str = ""
    uuid: str = ""


@dataclass(frozen=True)
class InstalledAnswer:
    """All profiles in the order of the answer."""

    profiles: tuple[InstalledProfile, ...]
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {"profiles": [{**one.__dict__} for one in self.profiles]}

    @property
    def identifiers(self) -> frozenset[str]:
        return frozenset(one.identifier for one in self.profiles if one.identifier)


def read(text: str | bytes) -> InstalledAnswer:
    """Reads the list. Raises UnreadableAnswer for other text."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    unparsed: list[str] = []
    lines = list(meaningful(clean(text)))
    empty = False
    for line in lines:
        if match := _ATTRIBUTE.match(line.strip()):
            level, number, key, value = match.groups()
            found.setdefault((level, number), {})[key] = value.strip()
        elif _COUNTED.match(line.strip()):
            empty = True
        elif not _PAYLOAD.match(line.strip()):
            unparsed.append(line)
    require(bool(found) or empty, "profiles show", lines)
    return InstalledAnswer(tuple(_profile(level, given) for (level, _), given in found.items()), tuple(unparsed))


def _profile(level: str, given: dict[str, str]) -> InstalledProfile:
    return InstalledProfile(
        level, given.get("profileIdentifier", ""), given.get("name", ""), given.get("profileUUID", "")
    )
