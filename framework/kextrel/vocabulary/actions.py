"""The actions of the scenario language: one frozen value a verb. `verb` is the word that people write.

Extensions are named as the scenario names them. Defaults are those of design.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from kextrel.vocabulary.mac import Profile
from kextrel.vocabulary.version import Version
from kextrel.vocabulary.words import Credential, Enrollment, Environment, KextManagement, SecurityMode

__all__ = [
    "ACTIONS",
    "Action",
    "Activate",
    "Allow",
    "Approve",
    "Boot",
    "Deactivate",
    "DeveloperMode",
    "Disable",
    "Enable",
    "Enroll",
    "Install",
    "InstallProfile",
    "KextConsent",
    "Load",
    "PanicMedic",
    "PowerCut",
    "Rebuild",
    "Remove",
    "RemoveProfile",
    "Replace",
    "ResetExtensions",
    "Restart",
    "SetSecurity",
    "SetSip",
    "Unenroll",
    "Unload",
    "Upgrade",
    "Wait",
]


@dataclass(frozen=True)
class Install:
    verb: ClassVar[str] = "install"
    extension: str


@dataclass(frozen=True)
class Remove:
    verb: ClassVar[str] = "remove"
    extension: str


@dataclass(frozen=True)
class Replace:
    verb: ClassVar[str] = "replace"
    extension: str
    version: str


@dataclass(frozen=True)
class Load:
    verb: ClassVar[str] = "load"
    extension: str


@dataclass(frozen=True)
class Unload:
    verb: ClassVar[str] = "unload"
    extension: str


@dataclass(frozen=True)
class Approve:
    verb: ClassVar[str] = "approve"
    extension: str
    as_: Credential = Credential.ADMIN
    input: Literal["physical", "synthetic"] = "physical"


@dataclass(frozen=True)
class Rebuild:
    verb: ClassVar[str] = "rebuild"


@dataclass(frozen=True)
class Activate:
    verb: ClassVar[str] = "activate"
    extension: str


@dataclass(frozen=True)
class Allow:
    verb: ClassVar[str] = "allow"
    extension: str
    as_: Credential = Credential.ADMIN


@dataclass(frozen=True)
class Disable:
    verb: ClassVar[str] = "disable"
    extension: str
    as_: Credential = Credential.ADMIN


@dataclass(frozen=True)
class Enable:
    verb: ClassVar[str] = "enable"
    extension: str
    as_: Credential = Credential.ADMIN


@dataclass(frozen=True)
class Deactivate:
    verb: ClassVar[str] = "deactivate"
    extension: str
    by: Literal["app", "settings", "finder"] = "app"
    as_: Credential = Credential.ADMIN


@dataclass(frozen=True)
class ResetExtensions:
    verb: ClassVar[str] = "reset-extensions"


@dataclass(frozen=True)
class DeveloperMode:
    verb: ClassVar[str] = "developer-mode"
    on: bool


@dataclass(frozen=True)
class Restart:
    verb: ClassVar[str] = "restart"
    by: Literal["user", "mdm"] = "user"
    rebuild_kernel_cache: bool = False
    kext_paths: tuple[str, ...] = ()
    notify_user: bool = False


@dataclass(frozen=True)
class Boot:
    verb: ClassVar[str] = "boot"
    into: Environment


@dataclass(frozen=True)
class PowerCut:
    verb: ClassVar[str] = "power-cut"
    during: Literal["idle", "rebuild"] = "idle"


@dataclass(frozen=True)
class SetSecurity:
    """`mode` None keeps the mode (BOOT-07)."""

    verb: ClassVar[str] = "set-security"
    mode: SecurityMode | None = None
    allow: frozenset[KextManagement] = frozenset()
    using: Literal["startup-security-utility", "bputil"] = "bputil"
    as_: Credential = Credential.ADMIN
    paired: bool = True


@dataclass(frozen=True)
class SetSip:
    verb: ClassVar[str] = "set-sip"
    enabled: bool
    as_: Credential = Credential.ADMIN


@dataclass(frozen=True)
class KextConsent:
    """Exactly one of the two is given."""

    verb: ClassVar[str] = "kext-consent"
    add: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True)
class PanicMedic:
    verb: ClassVar[str] = "panic-medic"


@dataclass(frozen=True)
class InstallProfile:
    verb: ClassVar[str] = "install-profile"
    profile: Profile
    from_: Literal["mdm", "hand"] = "mdm"


@dataclass(frozen=True)
class RemoveProfile:
    verb: ClassVar[str] = "remove-profile"
    profile: str


@dataclass(frozen=True)
class Enroll:
    verb: ClassVar[str] = "enroll"
    enrollment: Enrollment
    user_approved_mdm: bool = True
    bootstrap_token: bool = True


@dataclass(frozen=True)
class Unenroll:
    verb: ClassVar[str] = "unenroll"


@dataclass(frozen=True)
class Upgrade:
    verb: ClassVar[str] = "upgrade"
    macos: Version


@dataclass(frozen=True)
class Wait:
    verb: ClassVar[str] = "wait"
    minutes: float


Action = (
    Install
    | Remove
    | Replace
    | Load
    | Unload
    | Approve
    | Rebuild
    | Activate
    | Allow
    | Disable
    | Enable
    | Deactivate
    | ResetExtensions
    | DeveloperMode
    | Restart
    | Boot
    | PowerCut
    | SetSecurity
    | SetSip
    | KextConsent
    | PanicMedic
    | InstallProfile
    | RemoveProfile
    | Enroll
    | Unenroll
    | Upgrade
    | Wait
)

ACTIONS: dict[str, type[Action]] = {cls.verb: cls for cls in Action.__args__}
