"""`profiles show` (and its older spelling `profiles -P`): which configuration profiles are installed.

One line an attribute, `_computerlevel[1] attribute: profileIdentifier: …`; a user's own begin with the user's name.
Nothing else names a profile, so payload lines are passed over. `-output stdout-xml` is the same as a property list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kextrel.errors import UnreadableAnswer
from kextrel.macos import mobileconfig
from kextrel.macos.mobileconfig import PolicyPayload
from kextrel.macos.plisttext import around, tree
from kextrel.macos.text import clean, meaningful, require

__all__ = ["InstalledAnswer", "InstalledProfile", "read"]

_ATTRIBUTE = re.compile(r"([\w.][^\s\[\]]{0,63})\[(\d{1,6})\] attribute: (\w{1,64}): ?(.*)\Z")
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
    policies: tuple[PolicyPayload, ...] | None = None
    """The extension policies among the payloads; None where payloads are not shown as a property list."""

    def facts(self) -> dict[str, Any]:
        policies = None if self.policies is None else [one.facts() for one in self.policies]
        return {"profiles": [{**one.__dict__} for one in self.profiles], "policies": policies}

    @property
    def identifiers(self) -> frozenset[str]:
        return frozenset(one.identifier for one in self.profiles if one.identifier)


def read(text: str | bytes) -> InstalledAnswer:
    """Reads the list. Raises UnreadableAnswer for other text."""
    if b"<plist" in text if isinstance(text, bytes) else "<plist" in text:
        return _read_xml(text)
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


def _read_xml(text: str | bytes) -> InstalledAnswer:
    """`-output stdout-xml`: a list of profiles under "_computerlevel" and under each user's name."""
    found = tree(text)
    if not isinstance(found, dict):
        raise UnreadableAnswer("profiles show -output stdout-xml", next(meaningful(clean(text)), ""))
    policies = mobileconfig.ProfileAnswer(tuple(mobileconfig.payloads(found))).policies
    return InstalledAnswer(tuple(_xml_profiles(found)), around(text), policies)


def _xml_profiles(found: Any) -> Iterator[InstalledProfile]:
    for level, items in found.items():
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(item.get("ProfileIdentifier"), str):
                told = {key: value for key, value in item.items() if isinstance(value, str)}
                yield InstalledProfile(
                    str(level),
                    told["ProfileIdentifier"],
                    told.get("ProfileDisplayName", ""),
                    told.get("ProfileUUID", ""),
                )


def _profile(level: str, given: dict[str, str]) -> InstalledProfile:
    return InstalledProfile(
        level, given.get("profileIdentifier", ""), given.get("name", ""), given.get("profileUUID", "")
    )
