"""Text that a Mac said, made safe to look at: what could not be seen, or would change what is seen, is shown as a sign.

Control characters become their pictures (`␛[2J`); what turns the direction of writing, has no width or is no character
at all becomes its code (`‹U+202E›`). Markup is not this module's: the template escapes.
"""

from __future__ import annotations

import re

__all__ = ["visible"]

# C0 but tab and newline, DEL, C1, soft hyphen, zero width and direction marks, line separators, lone surrogates,
# noncharacters, tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_PICTURES = 0x2400  # of C0, in their order
_DELETE, _PICTURE_OF_DELETE = "\x7f", "\u2421"


def visible(text: str) -> str:
    """`text` with a sign for each character that would not be seen. A line's end, written in either way, stays one."""
    return _UNSEEN.sub(_sign, text.replace("\r\n", "\n"))


def _sign(found: re.Match[str]) -> str:
    character = found[0]
    if character == _DELETE:
        return _PICTURE_OF_DELETE
    if character < " ":
        return chr(_PICTURES + ord(character))
    return f"‹U+{ord(character):04X}›"
