"""Where megabytes differ, in a few words: pytest would compare them line by line, for minutes."""

from __future__ import annotations

__all__ = ["difference"]

SHOWN = 24


def difference(seen: bytes, wanted: bytes) -> str:
    """ "" for equal bytes; else how many came of how many, and the first place where they differ."""
    if seen == wanted:
        return ""
    place = _first(seen, wanted)
    begin = slice(place, place + SHOWN)
    return f"{len(seen)} bytes of {len(wanted)}; from {place} on {seen[begin]!r} in place of {wanted[begin]!r}"


def _first(one: bytes, other: bytes) -> int:
    """The length of their common beginning, by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low
