"""What sysextd demands of an extension before it takes it: the checks of an activation, and the numbers of failures.

Sources: SystemExtensions.h (OSSystemExtensionErrorCode); Apple's documentation of the Info.plist keys and entitlements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import IntEnum

from kextrel.virtual.macos import plists
from kextrel.virtual.macos.code import Code

__all__ = ["INSTALL", "ErrorCode", "Refused", "category_of", "check_category", "check_form", "missing"]

INSTALL = "com.apple.developer.system-extension.install"
DRIVER = "com.apple.system_extension.driver_extension"
NETWORK = "com.apple.system_extension.network_extension"
ENDPOINT_SECURITY = "com.apple.system_extension.endpoint_security"
_ENTITLEMENTS = {
    DRIVER: "com.apple.developer.driverkit",
    NETWORK: "com.apple.developer.networking.networkextension",
    ENDPOINT_SECURITY: "com.apple.developer.endpoint-security.client",
}
_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,155}\Z", re.ASCII)
_VERSION = re.compile(r"\d{1,18}(\.\d{1,18}){0,2}[A-Za-z0-9]{0,8}\Z", re.ASCII)
_DRIVER_VERSION = re.compile(r"(\d{1,5})(?:\.(\d{1,2}))?(?:\.(\d{1,2}))?\Z", re.ASCII)
_LARGEST_MAJOR = 65535


class ErrorCode(IntEnum):
    """OSSystemExtensionErrorCode."""

    UNKNOWN = 1
    MISSING_ENTITLEMENT = 2
    UNSUPPORTED_LOCATION = 3
    NOT_FOUND = 4
    MISSING_IDENTIFIER = 5
    DUPLICATE_IDENTIFIER = 6
    UNKNOWN_CATEGORY = 7
    SIGNATURE_INVALID = 8
    VALIDATION_FAILED = 9
    FORBIDDEN_BY_POLICY = 10
    CANCELED = 11
    SUPERSEDED = 12
    AUTHORIZATION_REQUIRED = 13


class Refused(Exception):
    """A request that failed: what the application is told."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def category_of(code: Code) -> str:
    """The category that the bundle says it is. Raises Refused (UNKNOWN_CATEGORY)."""
    if code.path.endswith(".dext"):
        return DRIVER
    if "NetworkExtension" in code.info:
        return NETWORK
    if "CMIOExtension" in code.info:
        raise Refused(ErrorCode.UNKNOWN_CATEGORY, f"{code.path} is a camera's, and this Mac has none")
    return ENDPOINT_SECURITY


def missing(category: str, entitlements: Mapping[str, object]) -> str:
    """The entitlement that an extension of `category` needs and does not have; "" when it has it."""
    needed = _ENTITLEMENTS[category]
    return "" if entitlements.get(needed) else needed


def check_form(code: Code) -> None:
    """Identifier, versions, the reason that people are given. Raises Refused."""
    if not code.identifier:
        raise Refused(ErrorCode.MISSING_IDENTIFIER, f"{code.path} has no CFBundleIdentifier")
    name = code.path.rsplit("/", 1)[-1].rpartition(".")[0]
    if not _IDENTIFIER.match(code.identifier) or name != code.identifier:
        raise _invalid(code, f"CFBundleIdentifier {code.identifier[:60]!r}, and the bundle is named {name[:60]!r}")
    if not _VERSION.match(code.version) or not _VERSION.match(code.short_version):
        raise _invalid(code, f"the versions {code.short_version[:40]!r} and {code.version[:40]!r}")
    if not code.path.endswith(".dext") and not plists.text(code.info, "NSSystemExtensionUsageDescription"):
        raise _invalid(code, "no NSSystemExtensionUsageDescription")


def check_category(code: Code, category: str) -> None:
    """What its category's own daemon demands. Raises Refused (VALIDATION_FAILED)."""
    checks: dict[str, Callable[[Code], str]] = {
        DRIVER: _driver,
        NETWORK: _network,
        ENDPOINT_SECURITY: _endpoint_security,
    }
    wrong = checks[category](code)
    if wrong:
        raise _invalid(code, wrong)


def _invalid(code: Code, what: str) -> Refused:
    return Refused(ErrorCode.VALIDATION_FAILED, f"{code.path}: {what}")


def _driver(code: Code) -> str:
    """Kernel management's part: personalities, and a version that packs into 32 bits."""
    version = _DRIVER_VERSION.match(code.version)
    if version is None or int(version[1]) > _LARGEST_MAJOR:
        return f"CFBundleVersion {code.version!r} is none that a driver can have"
    personalities = code.info.get("IOKitPersonalities")
    good = isinstance(personalities, dict) and all(isinstance(one, dict) for one in personalities.values())
    return "" if good and personalities else "no IOKitPersonalities"


def _network(code: Code) -> str:
    network = code.info.get("NetworkExtension")
    classes = network.get("NEProviderClasses") if isinstance(network, dict) else None
    return "" if isinstance(classes, dict) and classes else "no NEProviderClasses"


def _endpoint_security(code: Code) -> str:
    early = code.info.get("NSEndpointSecurityEarlyBoot", False)
    return "" if isinstance(early, bool) else "NSEndpointSecurityEarlyBoot is no boolean"
