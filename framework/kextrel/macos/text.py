"""What every reader here does to text before it reads, and to text before people see it. All of it in linear time.

`clean` takes away what terminals add (ANSI sequences, carriage returns, other control characters) and never fails.
`plain` is for showing: what could still move a cursor or turn a line around is written out as `\\x1b`, `\\u202e`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from enum import Enum
from typing import Any, Protocol

from kextrel.errors import UnreadableAnswer

__all__ = [
    "Facts",
    "Reading",
    "between",
    "clean",
    "flat",
    "is_noise",
    "meaningful",
    "plain",
    "quiet",
    "require",
    "unique",
]

# ESC [ … final byte; ESC ] … BEL or ESC \ ; any other two-character escape. Each class excludes the next one's first
# character, so no input makes the matcher go back over what it has read.
# A title (ESC ]) ends with its line, so that one without an end does not swallow what follows.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ASCII_CONTROL = bytes({*range(0x20), 0x7F} - set(b"\t\n"))

# What web pages, mail and non-English locales make of a blank, and marks that show nothing.
_BLANKS = re.compile(r"[\xa0\u2007\u2009\u202f]")
_MARKS = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")

_LONG = 1 << 20

# What kmutil, and the kext* tools that now call it, say on stderr of every run.
_NOISE = (
    "Executing: ",
    "No variant specified, falling back to ",
    "Defaulting to kernel file ",
    "warning: unable to create release extension manager",
)


class Reading(Protocol):
    """What every reader returns: typed, frozen, with the lines that it did not know."""

    @property
    def unparsed(self) -> tuple[str, ...]:
        """Lines of the answer that were not understood, as they came."""
        ...

    def facts(self) -> dict[str, Any]:
        """The facts as JSON values under their public names. None: the answer does not say."""
        ...


class Facts:
    """A reading whose fields are its public facts, for dataclasses to inherit."""

    def facts(self) -> dict[str, Any]:
        return {name: _json(value) for name, value in vars(self).items() if name != "unparsed"}


def _json(value: Any) -> Any:
    if isinstance(value, Facts):
        return value.facts()
    if isinstance(value, Mapping):
        return {name: _json(item) for name, item in value.items()}
    if isinstance(value, Set):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [_json(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def clean(raw: str | bytes) -> str:
    """`raw` as text with LF line ends, without escape sequences; tabs stay. Invalid UTF-8 becomes U+FFFD.

    Bytes may be UTF-16 with its mark, as Windows' shells redirect. Odd blanks become blanks.
    """
    text = _decoded(raw) if isinstance(raw, bytes) else raw
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        # The same as below, at a tenth of the price.
        return text.encode("ascii").translate(None, _ASCII_CONTROL).decode("ascii")
    return _CONTROL.sub("", _BLANKS.sub(" ", _MARKS.sub("", text)))


def _decoded(raw: bytes) -> str:
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    return raw.decode("utf-16" if wide else "utf-8", errors="replace")


def plain(text: str) -> str:
    """One line that is safe to print on any terminal: nothing in it is a control or a formatting character."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _shows(char) else char.encode("unicode_escape").decode() for char in text)


def _shows(char: str) -> bool:
    return char == " " or unicodedata.category(char)[0] not in "CZ"


def flat(text: str) -> str:
    """All white space as single blanks: undoes the wrapping of terminals and mail programs."""
    # A list of all words takes many times the room of a long text, so that is taken line by line.
    if len(text) < _LONG:
        return " ".join(text.split())
    return " ".join(words for line in text.split("\n") if (words := _flat_line(line)))


def _flat_line(line: str) -> str:
    """A long line is taken in pieces; a word that one of them cut in two is put together again."""
    found: list[str] = []
    apart = False
    for start in range(0, len(line), _LONG):
        piece = line[start : start + _LONG]
        if words := " ".join(piece.split()):
            found += [" ", words] if found and (apart or piece[0].isspace()) else [words]
        apart = piece[-1].isspace()
    return "".join(found)


def meaningful(text: str) -> Iterator[str]:
    """The lines that are neither blank nor the noise that kmutil writes to stderr, without trailing white space."""
    return (stripped for line in quiet(text) if (stripped := line.rstrip()))


def quiet(text: str) -> list[str]:
    """The lines that are not that noise, blank ones too, as they came."""
    lines = text.split("\n")
    # Looking for noise in the whole text once is cheaper than in each line.
    return [line for line in lines if not is_noise(line)] if any(noise in text for noise in _NOISE) else lines


def is_noise(line: str) -> bool:
    return line.lstrip().startswith(_NOISE)


def between(text: str, left: str, right: str) -> list[str]:
    """Every piece of `text` between `left` and the next `right`; where `left` repeats first, after its last one."""
    pieces, at = [], text.find(left)
    while at >= 0:
        end = text.find(right, at)
        if end < 0:
            break
        pieces.append(text[at:end].rpartition(left)[2])
        at = text.find(left, end)
    return pieces


def unique(items: Iterable[str]) -> tuple[str, ...]:
    """`items` without blanks and repetitions, in their order."""
    return tuple(dict.fromkeys(item for item in items if item))


def require(known: bool, command: str, lines: Sequence[str]) -> None:
    """Raises UnreadableAnswer with the first line when nothing of the answer was known."""
    if not known:
        raise UnreadableAnswer(command, lines[0] if lines else "")
