"""USB HID usages (HID Usage Tables, page 0x07) of a US keyboard: what a character or a key's name is on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kextrel.errors import UsageError, nearest

__all__ = ["MODIFIERS", "NAMED", "Stroke", "chord", "strokes"]

SHIFT = 0x02
MODIFIERS = {"control": 0x01, "shift": SHIFT, "option": 0x04, "command": 0x08}

NAMED = {
    "return": 0x28,
    "escape": 0x29,
    "delete": 0x2A,
    "tab": 0x2B,
    "space": 0x2C,
    "caps-lock": 0x39,
    **{f"f{n}": 0x39 + n for n in range(1, 13)},
    "home": 0x4A,
    "page-up": 0x4B,
    "forward-delete": 0x4C,
    "end": 0x4D,
    "page-down": 0x4E,
    "right": 0x4F,
    "left": 0x50,
    "down": 0x51,
    "up": 0x52,
}

_PLAIN = dict(zip("abcdefghijklmnopqrstuvwxyz1234567890", range(0x04, 0x28), strict=True))
_PLAIN |= {" ": 0x2C, "-": 0x2D, "=": 0x2E, "[": 0x2F, "]": 0x30, "\\": 0x31, ";": 0x33, "'": 0x34, "`": 0x35}
_PLAIN |= {",": 0x36, ".": 0x37, "/": 0x38}
_SHIFTED = dict(zip('!@#$%^&*()_+{}|:"~<>?', "1234567890-=[]\\;'`,./", strict=True))
_SHIFTED |= {letter.upper(): letter for letter in "abcdefghijklmnopqrstuvwxyz"}


@dataclass(frozen=True)
class Stroke:
    """Keys that are down together: a bit mask of modifiers and up to six usages."""

    modifiers: int = 0
    usages: tuple[int, ...] = ()


def strokes(text: str) -> list[Stroke]:
    """One stroke a character. Raises UsageError, which does not quote the text, for a character without a key."""
    found = []
    for place, character in enumerate(text, 1):
        stroke = _character(character)
        if stroke is None:
            raise UsageError(f"character {place} of the text has no key on a US keyboard; use printable ASCII")
        found.append(stroke)
    return found


def chord(keys: Iterable[str]) -> Stroke:
    """The stroke of keys that are held together: names, modifiers, single characters. Raises UsageError."""
    modifiers = 0
    usages: list[int] = []
    for key in keys:
        if key in MODIFIERS:
            modifiers |= MODIFIERS[key]
            continue
        stroke = Stroke(0, (NAMED[key],)) if key in NAMED else _character(key)
        if stroke is None:
            raise UsageError(f"there is no key '{key}'; {nearest(key, [*NAMED, *MODIFIERS])}")
        modifiers |= stroke.modifiers
        usages += stroke.usages
    if len(usages) > 6:
        raise UsageError(f"a keyboard report holds six keys, not {len(usages)}")
    return Stroke(modifiers, tuple(dict.fromkeys(usages)))


def _character(character: str) -> Stroke | None:
    if character in _PLAIN:
        return Stroke(0, (_PLAIN[character],))
    if character in _SHIFTED:
        return Stroke(SHIFT, (_PLAIN[_SHIFTED[character]],))
    return None
