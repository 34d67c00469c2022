"""POSIX regular expressions, basic and extended, as Python's: for grep, sed and expr."""

from __future__ import annotations

import re

from kextrel.virtual.unix.process import Exit, Proc

__all__ = ["BRACKET", "CLASSES", "compiled"]

CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "cntrl": r"\x00-\x1f\x7f",
    "print": r"\x20-\x7e",
    "graph": r"\x21-\x7e",
}
BRACKET = re.compile(r"\[(\^?)(\]?(?:\[:[a-z]+:\]|[^\]])*)\]")
_SWAPPED = "(){}|+?"


def compiled(proc: Proc, pattern: str, *, extended: bool, ignore_case: bool = False) -> re.Pattern[bytes]:
    """The pattern for use on bytes. One that is none ends the tool with exit code 2."""
    try:
        text = _translated(pattern, extended=extended)
        return re.compile(text.encode(errors="surrogateescape"), re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        raise Exit(2, f"{proc.name}: {pattern}: invalid regular expression ({error.msg})") from None


def _translated(pattern: str, *, extended: bool) -> str:
    pieces: list[str] = []
    place = 0
    while place < len(pattern):
        bracket = BRACKET.match(pattern, place)
        if bracket:
            pieces.append(_bracket(bracket))
            place = bracket.end()
        elif pattern[place] == "\\" and place + 1 < len(pattern):
            pieces.append(_escaped(pattern[place + 1], extended=extended))
            place += 2
        else:
            pieces.append(_plain(pattern, place, pieces, extended=extended))
            place += 1
    return "".join(pieces)


def _bracket(match: re.Match[str]) -> str:
    inside = re.sub(r"\[:([a-z]+):\]|([\\\[\]])", _inside, match.group(2))
    return f"[{match.group(1)}{inside}]"


def _inside(match: re.Match[str]) -> str:
    return CLASSES.get(match.group(1), "") if match.group(1) else "\\" + match.group(2)


def _escaped(letter: str, *, extended: bool) -> str:
    if letter in _SWAPPED:
        return re.escape(letter) if extended else letter
    if letter in "<>":
        return r"\b"
    return "\\" + letter if letter.isalnum() else re.escape(letter)


def _plain(pattern: str, place: int, before: list[str], *, extended: bool) -> str:
    letter = pattern[place]
    at_start = not before or before[-1] in ("(", "|", "^")
    if letter == "*" and at_start:
        return r"\*"
    if extended:
        return letter
    if letter == "^":
        return "^" if not before or before[-1] == "(" else r"\^"
    if letter == "$":
        rest = pattern[place + 1 :]
        return "$" if not rest or rest.startswith("\\)") else r"\$"
    return "\\" + letter if letter in _SWAPPED else letter
