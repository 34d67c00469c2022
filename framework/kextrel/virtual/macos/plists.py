"""Reads property lists that anybody may have written: bounded, without entities, never deeper than a bundle needs."""

from __future__ import annotations

import plistlib
from typing import Any
from xml.parsers.expat import ExpatError

__all__ = ["LIMIT", "BadPlist", "Plist", "mapping", "text"]

LIMIT = 1 << 20
"""Bytes of the largest property list that is read."""

Plist = dict[str, Any]


class BadPlist(ValueError):
    """Not a property list whose root is a dictionary, or one larger than 1 MiB. `str()` says which."""


def mapping(data: bytes) -> Plist:
    """The dictionary in `data` (XML or binary). Raises BadPlist.

    plistlib itself refuses entity declarations; its binary reader recurses, and so a list nested without end ends in
    RecursionError, which is answered here like any other malformed file.
    """
    if len(data) > LIMIT:
        raise BadPlist(f"property list of {len(data)} bytes is larger than {LIMIT}")
    try:
        found = plistlib.loads(data)
    except (plistlib.InvalidFileException, ExpatError, ValueError, TypeError, LookupError) as error:
        raise BadPlist(f"not a property list: {error}") from error
    except (AttributeError, OverflowError, RecursionError, MemoryError) as error:
        raise BadPlist("not a property list: malformed or nested too deep") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise BadPlist("the property list's root is not a dictionary")
    return found


def text(plist: Plist, key: str, default: str = "") -> str:
    """`plist[key]` where it is a string, else `default`."""
    value = plist.get(key, default)
    return value if isinstance(value, str) else default
