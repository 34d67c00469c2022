"""`kmutil showloaded` and `kextstat`: one row a kext.

Columns: index, references, address, size, wired size, name (version), UUID, <indexes of what it links against>. Gaps in
the index are kexts that were unloaded; size 0 is built into the kernel. No rows and exit 0 mean: not loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kextrel.macos.text import clean, is_noise, require

__all__ = ["KextList", "KextRow", "is_apple", "read"]

# A lookbehind keeps each token from being tried at every one of its characters: linear on one line of 100 MB.
_NAME = re.compile(r"(?<!\S)(\S+)[ \t]+\(([^()\s]+)\)")
# Whole, or openly left out ("DB501FB3-..."); what was merely cut off is none.
_UUID = re.compile(r"(?<!\S)[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?!\S)|(?<!\S)[0-9A-Fa-f]{8}-\.{2,3}")
_CELL = r"(?:\d{1,10}|-|0x[0-9a-fA-F]{1,16})"
_ARCHITECTURE = r"(?:x86_64h?|arm64e?|i386)"
_ARCHITECTURES = re.compile(_ARCHITECTURE + r"\Z")
_START = re.compile(rf"\s{{0,40}}{_CELL}\s{{1,40}}{_CELL}\s{{1,40}}(?:0x[0-9a-fA-F]{{1,16}}|0)(?!\S)")
_DIGITS = re.compile(r"[\d\s]{0,4000}>\s{0,40}\Z")
# A row with nothing missing and nothing over: only such a one is believed when it is put together from several lines.
_WHOLE = re.compile(
    rf"\s{{0,40}}(?:{_CELL}\s{{1,40}}){{5}}(?:{_ARCHITECTURE}\s{{1,40}})?[A-Za-z0-9._-]{{1,250}} \([^()\s]{{1,60}}\)"
    r"(?: {1,4}[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?(?: {1,4}<[\d ]{0,2000}>)?\Z"
)
# The usual row, undamaged, in one step.
_USUAL = re.compile(
    r"\s{0,40}(\d{1,10})\s{1,40}(\d{1,10})\s{1,40}(0x[0-9a-fA-F]{1,16}|0)\s{1,40}(0x[0-9a-fA-F]{1,16}|0)\s{1,40}"
    r"(0x[0-9a-fA-F]{1,16}|0)\s{1,40}([A-Za-z0-9._-]{1,250}) \(([^()\s]{1,60})\)"
    r"(?: ([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}))?(?: <(\d{1,9}(?: \d{1,9}){0,600})?>)?\s{0,8}\Z"
)
_MOST_PIECES = 5


@dataclass(frozen=True)
class KextRow:
    """One kext. `index` and `refs` are None where the row has a dash or was cut; `size` and `wired` are bytes.

    `linked` is None where it is not said, also where a terminal broke it so that its numbers cannot be told."""

    name: str
    version: str
    index: int | None = None
    refs: int | None = None
    address: int | None = None
    size: int | None = None
    wired: int | None = None
    uuid: str | None = None
    linked: tuple[int, ...] | None = None

    def facts(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "refs": self.refs,
            "address": None if self.address is None else hex(self.address),
            "size": self.size,
            "wired": self.wired,
            "name": self.name,
            "version": self.version,
            "uuid": self.uuid,
            "linked": None if self.linked is None else list(self.linked),
        }


@dataclass(frozen=True)
class KextList:
    """The rows as they came. `header`: the column titles were there, so an empty list is a real answer."""

    rows: tuple[KextRow, ...]
    header: bool = False
    unparsed: tuple[str, ...] = ()

    def names(self) -> frozenset[str]:
        return frozenset(row.name for row in self.rows)

    def third_party(self) -> frozenset[str]:
        """The names that are not Apple's."""
        return frozenset(name for name in self.names() if not is_apple(name))

    def facts(self) -> dict[str, Any]:
        return {"rows": [row.facts() for row in self.rows]}


def is_apple(bundle_id: str) -> bool:
    return bundle_id.startswith("com.apple.")


def read(text: str | bytes) -> KextList:
    """Reads either tool's list. Raises UnreadableAnswer when there are lines and none is of such a list."""
    rows: list[KextRow] = []
    unparsed: list[str] = []
    header = noise = False
    for line in _unwrapped(clean(text).split("\n")):
        if isinstance(line, KextRow):
            rows.append(line)
        elif is_noise(line):
            noise = True
        elif line.lstrip().startswith("Index Refs"):
            header = True
        else:
            unparsed.append(line)
    require(bool(rows) or header or noise or not unparsed, "kmutil showloaded", unparsed)
    return KextList(tuple(rows), header, tuple(unparsed))


def _unwrapped(lines: Iterable[str]) -> Iterator[KextRow | str]:
    """Each row, whole or put together from what a terminal made of it when it broke it, at a blank or inside a word;
    and the lines that are none. Blank lines dropped."""
    pieces: list[str] = []
    for line in lines:
        # A row begins with a number or a dash; looking at that is a tenth of trying to read one.
        first = line.lstrip()[:1]
        begins = first.isdigit() or first == "-"
        # Nothing goes on behind its last column, and it goes on with nothing.
        if begins and ">" in line[-9:] and (row := _usual(line)) is not None:
            yield from _put_together(pieces)
            pieces = []
            yield row
            continue
        if not first:
            continue
        starts = begins and _START.match(line) is not None
        if pieces and (not starts or _is_linked(pieces, line)) and len(pieces) < _MOST_PIECES and len(line) < 4096:
            pieces.append(line)
            continue
        yield from _put_together(pieces)
        pieces = [line] if starts else []
        if not starts:
            yield _row(line.rstrip()) or line.rstrip()
    yield from _put_together(pieces)


def _is_linked(pieces: list[str], line: str) -> bool:
    """The numbers after "<" look like the beginning of a row."""
    return "<" in "".join(pieces) and ">" not in pieces[-1] and _DIGITS.match(line) is not None


def _put_together(pieces: list[str]) -> Iterator[KextRow | str]:
    """The longest run of the pieces that makes a row; what is over stands alone."""
    for count in range(len(pieces), 1, -1):
        whole = _whole(_ways(pieces[:count]))
        if whole:
            yield _agreed(list(whole.values())) or next(iter(whole))
            pieces = pieces[count:]
            break
    for piece in pieces:
        line = piece.rstrip()
        yield _row(line) or line


def _ways(pieces: list[str]) -> list[str]:
    """With a blank and without one at each break; the rest of a line is where the terminal put it. What it links
    against stands behind a blank in any case."""
    joined = [pieces[0].rstrip()]
    for piece in pieces[1:]:
        bare = piece.strip()
        if bare[:1] == "<":
            joined = [f"{text} {bare}" for text in joined]
        else:
            joined = [text + end for text in joined for end in (f" {bare}", piece.rstrip())]
    return joined


def _whole(ways: Iterable[str]) -> dict[str, KextRow | None]:
    """Those with nothing missing and nothing over, and what they are read as."""
    found: dict[str, KextRow | None] = {}
    for text in ways:
        # With a blank it mostly is one, without one mostly none: each is asked first what says so sooner.
        if not found and (row := _usual(text)) is not None:
            found[text] = row
        elif text not in found and _is_whole(text):
            found[text] = _row(text)
    return found


def _is_whole(text: str) -> bool:
    """The version stands behind five cells and a name, or an architecture and a name; which is seen sooner."""
    words = text.split(None, 8)
    return any(word[0] == "(" for word in words[6:8]) and _WHOLE.match(text) is not None


def _agreed(rows: Sequence[KextRow | None]) -> KextRow | None:
    """The row that all are; where they only disagree in what it links against, that is not known."""
    if len(rows) == 1:
        return rows[0]
    read = [row for row in rows if row is not None]
    if len(read) < len(rows):
        return None
    # Where the links agree too, the rows are the same.
    links = {row.linked for row in read}
    bare = {replace(row, linked=None) for row in read}
    return None if len(bare) > 1 else read[0] if len(links) == 1 else bare.pop()


def _row(line: str) -> KextRow | None:
    # No row is without a version.
    return (_usual(line) or _unusual(line)) if "(" in line else None


def _usual(line: str) -> KextRow | None:
    match = _USUAL.match(line)
    if match is None:
        return None
    index, refs, address, size, wired, name, version, uuid, linked = match.groups()
    numbers = tuple(map(int, linked.split())) if linked else () if line.rstrip().endswith("<>") else None
    return KextRow(name, version, int(index), int(refs), int(address, 16), int(size, 16), int(wired, 16), uuid, numbers)


def _unusual(line: str) -> KextRow | None:
    match = _NAME.search(line)
    if match is None:
        return None
    head, tail = line[: match.start()].split(), line[match.end() :]
    head = head[:5] if len(head) == 6 and _ARCHITECTURES.match(head[5]) else head
    if len(head) != 5 or not all(re.fullmatch(_CELL, cell) for cell in head):
        return None
    index, refs, address, size, wired = (_integer(cell) for cell in head)
    uuid = _UUID.search(tail)
    return KextRow(match[1], match[2], index, refs, address, size, wired, uuid[0] if uuid else None, _linked(tail))


def _linked(tail: str) -> tuple[int, ...] | None:
    _, _, rest = tail.partition("<")
    numbers, ended, _ = rest.partition(">")
    cells = numbers.split()
    if not ended or not all(cell.isdecimal() and len(cell) < 10 for cell in cells):
        return None
    return tuple(int(cell) for cell in cells)


def _integer(cell: str) -> int | None:
    return None if cell == "-" else int(cell, 16 if cell.startswith("0x") else 10)
