"""File modes as people write them: octal, or `u+x,go-w`."""

from __future__ import annotations

import re
import stat

__all__ = ["changed_mode", "shown_mode"]

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXstugo]*)+)")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}


def changed_mode(text: str, mode: int, *, is_dir: bool, umask: int) -> int | None:
    """The mode that `text` makes of `mode`; None when `text` is no mode."""
    if re.fullmatch(r"[0-7]{1,4}", text):
        return int(text, 8)
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            return None
        for operator, letters in re.findall(r"([-+=])([rwxXstugo]*)", match.group(2)):
            mode = _applied(match.group(1), operator, letters, mode, is_dir=is_dir, umask=umask)
    return mode


def _applied(who: str, operator: str, letters: str, mode: int, *, is_dir: bool, umask: int) -> int:
    people = "ugo" if not who or "a" in who else who
    bits = clear = 0
    for person in people:
        bits |= _permissions(letters, mode, is_dir=is_dir) << _SHIFT[person]
        clear |= 7 << _SHIFT[person]
    bits = bits if who else bits & ~umask
    special = (0o4000 if "u" in people else 0) | (0o2000 if "g" in people else 0) if "s" in letters else 0
    bits |= special | (0o1000 if "t" in letters else 0)
    if operator == "+":
        return mode | bits
    return mode & ~bits if operator == "-" else (mode & ~clear) | bits


def _permissions(letters: str, mode: int, *, is_dir: bool) -> int:
    value = sum(_BITS[letter] for letter in set(letters) & set(_BITS))
    if "X" in letters and (is_dir or mode & 0o111):
        value |= 1
    for person in set(letters) & set(_SHIFT):
        value |= (mode >> _SHIFT[person]) & 7
    return value


def shown_mode(mode: int) -> str:
    """`-rw-r--r--`, as ls and stat show it."""
    return stat.filemode(mode)
