"""`kmutil showloaded` and `kextstat`: one row a kext.

Columns: index, references, address, size, wired size, name (version), UUID, <indexes of what it links against>. Gaps in
the index are kexts that were unloaded; size 0 is built into the kernel. No rows and exit 0 mean: not loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
    for found in _unwrapped(clean(text).split("\n")):
        if isinstance(found, KextRow):
            rows.append(found)
            continue
        line = found[0]
        if (row := _agreed(found)) is not None:
            rows.append(row)
        elif is_noise(line):
            noise = True
        elif line.lstrip().startswith("Index Refs"):
            header = True
        else:
            unparsed.append(line)
    require(bool(rows) or header or noise or not unparsed, "kmutil showloaded", unparsed)
    return KextList(tuple(rows), header, tuple(unparsed))


def _unwrapped(lines: Iterable[str]) -> Iterator[KextRow | tuple[str, ...]]:
    """Each row: read where it is whole, else as all that it may have been before a terminal broke it, at a blank or
    inside a word. Blank lines dropped."""
    pieces: list[str] = []
    for line in lines:
        # Nothing goes on behind its last column, and it goes on with nothing.
        if ">" in line[-9:] and (row := _usual(line)) is not None:
            yield from _put_together(pieces)
            pieces = []
            yield row
            continue
        if not line or line.isspace():
            continue
        starts = _START.match(line) is not None
        # The numbers after "<" look like the beginning of a row.
        opened = starts and bool(pieces) and "<" in "".join(pieces) and ">" not in pieces[-1]
        goes_on = bool(pieces) and (not starts or (opened and _DIGITS.match(line) is not None))
        if goes_on and len(pieces) < _MOST_PIECES and len(line) < 4096:
            pieces.append(line)
            continue
        yield from _put_together(pieces)
        pieces = [line] if starts else []
        if not starts:
            yield (line.rstrip(),)
    yield from _put_together(pieces)


def _put_together(pieces: list[str]) -> Iterator[tuple[str, ...]]:
    """The longest run of the pieces that makes a row; what is over stands alone."""
    for count in range(len(pieces), 1, -1):
        whole = tuple(dict.fromkeys(text for text in _ways(pieces[:count]) if _WHOLE.match(text)))
        if whole:
            yield whole
            yield from ((piece.rstrip(),) for piece in pieces[count:])
            return
    yield from ((piece.rstrip(),) for piece in pieces)


def _ways(pieces: list[str]) -> Iterator[str]:
    """With a blank and without one at each break; the rest of a line is where the terminal put it. What it links
    against stands behind a blank in any case."""
    joined = [pieces[0].rstrip()]
    for piece in pieces[1:]:
        apart, as_it_is = f" {piece.strip()}", piece.rstrip()
        ends = (apart,) if apart.startswith(" <") else (apart, as_it_is)
        joined = [text + end for text in joined for end in ends]
    yield from joined


def _agreed(ways: tuple[str, ...]) -> KextRow | None:
    """The row that all ways are; where they only disagree in what it links against, that is not known."""
    if len(ways) == 1:
        return _row(ways[0])
    rows = [row for text in ways if (row := _row(text)) is not None]
    if not rows or len(rows) < len(ways):
        return None
    if all(row == rows[0] for row in rows):
        return rows[0]
    bare = [replace(row, linked=None) for row in rows]
    return bare[0] if all(row == bare[0] for row in bare) else None


def _row(line: str) -> KextRow | None:
    return _usual(line) or _unusual(line)


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
