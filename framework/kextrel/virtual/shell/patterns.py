"""Shell patterns (POSIX.1-2017, XCU 2.13): matching of text, removal of prefixes and suffixes, names of files.

A pattern is a list of (text, literal) pieces: in what is literal (it was quoted) no character is special.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from kextrel.virtual.unix.fs import FileSystem
from kextrel.virtual.unix.tools.regex import CLASSES

__all__ = ["Piece", "expand_path", "is_pattern", "matches", "plain", "strip_prefix", "strip_suffix"]

Piece = tuple[str, bool]


def plain(pieces: Sequence[Piece]) -> str:
    """The text of a pattern as it stands."""
    return "".join(text for text, _ in pieces)


def is_pattern(pieces: Sequence[Piece]) -> bool:
    """Whether any character in it is special."""
    return any(not literal and any(letter in text for letter in "*?[") for text, literal in pieces)


def matches(pieces: Sequence[Piece], text: str) -> bool:
    """Whether the pattern is the whole of `text`."""
    return _compiled(tuple(pieces)).fullmatch(text) is not None


def strip_prefix(pieces: Sequence[Piece], text: str, *, longest: bool) -> str:
    """`text` without the shortest or longest beginning that matches."""
    ends = range(len(text), -1, -1) if longest else range(len(text) + 1)
    pattern = _compiled(tuple(pieces))
    return next((text[end:] for end in ends if pattern.fullmatch(text, 0, end)), text)


def strip_suffix(pieces: Sequence[Piece], text: str, *, longest: bool) -> str:
    """`text` without the shortest or longest end that matches."""
    starts = range(len(text) + 1) if longest else range(len(text), -1, -1)
    pattern = _compiled(tuple(pieces))
    return next((text[:start] for start in starts if pattern.fullmatch(text, start)), text)


def expand_path(pieces: Sequence[Piece], fs: FileSystem) -> list[str]:
    """The files that the pattern names, sorted; a name that begins with a dot only where the pattern has the dot."""
    names = _by_slash(pieces)
    found = ["/"] if len(names) > 1 and not plain(names[0]) else [""]
    for index, name in enumerate(names):
        if plain(name):
            last = index == len(names) - 1
            found = [path for folder in found for path in _children(folder, name, fs, last=last)]
        elif index == len(names) - 1 and index:
            found = [path + "/" for path in found if fs.is_dir(path)]
    return sorted(path for path in found if path)


def _children(folder: str, name: Sequence[Piece], fs: FileSystem, *, last: bool) -> Iterator[str]:
    base = folder if folder in ("", "/") else folder + "/"
    if not is_pattern(name):
        candidates = [plain(name)] if _is_there(base + plain(name), fs) else []
    else:
        candidates = _listed(folder or ".", name, fs)
    yield from (base + candidate for candidate in candidates if last or fs.is_dir(base + candidate))


def _listed(folder: str, name: Sequence[Piece], fs: FileSystem) -> list[str]:
    try:
        entries = fs.listdir(folder)
    except OSError:
        return []
    hidden = plain(name).startswith(".")
    entries = [*entries, ".", ".."] if hidden else [entry for entry in entries if not entry.startswith(".")]
    pattern = _compiled(tuple(name))
    return [entry for entry in entries if pattern.fullmatch(entry)]


def _is_there(path: str, fs: FileSystem) -> bool:
    try:
        fs.node(path, follow=False)
    except OSError:
        return False
    return True


def _by_slash(pieces: Sequence[Piece]) -> list[list[Piece]]:
    names: list[list[Piece]] = [[]]
    for text, literal in pieces:
        first, *others = text.split("/")
        names[-1].append((first, literal))
        names.extend([(other, literal)] for other in others)
    return names


@lru_cache(maxsize=1024)
def _compiled(pieces: tuple[Piece, ...]) -> re.Pattern[str]:
    """As a regular expression. What stands between two stars is taken where it is found first, for good: no star needs
    to try again, so that no pattern takes more than the product of the two lengths."""
    letters = [(letter, literal) for text, literal in pieces for letter in text]
    runs: list[list[str]] = [[]]
    index = 0
    while index < len(letters):
        if letters[index] == ("*", False):
            runs.append([])
            index += 1
            continue
        translated, index = _one(letters, index)
        runs[-1].append(translated)
    first, *others = ("".join(run) for run in runs)
    middle = "".join(f"(?>.*?{run})" for run in others[:-1] if run)
    return re.compile(first + middle + (f".*{others[-1]}" if others else ""), re.DOTALL)


def _one(letters: list[Piece], index: int) -> tuple[str, int]:
    """One element of a pattern as a regular expression, and where the next begins."""
    letter, literal = letters[index]
    if literal:
        return re.escape(letter), index + 1
    if letter == "\\" and index + 1 < len(letters):
        return re.escape(letters[index + 1][0]), index + 2
    if letter == "?":
        return ".", index + 1
    bracket = _bracket(letters, index) if letter == "[" else None
    return bracket or (re.escape(letter), index + 1)


def _bracket(letters: list[Piece], index: int) -> tuple[str, int] | None:
    """`[…]` from `index`, or None when it has no end and is no bracket then."""
    start = index + 1
    negated = start < len(letters) and letters[start] in (("!", False), ("^", False))
    place = first = start + negated
    inside: list[str] = []
    while place < len(letters):
        letter, literal = letters[place]
        if letter == "]" and not literal and place > first:
            return f"[{'^' if negated else ''}{''.join(inside)}]", place + 1
        named = _class(letters, place)
        if named:
            inside.append(named[0])
            place = named[1]
            continue
        is_range = (
            letter == "-" and not literal and first < place < len(letters) - 1 and letters[place + 1] != ("]", False)
        )
        inside.append("-" if is_range else re.escape(letter))
        place += 1
    return None


def _class(letters: list[Piece], place: int) -> tuple[str, int] | None:
    text = "".join(letter for letter, _ in letters[place : place + 12])
    match = re.match(r"\[:([a-z]+):\]", text)
    if match is None or match.group(1) not in CLASSES:
        return None
    return CLASSES[match.group(1)], place + match.end()
