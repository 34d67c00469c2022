"""`profiles:`, what an MDM has installed on the Mac: fields and defaults. Keys and meanings are Apple's."""

from __future__ import annotations

from kextrel.scenario.fields import Fields, bundle_id, flag, list_of, one_of, team_id, teams, text
from kextrel.vocabulary import KernelPolicy, Profile, SystemPolicy

__all__ = ["PROFILE_FIELDS", "read_profile"]

PROFILE_FIELDS = ("id", "kernel_extensions", "system_extensions")

_KERNEL_KEYS = (
    "AllowedTeamIdentifiers",
    "AllowedKernelExtensions",
    "AllowUserOverrides",
    "AllowNonAdminUserApprovals",
)
_SYSTEM_KEYS = (
    "AllowedTeamIdentifiers",
    "AllowedSystemExtensions",
    "AllowedSystemExtensionTypes",
    "RemovableSystemExtensions",
    "NonRemovableSystemExtensions",
    "NonRemovableFromUISystemExtensions",
    "AllowUserOverrides",
)
_TYPES = one_of("DriverExtension", "NetworkExtension", "EndpointSecurityExtension")


def read_profile(fields: Fields) -> Profile:
    """Types a profile from Fields whose known ones include PROFILE_FIELDS. Keys and meanings are Apple's."""
    return Profile(
        id=fields.need("id", text),
        kernel_extensions=_kernel_policy(fields) if fields.has("kernel_extensions") else None,
        system_extensions=_system_policy(fields) if fields.has("system_extensions") else None,
    )


def _kernel_policy(profile: Fields) -> KernelPolicy:
    fields = profile.inner("kernel_extensions", _KERNEL_KEYS)
    return KernelPolicy(
        allowed_team_identifiers=frozenset(fields.get("AllowedTeamIdentifiers", list_of(team_id), ())),
        allowed_kernel_extensions=_by_team(fields, "AllowedKernelExtensions"),
        allow_user_overrides=_maybe(fields, "AllowUserOverrides"),
        allow_non_admin_user_approvals=_maybe(fields, "AllowNonAdminUserApprovals"),
    )


def _system_policy(profile: Fields) -> SystemPolicy:
    fields = profile.inner("system_extensions", _SYSTEM_KEYS)
    return SystemPolicy(
        allowed_team_identifiers=frozenset(fields.get("AllowedTeamIdentifiers", list_of(team_id), ())),
        allowed_system_extensions=_by_team(fields, "AllowedSystemExtensions"),
        allowed_system_extension_types=_by_team(fields, "AllowedSystemExtensionTypes", types=True),
        removable_system_extensions=_by_team(fields, "RemovableSystemExtensions"),
        non_removable_system_extensions=_by_team(fields, "NonRemovableSystemExtensions"),
        non_removable_from_ui_system_extensions=_by_team(fields, "NonRemovableFromUISystemExtensions"),
        allow_user_overrides=_maybe(fields, "AllowUserOverrides"),
    )


def _by_team(fields: Fields, key: str, *, types: bool = False) -> dict[str, frozenset[str]]:
    if not fields.has(key):
        return {}
    found = fields.need(key, teams(_TYPES if types else bundle_id))
    return {team: frozenset(names) for team, names in found.items()}


def _maybe(fields: Fields, key: str) -> bool | None:
    return fields.need(key, flag) if fields.has(key) else None
