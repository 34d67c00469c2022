"""What kernelmanagerd answers, in the words and with the codes that kmutil prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kextrel.virtual.hardware.sep import SepRefusal
from kextrel.virtual.macos.bundle import Judgement, Kext

__all__ = [
    "BAD_SIGNATURE",
    "LOADED",
    "NOT_APPROVED",
    "NOT_FOUND",
    "OTHER",
    "REBOOT",
    "SEVERAL",
    "Answer",
    "BuildFailed",
    "excluded",
    "failure",
    "invalid",
    "needs_approval",
    "needs_reboot",
    "refused_by_policy",
    "safe_boot",
    "unbound",
    "unresolved",
    "wrong_architecture",
]

LOADED, NOT_FOUND, NOT_APPROVED, REBOOT, BAD_SIGNATURE, SEVERAL, BUILD_FAILED, OTHER = 0, 3, 27, 28, 29, 30, 31, 71

_SIGNATURE = "Authenticating extension failed: Bad code signature"


@dataclass(frozen=True)
class Answer:
    """An exit code of kmutil, and the text of its standard error (no newline at its end; empty: nothing is printed)."""

    code: int
    text: str = ""


class BuildFailed(Exception):
    """The collection was not rebuilt: `answer` names the kext that is to blame."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


def failure(code: int, message: str) -> Answer:
    """An NSError of KMErrorDomain as kmutil prints it."""
    return Answer(
        code, f'Error Domain=KMErrorDomain Code={code} "{message}" UserInfo={{NSLocalizedDescription={message}}}'
    )


def needs_approval(identifier: str) -> Answer:
    """Somebody must allow it first."""
    return failure(
        NOT_APPROVED,
        f"Extension with identifiers {identifier} not approved to load. Please approve using System Settings.",
    )


def excluded(kext: Kext) -> Answer:
    """Apple's list keeps it out of every collection."""
    return failure(OTHER, f"{kext.title(kext.path)} is in the exclude list; omitting.")


def needs_reboot(identifier: str) -> Answer:
    """It is in the collection of the next boot: the normal end of a first installation."""
    return failure(REBOOT, f"Loading extension(s): {identifier} requires a reboot")


def refused_by_policy(refusal: SepRefusal) -> Answer:
    """The Secure Enclave did not take the new collection's hashes."""
    return failure(
        OTHER, f'Boot policy error: Error Domain=com.apple.bootpolicy Code={refusal.bootpolicy_code} "{refusal}"'
    )


def safe_boot(kext: Kext) -> Answer:
    """The kernel loads nothing of others in safe mode (kOSKextReturnBootLevel)."""
    return failure(OTHER, f"{kext.title(kext.path)} is not loadable at the current boot level (safe boot)")


def wrong_architecture(kext: Kext, needed: str) -> Answer:
    """No slice for this kernel."""
    have = ",".join(kext.architectures)
    return failure(
        OTHER, f"Incompatible architecture: Binary is for {have}, but needed {needed}\n{kext.title(kext.path)}"
    )


def unresolved(kext: Kext, library: str) -> Answer:
    """A kext that it names as its library is not there for it."""
    return failure(
        OTHER,
        f"Unable to resolve dependencies: '{kext.identifier}' names a dependency on '{library}', which was not found.",
    )


def unbound(kext: Kext, symbols: Sequence[str]) -> Answer:
    """The linker found nobody who has the `symbols` that it imports."""
    lines = [
        f"Failed to bind '{symbol}' in '{kext.identifier}' (at offset {8 * index:#x} in __DATA_CONST, __got) as could"
        " not find a kext which exports this symbol"
        for index, symbol in enumerate(symbols)
    ]
    several = "".join(f"\n\t{number}: {line}" for number, line in enumerate(lines, 1))
    return failure(
        BUILD_FAILED,
        "Error occurred while building a collection: \n\t1: One or more binaries has an error which prevented linking."
        f"  See other errors.\n\t2: Could not use '{kext.identifier}' because: {''.join(lines)}\n\n"
        f"{kext.identifier} specific:{several}",
    )


def invalid(kext: Kext, staged: str, judgement: Judgement | None) -> Answer | None:
    """What validation found: owners, modes, and the signature unless `judgement` is None (not asked). None: nothing."""
    wrong = [f"Invalid ownership ({owner}) should be (0:0)" for owner in kext.ownership()]
    wrong += [f"Invalid permissions: {path or kext.name} is writable by others" for path in kext.loose_modes()]
    if judgement is not None and not judgement.trusted:
        if not wrong:
            title = kext.title(staged)
            return failure(BAD_SIGNATURE, f"Authenticating extension failed: {title}:\n\n{_SIGNATURE}")
        wrong.append(_SIGNATURE)
    lines = "\n".join(wrong)
    return failure(SEVERAL, f"{kext.title(staged)}:\n\n{lines}") if wrong else None
