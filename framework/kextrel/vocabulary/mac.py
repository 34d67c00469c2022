"""What a scenario says of a Mac, of its profiles and of extensions; what a Mac's state is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from kextrel.vocabulary.version import Version
from kextrel.vocabulary.words import (
    UNKNOWN,
    Architecture,
    Category,
    Enrollment,
    Environment,
    ExtensionKind,
    KextManagement,
    SecurityMode,
    Signature,
    Unknown,
)

__all__ = ["Extension", "KernelPolicy", "Mac", "Profile", "Start", "State", "SystemPolicy"]


def _no_teams() -> Mapping[str, frozenset[str]]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Mac:
    """The `mac:` of a scenario after defaults: requirements and a starting state. `security_mode` is None on intel."""

    architecture: Architecture
    macos: Version
    enrollment: Enrollment = Enrollment.NONE
    user_approved_mdm: bool = True
    bootstrap_token: bool = True
    sip: bool = True
    security_mode: SecurityMode | None = SecurityMode.FULL
    kext_management: frozenset[KextManagement] = frozenset()
    logged_in: bool = True
    online: bool = True


@dataclass(frozen=True)
class KernelPolicy:
    """A com.apple.syspolicy.kernel-extension-policy payload. None: the key is left out."""

    allowed_team_identifiers: frozenset[str] = frozenset()
    allowed_kernel_extensions: Mapping[str, frozenset[str]] = field(default_factory=_no_teams, hash=False)
    allow_user_overrides: bool | None = None
    allow_non_admin_user_approvals: bool | None = None


@dataclass(frozen=True)
class SystemPolicy:
    """A com.apple.system-extension-policy payload. Mappings are team -> names. None: the key is left out."""

    allowed_team_identifiers: frozenset[str] = frozenset()
    allowed_system_extensions: Mapping[str, frozenset[str]] = field(default_factory=_no_teams, hash=False)
    allowed_system_extension_types: Mapping[str, frozenset[str]] = field(default_factory=_no_teams, hash=False)
    removable_system_extensions: Mapping[str, frozenset[str]] = field(default_factory=_no_teams, hash=False)
    non_removable_system_extensions: Mapping[str, frozenset[str]] = field(default_factory=_no_teams, hash=False)
    non_removable_from_ui_system_extensions: Mapping[str, frozenset[str]] = field(default_factory=_no_teams, hash=False)
    allow_user_overrides: bool | None = None


@dataclass(frozen=True)
class Profile:
    """A configuration profile with one or both policies."""

    id: str
    kernel_extensions: KernelPolicy | None = None
    system_extensions: SystemPolicy | None = None


@dataclass(frozen=True)
class Extension:
    """A kext or a system extension as a scenario describes it: `name` is its name there, `bundle` a real one's path."""

    name: str
    kind: ExtensionKind
    bundle_id: str
    team_id: str = "KXTRL00001"
    version: str = "1.0"
    signature: Signature = Signature.DEVELOPER_ID
    notarized: bool = True
    architectures: frozenset[str] = frozenset({"arm64e", "x86_64"})
    libraries: frozenset[str] = frozenset({"com.apple.kpi.bsd"})
    symbols: frozenset[str] = frozenset()
    user_client: bool = False
    banned: bool = False
    path: str = "/Library/Extensions"
    installed_before: Version | None = None
    category: Category | None = None
    entitlements: frozenset[str] | None = None
    early_boot: bool = False
    app_in_applications: bool = True
    bundle: str | None = None


@dataclass(frozen=True)
class State:
    """What rules speak about, read after a step. A field that was not observed is UNKNOWN.

    `security_mode` is None on a Mac that has none (intel). The four kext fields hold bundle identifiers;
    `system_extensions` maps a bundle identifier to systemextensionsctl's state words.
    """

    boot: Environment | Unknown = UNKNOWN
    security_mode: SecurityMode | Unknown | None = UNKNOWN
    sip: bool | Unknown = UNKNOWN
    kext_management: frozenset[KextManagement] | Unknown = UNKNOWN
    uakl: frozenset[str] | Unknown = UNKNOWN
    aux_kc: frozenset[str] | Unknown = UNKNOWN
    receipt: frozenset[str] | Unknown = UNKNOWN
    loaded_kexts: frozenset[str] | Unknown = UNKNOWN
    system_extensions: Mapping[str, str] | Unknown = field(default=UNKNOWN, hash=False)


@dataclass(frozen=True)
class Start:
    """Where a scenario begins: the Mac, the profiles on it, and the extensions that it speaks of, by name."""

    mac: Mac
    profiles: tuple[Profile, ...] = ()
    extensions: Mapping[str, Extension] = field(default_factory=dict, hash=False)
