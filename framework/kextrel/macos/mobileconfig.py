"""Configuration profiles as files: what a .mobileconfig (or one payload of it) says of kexts and system extensions.

Source: Apple's device-management schema, com.apple.syspolicy.kernel-extension-policy and
com.apple.system-extension-policy. AllowUserOverrides left out is false for kexts and true for system extensions: facts
say what is written, and None for what is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kextrel.errors import UnreadableAnswer
from kextrel.macos.plisttext import around, flag, tree
from kextrel.macos.text import Facts, clean, meaningful

__all__ = ["KEXT_POLICY", "SYSTEM_EXTENSION_POLICY", "PolicyPayload", "ProfileAnswer", "payloads", "read"]

KEXT_POLICY = "com.apple.syspolicy.kernel-extension-policy"
SYSTEM_EXTENSION_POLICY = "com.apple.system-extension-policy"
_DEPTH = 6

_BY_TEAM = {
    "allowed_kexts": "AllowedKernelExtensions",
    "allowed_extensions": "AllowedSystemExtensions",
    "allowed_types": "AllowedSystemExtensionTypes",
    "removable": "RemovableSystemExtensions",
    "non_removable": "NonRemovableSystemExtensions",
    "non_removable_from_ui": "NonRemovableFromUISystemExtensions",
}


@dataclass(frozen=True)
class PolicyPayload(Facts):
    """One payload. Maps are from team to identifiers; None: the payload has no such key."""

    payload_type: str
    identifier: str | None = None
    allow_user_overrides: bool | None = None
    allow_non_admin_approvals: bool | None = None
    allowed_teams: tuple[str, ...] | None = None
    allowed_kexts: Mapping[str, tuple[str, ...]] | None = None
    allowed_extensions: Mapping[str, tuple[str, ...]] | None = None
    allowed_types: Mapping[str, tuple[str, ...]] | None = None
    removable: Mapping[str, tuple[str, ...]] | None = None
    non_removable: Mapping[str, tuple[str, ...]] | None = None
    non_removable_from_ui: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class ProfileAnswer:
    """`payloads` are all that have a type, the outermost first; the facts are those of the first extension policy."""

    payloads: tuple[PolicyPayload, ...]
    unparsed: tuple[str, ...] = ()

    @property
    def policies(self) -> tuple[PolicyPayload, ...]:
        return tuple(one for one in self.payloads if one.payload_type in (KEXT_POLICY, SYSTEM_EXTENSION_POLICY))

    def facts(self) -> dict[str, Any]:
        chosen = (self.policies or self.payloads)[0]
        return {**chosen.facts(), "payloads": [one.facts() for one in self.payloads]}


def read(text: str | bytes) -> ProfileAnswer:
    """Raises UnreadableAnswer for what is no property list with a PayloadType."""
    found = tuple(payloads(tree(text)))
    if not found:
        raise UnreadableAnswer("a configuration profile", next(meaningful(clean(text)), ""))
    return ProfileAnswer(found, around(text))


def payloads(node: Any) -> Iterator[PolicyPayload]:
    """Every payload in a property list, the outermost first, to a bounded depth."""
    found: list[PolicyPayload] = []
    _collect([node], 0, found)
    return iter(found)


def _collect(values: Iterable[Any], depth: int, found: list[PolicyPayload]) -> None:
    """Adds to `found` the payloads in `values`, which stand at `depth`."""
    for value in values if depth <= _DEPTH else ():
        # A call for each scalar would be most of the work.
        if isinstance(value, dict):
            if isinstance(value.get("PayloadType") or value.get("ProfileType"), str):
                found.append(_payload(value))
            _collect(value.values(), depth + 1, found)
        elif isinstance(value, list):
            _collect(value, depth + 1, found)


def _payload(node: Mapping[Any, Any]) -> PolicyPayload:
    # `profiles show` puts what a payload holds into a dictionary of its own.
    inner = node.get("PayloadContent")
    body = {**node, **inner} if isinstance(inner, dict) else node
    teams, identifier = body.get("AllowedTeamIdentifiers"), node.get("PayloadIdentifier")
    return PolicyPayload(
        payload_type=str(node.get("PayloadType") or node.get("ProfileType")),
        identifier=identifier if isinstance(identifier, str) else None,
        allow_user_overrides=flag(body["AllowUserOverrides"]) if "AllowUserOverrides" in body else None,
        allow_non_admin_approvals=flag(body.get("AllowNonAdminUserApprovals")),
        allowed_teams=_texts(teams) if isinstance(teams, list) else None,
        **{name: _by_team(body[key]) for name, key in _BY_TEAM.items() if key in body},
    )


def _by_team(value: Any) -> Mapping[str, tuple[str, ...]] | None:
    if not isinstance(value, dict):
        return None
    return {str(team): _texts(names) for team, names in value.items() if isinstance(names, list)}


def _texts(items: list[Any]) -> tuple[str, ...]:
    return tuple(item for item in items if isinstance(item, str))
