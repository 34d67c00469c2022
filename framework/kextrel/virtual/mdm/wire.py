"""MDM over HTTP: what both ends know of it. Bodies are property lists of at most 1 MiB.

Sources: Apple's device-management schema (check-in); the content types are those of Apple's MDM protocol reference.
"""

from __future__ import annotations

import plistlib
from collections.abc import Mapping
from typing import Any

from kextrel.virtual.macos.plists import LIMIT

__all__ = ["CHECKIN", "CONNECT", "LIMIT", "encoded"]

CHECKIN = "application/x-apple-aspen-mdm-checkin"
CONNECT = "application/x-apple-aspen-mdm"


def encoded(content: Mapping[str, Any]) -> bytes:
    """`content` as XML, the form that both ends send."""
    return plistlib.dumps(dict(content))
