"""The releases of macOS: their numbers, and what Apple calls them."""

from __future__ import annotations

import re
from types import MappingProxyType

__all__ = ["name_of", "numbers"]

_NAMES = MappingProxyType(
    {"11": "Big Sur", "12": "Monterey", "13": "Ventura", "14": "Sonoma", "15": "Sequoia", "26": "Tahoe"}
    | {"10.12": "Sierra", "10.13": "High Sierra", "10.14": "Mojave", "10.15": "Catalina"}
)


def numbers(macos: str) -> tuple[int, ...]:
    """ "14.5" -> (14, 5), and three at the most."""
    return tuple(int(part) for part in re.findall("[0-9]+", macos)[:3])


def name_of(macos: str) -> str:
    """ "Sonoma" of "14.5"; the number itself of a release that has no name here."""
    major, minor = (*macos.split("."), "")[:2]
    return _NAMES.get(f"10.{minor}" if major == "10" else major, macos)
