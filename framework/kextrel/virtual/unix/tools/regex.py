"""POSIX regular expressions, basic and extended, as Python's: for grep, sed and expr."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kextrel.virtual.unix.process import Exit, Proc

__all__ = ["BRACKET", "CLASSES", "Regex", "compiled"]

BUDGET = 0.2
"""Seconds of processor time that one row may take."""

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


class _TooLong(Exception):
    """A match used its processor time up."""


class Regex:
    """A pattern on the bytes of a row; who tries longer than BUDGET ends the tool `name` with exit code 2.

    Every Mac of a service lives in one thread, which a pattern that tries everything would hold for ever.
    """

    def __init__(self, name: str, pattern: bytes, *, ignore_case: bool = False) -> None:
        self._name, self.pattern = name, pattern
        self._compiled = re.compile(pattern, re.IGNORECASE if ignore_case else 0)

    def search(self, row: bytes) -> re.Match[bytes] | None:
        """The first match."""
        with self._budget():
            return self._compiled.search(row)

    def all(self, row: bytes) -> list[re.Match[bytes]]:
        """All matches."""
        with self._budget():
            return list(self._compiled.finditer(row))

    @contextmanager
    def _budget(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread hears signals
            return
        before = signal.signal(signal.SIGVTALRM, _interrupt)
        signal.setitimer(signal.ITIMER_VIRTUAL, BUDGET)
        try:
            yield
        except _TooLong:
            raise Exit(2, f"{self._name}: regular expression too complex") from None
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)


def _interrupt(_number: int, _frame: object) -> None:
    raise _TooLong


def compiled(proc: Proc, pattern: str, *, extended: bool, ignore_case: bool = False) -> Regex:
    """The pattern for use on bytes. One that is none ends the tool with exit code 2."""
    try:
        text = _translated(pattern, extended=extended)
        return Regex(proc.name, text.encode(errors="surrogateescape"), ignore_case=ignore_case)
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
