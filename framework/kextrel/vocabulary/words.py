"""The words of policy.md and of the scenario language, as enums. Their values are what people write."""

from __future__ import annotations

from enum import Enum, StrEnum

__all__ = [
    "UNKNOWN",
    "Architecture",
    "Category",
    "Credential",
    "Enrollment",
    "Environment",
    "ExtensionKind",
    "KextManagement",
    "Outcome",
    "Reason",
    "SecurityMode",
    "Signature",
    "Unknown",
    "Verdict",
]


class Unknown(Enum):
    """The type of UNKNOWN: not observed. Never the same as absent or false."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("UNKNOWN is neither true nor false: compare with 'is UNKNOWN' first")


UNKNOWN = Unknown.UNKNOWN


class Architecture(StrEnum):
    INTEL = "intel"
    INTEL_T2 = "intel-t2"
    APPLE_SILICON = "apple-silicon"


class Enrollment(StrEnum):
    NONE = "none"
    USER = "user"
    DEVICE = "device"
    AUTOMATED_DEVICE = "automated-device"


class Environment(StrEnum):
    """A boot environment. `1tr` is the paired recoveryOS that the held power button enters."""

    MACOS = "macos"
    SAFE_MODE = "safe-mode"
    ONE_TRUE_RECOVERY = "1tr"
    RECOVERYOS = "recoveryos"
    FALLBACK_RECOVERYOS = "fallback-recoveryos"
    OFF = "off"


class SecurityMode(StrEnum):
    """Apple silicon: full, reduced, permissive. Intel with T2: full, medium, none. Intel without: has none at all."""

    FULL = "full"
    REDUCED = "reduced"
    PERMISSIVE = "permissive"
    MEDIUM = "medium"
    NONE = "none"


class KextManagement(StrEnum):
    """Who may manage kexts on Apple silicon: `user` is smb2; `remote` is smb3 or smb4."""

    USER = "user"
    REMOTE = "remote"


class ExtensionKind(StrEnum):
    KEXT = "kext"
    SYSTEM_EXTENSION = "system-extension"


class Category(StrEnum):
    """The kind of a system extension."""

    DRIVER = "driver"
    NETWORK = "network"
    ENDPOINT_SECURITY = "endpoint-security"


class Signature(StrEnum):
    DEVELOPER_ID = "developer-id"
    AD_HOC = "ad-hoc"
    NONE = "none"
    BROKEN = "broken"
    REVOKED = "revoked"


class Credential(StrEnum):
    """Who authenticates: an administrator, a standard user, an administrator with a wrong password, nobody."""

    ADMIN = "admin"
    STANDARD = "standard"
    WRONG_PASSWORD = "wrong-password"  # noqa: S105 - the word of the language, not a password
    NOBODY = "nobody"


class Outcome(StrEnum):
    DONE = "done"
    LOADED = "loaded"
    APPROVAL_REQUIRED = "approval-required"
    RESTART_REQUIRED = "restart-required"
    REFUSED = "refused"
    UNLOADED = "unloaded"
    APPROVED = "approved"
    UNCHANGED = "unchanged"
    ENABLED = "enabled"
    DISABLED = "disabled"
    WAITING_FOR_USER = "waiting-for-user"
    TERMINATED = "terminated"
    RESTARTED = "restarted"
    DEFERRED = "deferred"
    BOOTED = "booted"
    CHANGED = "changed"
    INSTALLED = "installed"
    REMOVED = "removed"


class Reason(StrEnum):
    """Why something was refused. One is given: the first that applies, in the order of design.md."""

    SECURITY_MODE = "security-mode"
    KEXTS_NOT_ALLOWED = "kexts-not-allowed"
    APPROVAL_FORBIDDEN = "approval-forbidden"
    NOT_OFFERED = "not-offered"
    NOT_ADMIN = "not-admin"
    AUTHENTICATION = "authentication"
    WRONG_ENVIRONMENT = "wrong-environment"
    NOT_PAIRED = "not-paired"
    SIGNATURE = "signature"
    NOTARIZATION = "notarization"
    UNSUPPORTED_KPI = "unsupported-kpi"
    ARCHITECTURE = "architecture"
    BANNED = "banned"
    ENROLLMENT = "enrollment"
    NOT_PHYSICAL = "not-physical"
    SIP_ENABLED = "sip-enabled"
    ENTITLEMENT = "entitlement"
    LOCATION = "location"
    MALFORMED_PROFILE = "malformed-profile"
    UNSUPPORTED_VERSION = "unsupported-version"
    UNSUPPORTED_HARDWARE = "unsupported-hardware"
    NOT_REMOVABLE = "not-removable"
    NOT_INSTALLED = "not-installed"
    NETWORK = "network"


class Verdict(StrEnum):
    HELD = "held"
    VIOLATED = "violated"
    NOT_CHECKED = "not-checked"
    BENCH_FAILED = "bench-failed"
