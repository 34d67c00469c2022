"""Versions of macOS, compared by number: missing parts are 0, so 11.6 < 11.6.4 < 12.0 < 12.0.1."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["Version"]

_FORM = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(?: ?\(?([a-z])\)?)?\Z", re.ASCII)


@dataclass(frozen=True, order=True)
class Version:
    """A macOS version. `rsr` is the letter of a Rapid Security Response ("13.4.1 (c)"), empty without one.

    `text` is what was written and takes no part in comparisons.
    """

    major: int
    minor: int = 0
    patch: int = 0
    rsr: str = ""
    text: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> Version:
        """Reads "14.5", "11.6.4", "15", "13.4.1 (c)". Raises ValueError on anything else."""
        match = _FORM.match(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a macOS version such as 14.5 or 11.6.4")
        major, minor, patch, rsr = match.groups()
        return cls(int(major), int(minor or 0), int(patch or 0), rsr or "", text.strip())

    def __str__(self) -> str:
        return self.text or f"{self.major}.{self.minor}" + (f".{self.patch}" if self.patch else "") + (
            f" ({self.rsr})" if self.rsr else ""
        )
