"""Profiles: what several of them allow and forbid together (MDM-13), and which extensions their lists name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from kextrel.policy.mdm import MDM_13
from kextrel.policy.rule import Law, Rule
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Category, Extension, KernelPolicy, Signature, SystemPolicy, Version

__all__ = [
    "anybody_approves",
    "contradicts_itself",
    "extension_listed",
    "extension_overrides",
    "kernel",
    "kext_listed",
    "kext_overrides",
    "not_removable",
    "not_removable_from_ui",
    "removable",
    "system",
    "united",
]

_TYPES = {
    Category.DRIVER: "DriverExtension",
    Category.NETWORK: "NetworkExtension",
    Category.ENDPOINT_SECURITY: "EndpointSecurityExtension",
}
_UNSIGNED = ""
_KERNEL_POLICIES = Version(10, 13, 2)

P = TypeVar("P")


def kernel(situation: Situation) -> tuple[KernelPolicy, ...]:
    """The kernel-extension payloads on this Mac, the one that came last at the end; from 10.13.2 on."""
    if not situation.profiles or situation.mac.macos < _KERNEL_POLICIES:
        return ()
    return tuple(one.kernel_extensions for one in situation.profiles if one.kernel_extensions is not None)


def system(situation: Situation) -> tuple[SystemPolicy, ...]:
    """The system-extension payloads on this Mac, the one that came last at the end."""
    if not situation.profiles:
        return ()
    return tuple(one.system_extensions for one in situation.profiles if one.system_extensions is not None)


def united(payloads: Sequence[object], law: Law) -> tuple[Rule, ...]:
    """MDM-13, where there is something to unite."""
    return (MDM_13,) if len(payloads) > 1 and law.says(MDM_13) else ()


def _counting(payloads: Sequence[P], law: Law) -> Sequence[P]:
    """Those that count: all of them, and without MDM-13 only the last."""
    return payloads if law.says(MDM_13) else payloads[-1:]


def kext_listed(situation: Situation, extension: Extension, law: Law) -> bool:
    """Whether an allow-list names the team of this kext, or its team with its bundle identifier."""
    team = _team(extension)
    return any(
        (bool(team) and team in one.allowed_team_identifiers)
        or (team is not None and _names(one.allowed_kernel_extensions, team, extension))
        for one in _counting(kernel(situation), law)
    )


def _team(extension: Extension) -> str | None:
    """The team that profiles know a kext by: the empty one for an unsigned kext, none for one signed by nobody."""
    if extension.signature is Signature.NONE:
        return _UNSIGNED
    return None if extension.signature is Signature.AD_HOC else extension.team_id


def kext_overrides(situation: Situation, law: Law) -> bool:
    """Whether the user may approve kexts that no profile allows. Left out, the key means false."""
    return all(bool(one.allow_user_overrides) for one in _counting(kernel(situation), law))


def anybody_approves(situation: Situation) -> bool:
    """Whether a profile lets standard users approve kexts (AllowNonAdminUserApprovals): lists of rights are united."""
    return any(bool(one.allow_non_admin_user_approvals) for one in kernel(situation))


def extension_listed(situation: Situation, extension: Extension, law: Law) -> bool:
    """Whether the lists allow this system extension: by team, or team and bundle identifier, if its kind is allowed."""
    payloads = _counting(system(situation), law)
    named = any(
        extension.team_id in one.allowed_team_identifiers
        or _names(one.allowed_system_extensions, extension.team_id, extension)
        for one in payloads
    )
    return named and _kind_allowed(extension, (one.allowed_system_extension_types for one in payloads))


def _kind_allowed(extension: Extension, types: Iterable[Mapping[str, frozenset[str]]]) -> bool:
    entries = [one[extension.team_id] for one in types if extension.team_id in one]
    kind = _TYPES[extension.category or Category.ENDPOINT_SECURITY]
    return not entries or any(kind in one for one in entries)


def extension_overrides(situation: Situation, law: Law) -> bool:
    """Whether the user may allow system extensions that no profile allows. Left out, the key means true."""
    return all(one.allow_user_overrides is not False for one in _counting(system(situation), law))


def contradicts_itself(payload: SystemPolicy) -> bool:
    """MDM-15: the same team in two lists, or the same extension called removable and not."""
    fixed = payload.non_removable_system_extensions
    twice = payload.allowed_team_identifiers & payload.allowed_system_extensions.keys()
    both = (names & fixed.get(team, frozenset()) for team, names in payload.removable_system_extensions.items())
    return bool(twice) or any(both)


def removable(situation: Situation, extension: Extension) -> bool:
    """Whether a profile lets the app remove this extension with no administrator (RemovableSystemExtensions)."""
    return any(_names(one.removable_system_extensions, extension.team_id, extension) for one in system(situation))


def not_removable(situation: Situation, extension: Extension) -> bool:
    """Whether a profile says that it may not be removed at all (NonRemovableSystemExtensions)."""
    return any(_names(one.non_removable_system_extensions, extension.team_id, extension) for one in system(situation))


def not_removable_from_ui(situation: Situation, extension: Extension) -> bool:
    """Whether one says so of Settings and Finder (NonRemovableFromUISystemExtensions)."""
    return any(
        _names(one.non_removable_from_ui_system_extensions, extension.team_id, extension) for one in system(situation)
    )


def _names(by_team: Mapping[str, frozenset[str]], team: str, extension: Extension) -> bool:
    return extension.bundle_id in by_team.get(team, frozenset())
