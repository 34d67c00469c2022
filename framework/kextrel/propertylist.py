"""Property lists that anybody may have written: bounded, without entities, with a dictionary on top."""

from __future__ import annotations

import plistlib
from typing import Any
from xml.parsers.expat import ExpatError

__all__ = ["LIMIT", "BadPropertyList", "read", "refuse_bomb", "write"]

LIMIT = 1 << 20  # bytes of the largest one that is read
_DEEPEST, _MOST = 64, 500_000  # levels; values, each counted as often as it is reached


class BadPropertyList(ValueError):
    """Not a property list with a dictionary on top, or too large. `str()` is why, without what stands in it."""


def read(raw: bytes, limit: int = LIMIT) -> dict[str, Any]:
    """The dictionary in `raw`, XML or binary, of at most `limit` bytes. Raises BadPropertyList.

    plistlib refuses entity declarations by itself; its binary reader recurses, so endless nesting is caught here. In a
    binary one many may refer to one value, which may be itself: what would be endless when written out is refused too.
    """
    if len(raw) > limit:
        raise BadPropertyList(f"{len(raw)} bytes are more than {limit}")
    try:
        found = plistlib.loads(raw)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, ExpatError) as error:
        raise BadPropertyList("it is no property list") from error
    except (RecursionError, MemoryError) as error:
        raise BadPropertyList("it is nested too deep") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise BadPropertyList("it has no dictionary on top")
    refuse_bomb(found)
    return found


def refuse_bomb(found: Any, *, bits: int | None = None) -> None:
    """Raises BadPropertyList for too many levels, too many values when each reference is written out, or an integer
    of more than `bits` (None: any), which whoever shows what stands there may not be able to print."""
    level: list[Any] = [found]
    count = 0
    for _ in range(_DEEPEST):
        containers = [one for one in level if isinstance(one, dict | list)]
        count += sum(map(len, containers))
        if count > _MOST:
            raise BadPropertyList("it is more than it seems: its values refer to each other again and again")
        level = [value for one in containers for value in (one.values() if isinstance(one, dict) else one)]
        if bits is not None and any(isinstance(value, int) and value.bit_length() > bits for value in level):
            raise BadPropertyList(f"it has an integer of more than {bits} bits")
    if level:
        raise BadPropertyList("it is nested too deep")


def write(content: dict[str, Any]) -> bytes:
    """`content` as an XML property list, keys in their order."""
    return plistlib.dumps(content, fmt=plistlib.FMT_XML, sort_keys=False)
