"""The boot progress register: what was booted and how it was asked for, written once between two resets.

The lowest boot loader locks it before anything that a person could have changed runs, so no later software can say
that the button was held when it was not.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BootProgress", "Progress"]


@dataclass(frozen=True)
class Progress:
    """One boot: `environment` is "macos" or "recovery"; `paired`: this recoveryOS belongs to the macOS on the disk."""

    environment: str
    by_button: bool = False
    paired: bool = False
    fallback: bool = False

    @property
    def os_type(self) -> str:
        """The words that `bputil -d` prints for it."""
        if self.environment == "macos":
            return "macOS"
        if self.fallback:
            return "fallback recoveryOS"
        return "one true recoveryOS" if self.by_button else "ordinary (software-launched) recoveryOS"

    @property
    def one_true(self) -> bool:
        """Whether a person held the button for this very recoveryOS."""
        return self.environment == "recovery" and self.by_button and not self.fallback


class BootProgress:
    """The register itself: empty after a reset, then locked until the next."""

    def __init__(self) -> None:
        self._value: Progress | None = None

    @property
    def value(self) -> Progress | None:
        """What was locked in, None before the boot loader came to it and while the Mac is off."""
        return self._value

    def lock(self, value: Progress) -> None:
        """Writes it; a second write before a reset is a fault of the caller's and raises RuntimeError."""
        if self._value is not None:
            raise RuntimeError("the boot progress register is locked until the next reset")
        self._value = value

    def reset(self) -> None:
        """What a reset of the chip does, and nothing else can."""
        self._value = None
