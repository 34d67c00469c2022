"""The screen of a terminal: bytes of a program in, rows of characters out. The part of VT100 that command lines use."""

from __future__ import annotations

import codecs
import re

__all__ = ["COLUMNS", "ROWS", "Vt"]

ROWS, COLUMNS = 24, 80
_TAB = 8
_LONGEST_SEQUENCE = 64
_SEQUENCE = re.compile(r"\x1b(?:\[(?P<numbers>[0-?]*)[ -/]*(?P<final>[@-~])|\][^\x07]*\x07|[()].|[^\[\]()])")
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07]*|[()])?\Z")


class Vt:
    """80 by 24 characters and a cursor. What scrolls off the top is gone; an unknown control sequence does nothing."""

    def __init__(self) -> None:
        self.row = self.column = 0
        self._rows = [[" "] * COLUMNS for _ in range(ROWS)]
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._held = ""

    def lines(self) -> list[str]:
        """The rows from top to bottom, without the blanks at their ends."""
        return ["".join(row).rstrip() for row in self._rows]

    def feed(self, data: bytes) -> None:
        """Takes what a program wrote."""
        text, self._held = self._held + self._decode(data), ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self._character(text[at])
                at += 1
                continue
            match = _SEQUENCE.match(text, at)
            if match is None and len(text) - at < _LONGEST_SEQUENCE and _BEGUN.match(text, at):
                self._held = text[at:]
                return
            if match is not None and match["final"]:
                self._control(match["numbers"], match["final"])
            at = match.end() if match else at + 1

    def _character(self, character: str) -> None:
        if character >= " " and character != "\x7f":
            self._put(character)
        elif character in "\n\v\f":
            self._down()
        elif character == "\r":
            self.column = 0
        elif character == "\b":
            self.column = max(0, min(self.column, COLUMNS - 1) - 1)
        elif character == "\t":
            self.column = min(COLUMNS - 1, (self.column // _TAB + 1) * _TAB)

    def _put(self, character: str) -> None:
        """Writes one character; the line wraps when the next one comes after the last column, as a VT100's does."""
        if self.column >= COLUMNS:
            self.column = 0
            self._down()
        self._rows[self.row][self.column] = character
        self.column += 1

    def _down(self) -> None:
        if self.row < ROWS - 1:
            self.row += 1
        else:
            del self._rows[0]
            self._rows.append([" "] * COLUMNS)

    def _control(self, numbers: str, final: str) -> None:
        given = [int(number) for number in numbers.lstrip("?").split(";") if number.isdigit()]
        first = min(given[0], ROWS * COLUMNS) if given else 0
        if final in "ABCDGHf":
            self._move(final, given, max(first, 1))
        elif final == "J":
            self._erase_screen(first)
        elif final == "K":
            self._erase_row(first)
        elif final == "P":
            row = self._rows[self.row]
            del row[self.column : self.column + max(first, 1)]
            row.extend(" " * (COLUMNS - len(row)))

    def _move(self, final: str, given: list[int], count: int) -> None:
        if final in "Hf":
            self.row, self.column = count - 1, (given[1] if len(given) > 1 else 1) - 1
        elif final == "G":
            self.column = count - 1
        elif final in "AB":
            self.row += count if final == "B" else -count
        else:
            self.column += count if final == "C" else -count
        self.row = min(max(self.row, 0), ROWS - 1)
        self.column = min(max(self.column, 0), COLUMNS - 1)

    def _erase_row(self, which: int) -> None:
        """0: from the cursor to the end; 1: from the start to the cursor; 2: all of it."""
        at = min(self.column, COLUMNS - 1)
        start, end = {0: (at, COLUMNS), 1: (0, at + 1)}.get(which, (0, COLUMNS))
        self._rows[self.row][start:end] = [" "] * (end - start)

    def _erase_screen(self, which: int) -> None:
        below, above = range(self.row + 1, ROWS), range(self.row)
        for row in {0: below, 1: above}.get(which, range(ROWS)):
            self._rows[row] = [" "] * COLUMNS
        self._erase_row(which)
