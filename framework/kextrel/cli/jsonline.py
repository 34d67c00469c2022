"""JSON for a terminal or a pipe: one line, in which no character is an order to a terminal."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["json_line"]

# What JSON leaves as it is and a terminal obeys, and halves of characters, which no terminal can be sent.
_UNSAFE = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def json_line(facts: Any) -> str:
    """`facts` as one line of JSON; what a terminal would obey is written out as an escape."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(facts, ensure_ascii=False))
