"""`mdmclient QuerySecurityInfo`: on the Mac itself what it would answer an MDM server's SecurityInfo command.

Source of the keys: Apple's device-management schema (information.security). Also the rate-limited
`profiles show -type enrollment`, which prints the same kind of list.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kextrel.macos.plisttext import flag, tree
from kextrel.macos.text import Facts, clean, meaningful, require

__all__ = ["AssignmentAnswer", "SecurityInfoAnswer", "read", "read_assignment"]

# How a complaint of `profiles` begins.
_OWN = re.compile(r"\s{0,8}(?:Error\b|profiles\b|.{0,60}\b(?:requires root|must be run as root)\b)", re.IGNORECASE)
_TEXTS = {
    "secure_boot": "SecureBootLevel",
    "external_boot": "ExternalBootLevel",
    "bootstrap_token_for_authentication": "BootstrapTokenAllowedForAuthentication",
}
_FLAGS = {
    "sip": "SystemIntegrityProtectionEnabled",
    "ssv": "AuthenticatedRootVolumeEnabled",
    "filevault": "FDE_Enabled",
    "recovery_lock": "IsRecoveryLockEnabled",
    "allows_user_kext_approval": "AllowsUserKextApproval",
    "allows_mdm": "AllowsMDM",
    "allows_any_apple_signed_os": "AllowsAnyAppleSignedOS",
    "bootstrap_token_for_kexts": "BootstrapTokenRequiredForKernelExtensionApproval",
    "enrolled_via_dep": "EnrolledViaDEP",
    "user_enrollment": "IsUserEnrollment",
}


@dataclass(frozen=True)
class SecurityInfoAnswer(Facts):
    """None: it does not say. `secure_boot`: off, medium, full, not supported."""

    secure_boot: str | None = None
    external_boot: str | None = None
    sip: bool | None = None
    ssv: bool | None = None
    filevault: bool | None = None
    recovery_lock: bool | None = None
    allows_user_kext_approval: bool | None = None
    allows_mdm: bool | None = None
    allows_any_apple_signed_os: bool | None = None
    bootstrap_token_for_authentication: str | None = None
    bootstrap_token_for_kexts: bool | None = None
    enrolled_via_dep: bool | None = None
    user_enrollment: bool | None = None
    unparsed: tuple[str, ...] = ()


@dataclass(frozen=True)
class AssignmentAnswer(Facts):
    """`assigned`: whether Apple has assigned this Mac to an MDM server. `error`: rate_limited, not_root, failed."""

    assigned: bool | None = None
    server: str | None = None
    supervised: bool | None = None
    mandatory: bool | None = None
    removable: bool | None = None
    error: str | None = None
    unparsed: tuple[str, ...] = ()


def read(text: str | bytes) -> SecurityInfoAnswer:
    """Raises UnreadableAnswer where no key of SecurityInfo is in the text."""
    pairs = dict(_pairs(tree(text), 0))
    texts = {name: str(pairs[key]) for name, key in _TEXTS.items() if key in pairs}
    flags = {name: flag(pairs[key]) for name, key in _FLAGS.items() if key in pairs}
    require(bool(texts or flags), "mdmclient QuerySecurityInfo", list(meaningful(clean(text)))[:1])
    return SecurityInfoAnswer(**texts, **flags)  # type: ignore[arg-type]


def read_assignment(text: str | bytes) -> AssignmentAnswer:
    """`profiles show -type enrollment`. Raises UnreadableAnswer for other text."""
    lines = list(meaningful(clean(text)))
    joined = " ".join(lines)
    error = _error(" ".join(itertools.dropwhile(lambda line: _OWN.match(line) is None, lines)))
    titled = "Device Enrollment configuration" in joined
    pairs = dict(_pairs(tree(text), 0))
    known = {"ConfigurationURL", "IsSupervised", "IsMDMUnremovable", "IsMandatory"} & set(pairs)
    require(bool(titled or error or known), "profiles show -type enrollment", lines[:1])
    server = pairs.get("ConfigurationURL")
    unremovable = flag(pairs.get("IsMDMUnremovable"))
    return AssignmentAnswer(
        assigned=True if known else False if "(null)" in joined else None,
        server=server if isinstance(server, str) else None,
        supervised=flag(pairs.get("IsSupervised")),
        mandatory=flag(pairs.get("IsMandatory")),
        removable=None if unremovable is None else not unremovable,
        error=error,
    )


def _error(joined: str) -> str | None:
    lowered = joined.lower()
    if "too soon" in lowered or "try again later" in lowered or ("rate" in lowered and "limit" in lowered):
        return "rate_limited"
    if "root" in lowered and "requires" in lowered:
        return "not_root"
    return "failed" if "error fetching" in lowered else None


def _pairs(node: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Every key with a scalar, at any depth; the outermost of a name comes last and wins."""
    if depth > 8:
        return
    if isinstance(node, Mapping):
        for value in node.values():
            yield from _pairs(value, depth + 1)
        yield from ((str(key), value) for key, value in node.items() if not isinstance(value, Mapping | list))
    elif isinstance(node, list):
        for item in node:
            yield from _pairs(item, depth + 1)
