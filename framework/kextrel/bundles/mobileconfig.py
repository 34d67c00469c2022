"""A profile's description -> a .mobileconfig with Apple's payloads for kernel and system extensions.

It is in this room because it is what this room does: a description becomes the file that a Mac is given, with no wire
and no Mac in sight. What becomes of the file (MDM, a person) is the device's part. Nothing is mended on the way: a
description that contradicts itself makes a profile that does, which a Mac must refuse (MDM-15).

Keys are those of Apple's device-management schema: TopLevel, CommonPayloadKeys, com.apple.system-extension-policy and
com.apple.syspolicy.kernel-extension-policy.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from typing import Any

from kextrel import propertylist
from kextrel.vocabulary import KernelPolicy, Profile, SystemPolicy

__all__ = ["PREFIX", "mobileconfig", "profile_identifier"]

PREFIX = "com.example.kextrel.profile."
"""How the PayloadIdentifier of every profile of ours begins: a baseline knows by it what to take away."""

_KERNEL = "com.apple.syspolicy.kernel-extension-policy"
_SYSTEM = "com.apple.system-extension-policy"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "profile.kextrel.example.com")


def mobileconfig(profile: Profile) -> bytes:
    """The profile as an XML property list, unsigned. The same description makes the same bytes."""
    identifier = profile_identifier(profile.id)
    payloads = []
    if profile.kernel_extensions is not None:
        payloads.append(_payload(identifier, "kernel", _KERNEL, _kernel(profile.kernel_extensions)))
    if profile.system_extensions is not None:
        payloads.append(_payload(identifier, "system", _SYSTEM, _system(profile.system_extensions)))
    head = _head(identifier, "Configuration", f"Kextrel: {profile.id}"[:200], payloads)
    return propertylist.write({**head, "PayloadScope": "System", "PayloadContent": payloads})


def profile_identifier(profile_id: str) -> str:
    """The PayloadIdentifier of the profile that a scenario names so; another id has another."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", profile_id)[:100]
    if safe != profile_id:
        safe = f"{safe}-{hashlib.sha256(profile_id.encode(errors='surrogatepass')).hexdigest()[:8]}"
    return PREFIX + safe


def _payload(profile: str, kind: str, payload_type: str, policy: dict[str, Any]) -> dict[str, Any]:
    return {**_head(f"{profile}.{kind}", payload_type, f"Kextrel: {kind} extensions", policy), **policy}


def _head(identifier: str, payload_type: str, name: str, content: Any) -> dict[str, Any]:
    """CommonPayloadKeys; the UUID changes with the content."""
    return {
        "PayloadDisplayName": name,
        "PayloadIdentifier": identifier,
        "PayloadOrganization": "Kextrel",
        "PayloadType": payload_type,
        "PayloadUUID": str(uuid.uuid5(_NAMESPACE, f"{identifier} {content!r}")).upper(),
        "PayloadVersion": 1,
    }


def _kernel(policy: KernelPolicy) -> dict[str, Any]:
    return _given(
        AllowUserOverrides=policy.allow_user_overrides,
        AllowNonAdminUserApprovals=policy.allow_non_admin_user_approvals,
        AllowedTeamIdentifiers=sorted(policy.allowed_team_identifiers),
        AllowedKernelExtensions=_by_team(policy.allowed_kernel_extensions),
    )


def _system(policy: SystemPolicy) -> dict[str, Any]:
    return _given(
        AllowUserOverrides=policy.allow_user_overrides,
        AllowedTeamIdentifiers=sorted(policy.allowed_team_identifiers),
        AllowedSystemExtensions=_by_team(policy.allowed_system_extensions),
        AllowedSystemExtensionTypes=_by_team(policy.allowed_system_extension_types),
        RemovableSystemExtensions=_by_team(policy.removable_system_extensions),
        NonRemovableSystemExtensions=_by_team(policy.non_removable_system_extensions),
        NonRemovableFromUISystemExtensions=_by_team(policy.non_removable_from_ui_system_extensions),
    )


def _given(**keys: Any) -> dict[str, Any]:
    """The keys that are not left out: None and nothing at all are."""
    return {key: value for key, value in keys.items() if value is not None and value not in ([], {})}


def _by_team(teams: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    return {team: sorted(names) for team, names in sorted(teams.items())}
