"""From the pieces that a word expands to, its fields: splitting at IFS (POSIX.1-2017, XCU 2.6.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from kextrel.virtual.shell.patterns import Piece

__all__ = ["BREAK", "Fragment", "split"]


class Fragment(NamedTuple):
    """A piece of an expanded word. `quoted` text is kept as it is; text that `splits` came from an expansion."""

    text: str
    quoted: bool = False
    splits: bool = False


BREAK = Fragment("", splits=True)
"""Between two positional parameters of `$@`: here a field ends whatever IFS is. Known by identity."""


@lru_cache(maxsize=64)
def _cutter(separators: str) -> re.Pattern[str]:
    white = re.escape("".join(letter for letter in separators if letter in " \t\n"))
    hard = re.escape("".join(letter for letter in separators if letter not in " \t\n"))
    groups = [f"(?P<white>[{white}]+)" if white else "", f"(?P<hard>[{hard}])" if hard else ""]
    groups.append(f"(?P<text>[^{white}{hard}]+)" if white or hard else "(?P<text>.+)")
    return re.compile("|".join(filter(None, groups)), re.DOTALL)


class _Splitter:
    def __init__(self, separators: str) -> None:
        self.fields: list[list[Piece]] = []
        self._current: list[Piece] | None = None
        self._after_white = False
        self._cut = _cutter(separators)

    def keep(self, text: str, *, quoted: bool) -> None:
        """Adds text that does not split."""
        if text or quoted:
            self._current = [*(self._current or []), (text, quoted)]
            self._after_white = False

    def cut(self, text: str) -> None:
        """Adds text that splits."""
        for match in self._cut.finditer(text):
            if match.lastgroup == "text":
                self.keep(match.group(), quoted=False)
            elif match.lastgroup == "white":
                self._after_white = self._current is not None or self._after_white
                self.close()
            else:
                self._hard()

    def _hard(self) -> None:
        if self._current is None and self._after_white:
            self._after_white = False
            return
        self.fields.append(self._current or [])
        self._current, self._after_white = None, False

    def close(self) -> None:
        """Ends the field that has begun, if one has."""
        if self._current is not None:
            self.fields.append(self._current)
            self._current = None


def split(fragments: Iterable[Fragment], separators: str) -> list[list[Piece]]:
    """The fields of an expanded word as patterns (what was quoted is literal). Unquoted nothing is no field."""
    splitter = _Splitter(separators)
    for fragment in fragments:
        if fragment is BREAK:
            splitter.close()
        elif fragment.splits:
            splitter.cut(fragment.text)
        else:
            splitter.keep(fragment.text, quoted=fragment.quoted)
    splitter.close()
    return splitter.fields
