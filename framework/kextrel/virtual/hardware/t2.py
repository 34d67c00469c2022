"""The T2 chip's part in starting an Intel Mac: how strictly it looks at what boots, as Startup Security Utility says.

Apple's user guide, "About Startup Security Utility on a Mac with the Apple T2 Security Chip"; the variable and its
values as MDM agents read them with nvram(8).
"""

from __future__ import annotations

from kextrel.virtual.hardware.nvram import Nvram

__all__ = ["LEVELS", "POLICY", "T2"]

POLICY = "94b73556-2197-4702-82a8-3e1337dafbfb:AppleSecureBootPolicy"
"""The T2's own variable: it shows it, and no software writes it."""
LEVELS = {"Full": 2, "Medium": 1, "No": 0}
"""What Startup Security Utility calls a security, and the byte in the variable."""


class T2:
    """One Mac's T2. The level that it keeps is in its NVRAM at once, and survives everything. `internal_only`: it boots
    from no external or removable media."""

    def __init__(self, nvram: Nvram) -> None:
        self._nvram = nvram
        self.internal_only = True
        self.set("Full")

    @property
    def level(self) -> str:
        """ "Full", "Medium" or "No"."""
        value = (self._nvram.get(POLICY) or b"\x02")[0]
        return next(name for name, byte in LEVELS.items() if byte == value)

    def set(self, level: str) -> None:
        """Startup Security Utility chose `level`, after an administrator's password."""
        self._nvram.set(POLICY, bytes([LEVELS[level]]))
        self._nvram.sync()
