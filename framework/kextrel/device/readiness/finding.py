"""What was found of one row of the preparation: a standing, and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

__all__ = ["ROWS", "Finding", "Standing", "missing", "ok", "passed_over", "unknown"]


class Standing(StrEnum):
    """`missing` is the only one that somebody must do something about."""

    OK = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "does not apply"


ROWS: Mapping[str, str] = MappingProxyType(
    {
        "PREP-01": "Remote Login, our key, a pinned host key",
        "PREP-02": "sudo without a password",
        "PREP-03": "Full Disk Access for remote users",
        "PREP-04": "an administrator with a secure token who owns the volume",
        "PREP-05": "somebody logged in at the console, FileVault off or unlocked by the bench",
        "PREP-06": "no screen lock, no sleep",
        "PREP-07": "keyboard navigation",
        "PREP-08": "the bench's keyboard accepted, its layout set",
        "PREP-09": "power that the bench can cut, and back on by itself",
        "PREP-10": "one macOS on the disk",
        "PREP-11": "Apple's signing server reachable",
        "PREP-12": "the beacon reachable by wire",
        "PREP-13": "extensions signed by who may",
        "PREP-14": "managed, where the profile says so",
        "PREP-15": "no kext approved by an earlier run",
    }
)
"""The rows of the preparation (prepare.md), in words for people."""


@dataclass(frozen=True)
class Finding:
    """`said` is one sentence: what is so; or what is missing and what to do; or why it is not known."""

    row: str
    standing: Standing
    said: str

    def line(self) -> str:
        """For a terminal."""
        return f"{self.standing:<14}  {self.row}  {ROWS[self.row]}: {self.said}"

    def to_json(self) -> dict[str, Any]:
        return {"row": self.row, "about": ROWS[self.row], "standing": self.standing.value, "said": self.said}


def ok(row: str, said: str) -> Finding:
    return Finding(row, Standing.OK, said)


def missing(row: str, said: str) -> Finding:
    return Finding(row, Standing.MISSING, said)


def unknown(row: str, said: str) -> Finding:
    return Finding(row, Standing.UNKNOWN, said)


def passed_over(row: str, said: str) -> Finding:
    """It does not apply to this Mac."""
    return Finding(row, Standing.NOT_APPLICABLE, said)
