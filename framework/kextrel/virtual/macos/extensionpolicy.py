"""What installed com.apple.system-extension-policy payloads say together, as sysextd reads them.

Source: Apple's device management schema. Several payloads are united, save that one `AllowUserOverrides: false` holds
for all. What a release does not know yet it ignores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kextrel.virtual.releases import numbers

__all__ = ["PAYLOAD", "ExtensionPolicy"]

PAYLOAD = "com.apple.system-extension-policy"
_TYPES = {
    "com.apple.system_extension.driver_extension": "DriverExtension",
    "com.apple.system_extension.network_extension": "NetworkExtension",
    "com.apple.system_extension.endpoint_security": "EndpointSecurityExtension",
}
_REMOVABLE_SINCE, _NON_REMOVABLE_SINCE = (12, 0, 1), (15,)
Pair = tuple[str, str]


@dataclass(frozen=True)
class ExtensionPolicy:
    """The union of all payloads. `extensions`, `removable` … hold (team, bundle identifier); `types` maps a team to the
    type words to which what it is allowed is narrowed, and a team that is not there is allowed all."""

    overrides: bool = True
    teams: frozenset[str] = frozenset()
    extensions: frozenset[Pair] = frozenset()
    types: Mapping[str, frozenset[str]] = field(default_factory=dict)
    removable: frozenset[Pair] = frozenset()
    non_removable: frozenset[Pair] = frozenset()
    non_removable_from_ui: frozenset[Pair] = frozenset()

    @classmethod
    def of(cls, payloads: Sequence[Mapping[str, Any]], macos: str) -> ExtensionPolicy:
        """Reads `payloads` as the release `macos` does; a key of another form than the schema's counts as absent."""
        release = numbers(macos)
        since_12, since_15 = release >= _REMOVABLE_SINCE, release >= _NON_REMOVABLE_SINCE
        return cls(
            overrides=all(payload.get("AllowUserOverrides", True) is not False for payload in payloads),
            teams=frozenset(team for one in payloads for team in _texts(one.get("AllowedTeamIdentifiers"))),
            extensions=_pairs(payloads, "AllowedSystemExtensions"),
            types=_types(payloads),
            removable=_pairs(payloads, "RemovableSystemExtensions") if since_12 else frozenset(),
            non_removable=_pairs(payloads, "NonRemovableSystemExtensions") if since_15 else frozenset(),
            non_removable_from_ui=_pairs(payloads, "NonRemovableFromUISystemExtensions") if since_15 else frozenset(),
        )

    def allows(self, team_id: str, bundle_id: str, category: str) -> bool:
        """Whether it may run with nobody asked."""
        named = team_id in self.teams or (team_id, bundle_id) in self.extensions
        kinds = self.types.get(team_id)
        return named and (kinds is None or _TYPES.get(category) in kinds)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, str))


def _entries(payloads: Iterable[Mapping[str, Any]], key: str) -> Iterator[Pair]:
    for payload in payloads:
        named = payload.get(key)
        for team, values in named.items() if isinstance(named, dict) else ():
            yield from ((str(team), one) for one in _texts(values))


def _pairs(payloads: Iterable[Mapping[str, Any]], key: str) -> frozenset[Pair]:
    return frozenset(_entries(payloads, key))


def _types(payloads: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for payload in payloads:
        named = payload.get("AllowedSystemExtensionTypes")
        for team, values in named.items() if isinstance(named, dict) else ():
            found.setdefault(str(team), set()).update(_texts(values))
    return {team: frozenset(words) for team, words in found.items()}
