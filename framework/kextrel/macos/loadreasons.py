"""The words for why a kext was not loaded, and what kmutil and the kext* tools say for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

__all__ = ["BEFORE_KMUTIL", "OF_KEXT_TOOLS", "PHRASES", "RETURNS", "LoadReason"]


class LoadReason(StrEnum):
    """Why a kext was not loaded, in the words of `kextrel parse`."""

    APPROVAL_REQUIRED = "approval_required"
    REBOOT_REQUIRED = "reboot_required"
    BAD_CODE_SIGNATURE = "bad_code_signature"
    NOT_SIGNED = "not_signed"
    VALIDATION_ERRORS = "validation_errors"
    OWNERSHIP = "ownership"
    UNDEFINED_SYMBOLS = "undefined_symbols"
    MISSING_DEPENDENCY = "missing_dependency"
    COLLECTION_BUILD_FAILED = "collection_build_failed"
    MISSING_KDK = "missing_kdk"
    BOOT_KC_NOT_FOUND = "boot_kc_not_found"
    WRONG_ARCH = "wrong_arch"
    BOOTPOLICY_PAIRING = "bootpolicy_pairing"
    KERNEL_REJECTED = "kernel_rejected"
    NOT_ROOT = "not_root"
    EXCLUDED = "excluded"
    NOT_LOADABLE = "not_loadable"
    INTERACTIVE_AUTH = "interactive_auth"


# The first phrase that occurs names the reason. Order matters: what wraps another error comes after what it wraps.
PHRASES: tuple[tuple[LoadReason, tuple[str, ...]], ...] = (
    (LoadReason.MISSING_KDK, ("Missing Developer Kit", "install a KDK")),
    (LoadReason.BOOTPOLICY_PAIRING, ("pairing (17)",)),
    (LoadReason.BOOT_KC_NOT_FOUND, ("contents of boot kernel collection", "boot kernel collection not found")),
    (
        LoadReason.WRONG_ARCH,
        (
            *("Incompatible architecture", ", but needed ", "code for the architecture"),
            "requested architecture/executable not found",
        ),
    ),
    (LoadReason.INTERACTIVE_AUTH, ("com.apple.LocalAuthentication", "LAErrorDomain")),
    (
        LoadReason.APPROVAL_REQUIRED,
        ("not approved to load", "ystem policy prevents loading", "rejected due to system policy"),
    ),
    (LoadReason.REBOOT_REQUIRED, ("requires a reboot", "requires reboot", "system reboot is required")),
    (LoadReason.NOT_SIGNED, ("not signed at all", "not code signed", "code object is not signed")),
    (LoadReason.BAD_CODE_SIGNATURE, ("Bad code signature", "invalid signature")),
    (
        LoadReason.OWNERSHIP,
        (
            *("Invalid ownership", "file ownership/permissions", "improper filesystem permissions"),
            *("Invalid permissions", "File owner/permissions are incorrect"),
        ),
    ),
    (LoadReason.VALIDATION_ERRORS, ("validation failure (plist/executable)", "Validation Failures:")),
    (
        LoadReason.MISSING_DEPENDENCY,
        (
            *("Unable to resolve dependencies", "dependency resolution failure", "dependency load failure"),
            *("failed to load - (libkern/kext) dependency load failed", "Dependency Resolution Failures:"),
            *(".kext - dependency '", ".kext - no compatible dependency found for"),
        ),
    ),
    (
        LoadReason.UNDEFINED_SYMBOLS,
        (
            *("could not find a kext which exports this symbol", "symbols are unresolved for this kext"),
            "(libkern/kext) link error",
        ),
    ),
    (LoadReason.COLLECTION_BUILD_FAILED, ("building a collection", "build a collection")),
    (LoadReason.KERNEL_REJECTED, ("Kernel request failed", "rejected by the kernel")),
    (LoadReason.NOT_ROOT, ("not privileged", "must be running as root", "must be run as root", "not running as root")),
    (LoadReason.EXCLUDED, ("is in exclude list", "is in the exclude list")),
    (LoadReason.NOT_LOADABLE, ("not loadable",)),
)

# The last byte of a kOSKextReturn [OSKextLib.h].
RETURNS: Mapping[int, LoadReason] = MappingProxyType(
    {
        0x04: LoadReason.NOT_ROOT,
        0x0C: LoadReason.VALIDATION_ERRORS,
        0x0D: LoadReason.OWNERSHIP,
        0x0E: LoadReason.MISSING_DEPENDENCY,
        0x0F: LoadReason.WRONG_ARCH,
        0x13: LoadReason.NOT_LOADABLE,
        0x15: LoadReason.MISSING_DEPENDENCY,
        0x16: LoadReason.UNDEFINED_SYMBOLS,
        0x1B: LoadReason.APPROVAL_REQUIRED,
    }
)

# What no other tool says, though it is no reason of ours [kext_tools; err_libkern.sub of xnu].
OF_KEXT_TOOLS = (
    *("(libkern/kext) ", "Kext rejected due to ", "(kernel) Kext ", "(kernel) Can't ", "no such bundle file exists"),
    *("Diagnostics for ", "run kextutil on this kext", "No kernel file specified", "(kernel) kxld["),
)

# What only the tools before kmutil say.
BEFORE_KMUTIL = (
    *("(libkern/kext) ", "Kext rejected due to ", "Diagnostics for ", "Kext user-space log filter", "kext-dev-mode "),
    *("Kext with invalid signature", "Untrusted kexts are not allowed", "KernelCache ID: "),
    *("Kext library architecture set to ", "System policy prevents loading"),
)
