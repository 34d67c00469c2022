"""`kmutil showloaded` and `kextstat`: one row a kext.

Columns: index, references, address, size, wired size, name (version), UUID, <indexes of what it links against>. Gaps in
the index are kexts that were unloaded; size 0 is built into the kernel. No rows and exit 0 mean: not loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kextrel.macos.text import clean, is_noise, require

__all__ = ["KextList", "KextRow", "is_apple", "read"]

# A lookbehind keeps each token from being tried at every one of its characters: linear on one line of 100 MB.
_NAME = re.compile(r"(?<!\S)(\S+)[ \t]+\(([^()\s]+)\)")
_UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f.-]*")
_CELL = r"(?:\d{1,10}|-|0x[0-9a-fA-F]{1,16})"
_START = re.compile(rf"\s{{0,40}}{_CELL}\s{{1,40}}{_CELL}\s{{1,40}}{_CELL}(?!\S)")
# A row with nothing missing and nothing over: only such a one is believed when it is put together from two lines.
_WHOLE = re.compile(
    rf"\s{{0,40}}(?:{_CELL}\s{{1,40}}){{5}}[A-Za-z0-9._-]{{1,250}} \([^()\s]{{1,60}}\)"
    r"(?: {1,4}[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?(?: {1,4}<[\d ]{0,2000}>)?\Z"
)


@dataclass(frozen=True)
class KextRow:
    """One kext. `index` and `refs` are None where the row has a dash or was cut; `size` and `wired` are bytes."""

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
        if is_noise(line):
            noise = True
        elif line.lstrip().startswith("Index Refs"):
            header = True
        elif (row := _row(line)) is not None:
            rows.append(row)
        else:
            unparsed.append(line)
    require(bool(rows) or header or noise or not unparsed, "kmutil showloaded", unparsed)
    return KextList(tuple(rows), header, tuple(unparsed))


def _unwrapped(lines: Iterable[str]) -> list[str]:
    """Rows that a terminal broke in two, at a blank or inside a word, whole again; blank lines dropped."""
    whole: list[str] = []
    open_row = False
    for line in lines:
        if not line or line.isspace():
            continue
        starts = _START.match(line) is not None
        joined = _joined(whole[-1], line) if open_row and not starts else None
        if joined is not None:
            whole[-1] = joined
        else:
            whole.append(line.rstrip())
        open_row = starts
    return whole


def _joined(first: str, second: str) -> str | None:
    if len(first) + len(second) > 4096:
        return None
    candidates = (f"{first} {second.strip()}", f"{first}{second.rstrip()}")
    return next((row for row in candidates if _WHOLE.match(row)), None)


def _row(line: str) -> KextRow | None:
    match = _NAME.search(line)
    if match is None:
        return None
    head, tail = line[: match.start()].split(), line[match.end() :]
    if len(head) != 5 or not all(re.fullmatch(_CELL, cell) for cell in head):
        return None
    index, refs, address, size, wired = (_integer(cell) for cell in head)
    uuid = _UUID.search(tail)
    return KextRow(match[1], match[2], index, refs, address, size, wired, uuid[0] if uuid else None, _linked(tail))


def _linked(tail: str) -> tuple[int, ...] | None:
    _, mark, rest = tail.partition("<")
    if not mark:
        return None
    return tuple(int(cell) for cell in rest.partition(">")[0].split() if cell.isdecimal() and len(cell) < 10)


def _integer(cell: str) -> int | None:
    return None if cell == "-" else int(cell, 16 if cell.startswith("0x") else 10)
