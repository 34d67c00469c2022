"""A configuration profile as a Mac reads it: bytes that a server sent, judged before anything is believed.

Sources: Apple's device-management schema, TopLevel, CommonPayloadKeys, com.apple.syspolicy.kernel-extension-policy and
com.apple.system-extension-policy. Error codes are those of Apple's MDM protocol reference (MCProfileErrorDomain,
MCPayloadErrorDomain, MCInstallationErrorDomain).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kextrel.virtual.macos.extensionpolicy import PAYLOAD as SYSTEM_EXTENSION_POLICY
from kextrel.virtual.macos.managedkexts import PAYLOAD as KEXT_POLICY
from kextrel.virtual.macos.plists import BadPlist, mapping
from kextrel.virtual.mdm.refusal import Refusal

__all__ = ["MDM", "Profile", "judged", "parse"]

MDM = "com.apple.mdm"

_PROFILE, _PAYLOAD, _INSTALLATION = "MCProfileErrorDomain", "MCPayloadErrorDomain", "MCInstallationErrorDomain"
_MALFORMED, _VERSION, _MISSING, _TYPE, _TWICE = 1000, 1001, 1002, 1003, 1007
_IN_PAYLOAD = 1000  # a payload's codes are the profile's and a thousand
_MOST_PAYLOADS = 256
_KINDS = frozenset({"DriverExtension", "NetworkExtension", "EndpointSecurityExtension"})
_COMMON = {"PayloadIdentifier": str, "PayloadUUID": str, "PayloadType": str, "PayloadVersion": int}
_LISTS = "a dictionary of lists of text"
_FORMS: Mapping[str, Mapping[str, str]] = {
    KEXT_POLICY: {
        "AllowUserOverrides": "a boolean",
        "AllowNonAdminUserApprovals": "a boolean",
        "AllowedTeamIdentifiers": "a list of text",
        "AllowedKernelExtensions": _LISTS,
    },
    SYSTEM_EXTENSION_POLICY: {
        "AllowUserOverrides": "a boolean",
        "AllowedTeamIdentifiers": "a list of text",
        "AllowedSystemExtensions": _LISTS,
        "AllowedSystemExtensionTypes": _LISTS,
        "RemovableSystemExtensions": _LISTS,
        "NonRemovableSystemExtensions": _LISTS,
        "NonRemovableFromUISystemExtensions": _LISTS,
    },
}


@dataclass(frozen=True)
class Profile:
    """An installed profile. `content` is its whole dictionary; `installed` Mac seconds since the epoch.

    `by_hand`: a person installed it, not the server.
    """

    content: dict[str, Any] = field(repr=False)
    installed: float = 0.0
    by_hand: bool = False

    @property
    def identifier(self) -> str:
        """PayloadIdentifier: a profile with the same one replaces this."""
        return str(self.content.get("PayloadIdentifier", ""))

    @property
    def payloads(self) -> list[dict[str, Any]]:
        """Its payloads, with the keys that they have in the profile."""
        found = self.content.get("PayloadContent", [])
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    @property
    def types(self) -> frozenset[str]:
        """The PayloadType of each."""
        return frozenset(str(one.get("PayloadType", "")) for one in self.payloads)


def parse(data: bytes, *, installed: float = 0.0) -> Profile:
    """The profile in `data`, at most 1 MiB of XML or binary property list. Raises Refusal for a malformed one."""
    try:
        content = mapping(data)
    except BadPlist as error:
        raise Refusal(_PROFILE, _MALFORMED, f"The profile is malformed: {error}") from error
    if content.get("IsEncrypted") is True:
        raise Refusal(_PROFILE, _MALFORMED, "The profile is encrypted for another device")
    _common(content, "the profile", _PROFILE, 0)
    if content["PayloadType"] != "Configuration":
        raise Refusal(_PROFILE, _MALFORMED, f"PayloadType of the profile is {content['PayloadType']!r}")
    profile = Profile(content, installed)
    _payloads(profile, content.get("PayloadContent"))
    return profile


def judged(profile: Profile, enrollment: str) -> Profile:
    """`profile`, if a Mac with that enrollment takes it from its server. Raises Refusal.

    Both policy payloads are forbidden under User Enrollment and without any.
    """
    policies = profile.types & {KEXT_POLICY, SYSTEM_EXTENSION_POLICY}
    if policies and enrollment not in ("device", "automated-device"):
        text = "The profile must originate from a user approved MDM server."
        raise Refusal(_INSTALLATION, 4001, f"{text} ({', '.join(sorted(policies))})")
    if MDM in profile.types:
        raise Refusal(_INSTALLATION, 4001, "The Mac is managed already; a second MDM payload cannot be installed")
    return profile


def _payloads(profile: Profile, content: object) -> None:
    if content is None:
        raise Refusal(_PROFILE, _MISSING, "The profile has no PayloadContent")
    if not isinstance(content, list) or len(profile.payloads) != len(content) or len(content) > _MOST_PAYLOADS:
        raise Refusal(_PROFILE, _TYPE, f"PayloadContent is no list of at most {_MOST_PAYLOADS} dictionaries")
    names = [one.get("PayloadIdentifier") for one in profile.payloads]
    for payload, name in zip(profile.payloads, names, strict=True):
        _common(payload, f"payload {name!r}", _PAYLOAD, _IN_PAYLOAD)
        _policy(payload)
        if names.count(name) > 1:
            raise Refusal(_PROFILE, _TWICE, f"PayloadIdentifier {name!r} stands twice in the profile")


def _common(content: Mapping[str, Any], where: str, domain: str, above: int) -> None:
    for key, kind in _COMMON.items():
        if key not in content:
            raise Refusal(domain, _MISSING + above, f"{key} of {where} is missing")
        if not isinstance(content[key], kind) or isinstance(content[key], bool) or content[key] == "":
            raise Refusal(domain, _TYPE + above, f"{key} of {where} is of the wrong type")
    if content["PayloadVersion"] != 1:
        raise Refusal(domain, _VERSION + above, f"PayloadVersion of {where} is not 1")


def _policy(payload: Mapping[str, Any]) -> None:
    """What the schema says of a policy payload's own keys; other payloads are none of this Mac's business."""
    kind = payload["PayloadType"]
    for key, form in _FORMS.get(kind, {}).items():
        if key in payload and not _fits(payload[key], form):
            raise _bad(payload, f"{key} is not {form}")
    if kind == SYSTEM_EXTENSION_POLICY:
        _system_extensions(payload)


def _system_extensions(payload: Mapping[str, Any]) -> None:
    both = set(payload.get("AllowedTeamIdentifiers", ())) & set(payload.get("AllowedSystemExtensions", ()))
    if both:
        raise _bad(payload, f"{_named(both)} in both AllowedTeamIdentifiers and AllowedSystemExtensions")
    kinds = {kind for given in payload.get("AllowedSystemExtensionTypes", {}).values() for kind in given}
    if kinds - _KINDS:
        raise _bad(payload, f"{_named(kinds - _KINDS)} in AllowedSystemExtensionTypes is no type of extension")
    removable, fixed = (
        _pairs(payload.get(key, {})) for key in ("RemovableSystemExtensions", "NonRemovableSystemExtensions")
    )
    if removable & fixed:
        names = {name for _, name in removable & fixed}
        raise _bad(payload, f"{_named(names)} in both RemovableSystemExtensions and NonRemovableSystemExtensions")


def _pairs(teams: Mapping[str, Iterable[str]]) -> set[tuple[str, str]]:
    return {(team, name) for team, names in teams.items() for name in names}


def _named(words: Iterable[str]) -> str:
    return ", ".join(repr(word) for word in sorted(words))


def _bad(payload: Mapping[str, Any], why: str) -> Refusal:
    return Refusal(_PAYLOAD, _TYPE + _IN_PAYLOAD, f"Payload {payload['PayloadIdentifier']!r}: {why}")


def _fits(value: object, form: str) -> bool:
    if form == "a boolean":
        return isinstance(value, bool)
    if form == "a list of text":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, dict) and all(_fits(one, "a list of text") for one in value.values())
