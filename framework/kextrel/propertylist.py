"""Property lists that anybody may have written: bounded, without entities, with a dictionary on top."""

from __future__ import annotations

import plistlib
from typing import Any
from xml.parsers.expat import ExpatError

__all__ = ["LIMIT", "BadPropertyList", "read", "write"]

LIMIT = 1 << 20  # bytes of the largest one that is read


class BadPropertyList(ValueError):
    """Not a property list with a dictionary on top, or too large. `str()` is why, without what stands in it."""


def read(raw: bytes) -> dict[str, Any]:
    """The dictionary in `raw`, XML or binary. Raises BadPropertyList.

    plistlib refuses entity declarations by itself; its binary reader recurses, so endless nesting is caught here.
    """
    if len(raw) > LIMIT:
        raise BadPropertyList(f"{len(raw)} bytes are more than {LIMIT}")
    try:
        found = plistlib.loads(raw)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, ExpatError) as error:
        raise BadPropertyList("it is no property list") from error
    except (RecursionError, MemoryError) as error:
        raise BadPropertyList("it is nested too deep") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise BadPropertyList("it has no dictionary on top")
    return found


def write(content: dict[str, Any]) -> bytes:
    """`content` as an XML property list, keys in their order."""
    return plistlib.dumps(content, fmt=plistlib.FMT_XML, sort_keys=False)
