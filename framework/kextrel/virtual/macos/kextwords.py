"""Why kextd and the kernel of macOS 10.12 to 10.15 refuse a kext, in the words of kextload and kextutil.

Sources: kextutil(8), kextload(8), Apple TN2459 (exit code 27), reports of 10.10 to 10.15.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import quote

from kextrel.virtual.macos.bundle import Judgement, Kext

__all__ = [
    "NOT_LOADED",
    "SYSTEM_POLICY",
    "Refusal",
    "another_is_loaded",
    "no_code",
    "not_found",
    "not_now",
    "prevented",
    "unauthentic",
    "unsigned",
]

SYSTEM_POLICY, NOT_LOADED, FAILED = 27, 3, 71
_NO_SIGNATURE, _BAD_SIGNATURE = -67062, -67061
_DIAGNOSTICS_SINCE = (10, 14)


@dataclass(frozen=True)
class Refusal:
    """An exit code; `why` in the words of libkern, for kextload; `lines`, what kextutil prints of it."""

    code: int
    why: str
    lines: tuple[str, ...]


def not_found(path: str, why: str) -> Refusal:
    """There is nothing, or it is no kext."""
    return Refusal(FAILED, "not found", (f"{path}: Can't create kext: {why}.",))


def no_code(kext: Kext, architecture: str) -> Refusal:
    """No slice for this kernel."""
    return Refusal(
        FAILED,
        "(libkern/kext) requested architecture/executable not found",
        (
            "Validation Failures: ",
            f"    Executable does not contain code for the architecture {architecture}: {kext.name}",
        ),
    )


def not_now(kext: Kext) -> Refusal:
    """The kernel loads nothing of others in safe mode."""
    why = "(libkern/kext) not loadable at the current boot level (safe boot)"
    return Refusal(FAILED, why, (f"{kext.name} is not loadable at the current boot level (safe boot).",))


def another_is_loaded(kext: Kext) -> Refusal:
    """A kext of that name runs, and it is another version."""
    why = "(libkern/kext) a different version of the kext is already loaded"
    return Refusal(
        FAILED, why, (f"(kernel) Can't load kext {kext.identifier} - a different version is already loaded.",)
    )


def unauthentic(kext: Kext) -> Refusal | None:
    """Owners or modes that a kext must not have; None where they are right."""
    if not kext.ownership() and not kext.loose_modes():
        return None
    lines = (
        "Authentication Failures: ",
        "    File owner/permissions are incorrect (must be root:wheel, nonwritable by group/other): ",
        f"        {kext.path}",
        f"Kext rejected due to improper filesystem permissions: {_object(kext, kext.path)}",
    )
    return Refusal(FAILED, "(libkern/kext) authentication failure (file ownership/permissions)", lines)


def unsigned(staged: str, judgement: Judgement) -> Refusal:
    """A signature that is none, or worth nothing."""
    none = judgement.directory is None
    lines = (
        "Untrusted kexts are not allowed",
        f"Kext with invalid signature ({_NO_SIGNATURE if none else _BAD_SIGNATURE}) denied: {staged}",
        f"Code Signing Failure: {'not code signed' if none else 'code signature is invalid'}",
    )
    return Refusal(FAILED, "(libkern/kext) not loadable (reason unspecified)", lines)


def prevented(kext: Kext, staged: str, release: tuple[int, ...]) -> Refusal:
    """Its user has not consented."""
    why = "(libkern/kext) system policy prevents loading"
    if release < _DIAGNOSTICS_SINCE:
        return Refusal(SYSTEM_POLICY, why, ("System policy prevents loading the kernel extension.",))
    rejected = f"Kext rejected due to system policy: {_object(kext, staged)}"
    return Refusal(SYSTEM_POLICY, why, (rejected, f"Diagnostics for {kext.path}:"))


def _object(kext: Kext, path: str) -> str:
    """As a Foundation object describes itself."""
    address = 0x7F8000000000 | int(hashlib.sha256(kext.path.encode()).hexdigest()[:10], 16) & ~0xF
    return f'<OSKext {address:#x} [0x7fff9ca1b8e0]> {{ URL = "file://{quote(path)}/", ID = "{kext.identifier}" }}'
