"""Whether a reading has the facts that a capture's file names: those at least, of the same types.

A number where the reading gives a list means its length.
"""

from __future__ import annotations

from typing import Any

__all__ = ["differences", "without_stars"]

# What cannot be told once tabs are spaces: which of two columns a single star stood in.
STARS = ("enabled", "active")


def differences(got: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The facts that were not found as they should: name -> what was found."""
    return {
        name: got.get(name, "missing") for name, value in wanted.items() if not agrees(got.get(name, "missing"), value)
    }


def agrees(got: Any, wanted: Any) -> bool:
    if isinstance(got, list) and isinstance(wanted, int) and not isinstance(wanted, bool):
        return len(got) == wanted
    if isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        return all(agrees(one, other) for one, other in zip(got, wanted, strict=True))
    if isinstance(got, dict) and isinstance(wanted, dict):
        return not differences(got, wanted)
    return type(got) is type(wanted) and got == wanted


def without_stars(facts: dict[str, Any]) -> dict[str, Any]:
    rows = facts.get("extensions")
    if rows is None:
        return facts
    return facts | {"extensions": [{k: v for k, v in row.items() if k not in STARS} for row in rows]}
