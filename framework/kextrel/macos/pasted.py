"""What mail, tickets, web pages and scripts add to a terminal's text: quotation and comment marks before each line,
bold type, code marks, curled quotation marks, HTML's tags and entities, line numbers. `kextrel parse` takes them off
before it reads.

A mark before lines is only taken for one where most of them have it, so that what a tool itself prints with such a
character stays; tags, entities, bold type and code marks are taken off wherever they stand, as no tool prints them.
Property lists are left alone: entities and tags are theirs.
"""

from __future__ import annotations

import html
import itertools
import re
import textwrap
from collections.abc import Callable
from typing import TypeVar

from kextrel.errors import UnreadableAnswer
from kextrel.macos.text import Reading, clean

__all__ = ["bare", "tolerant", "unmarked"]

R = TypeVar("R", bound=Reading)

# Marks that no tool begins its lines with; and, only tried on text that cannot be read, marks that some tool does.
_QUOTES = (">", "//", "#")
_QUOTED = {mark: re.compile(rf"^(?:{mark}{{1,8}} ?)+", re.MULTILINE) for mark in _QUOTES}
_MOST_LAYERS = 8  # of different marks around each other; each costs a look at the whole text
_BULLET = re.compile(r"[ \t]{0,8}[|*+•-][ \t]?")
_NUMBER = re.compile(r"[ \t]{0,8}(\d{1,6})(?:[:.)|] ?|\t| {1,2}|\Z)")

_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{2,5}|#x[0-9a-fA-F]{2,4});")
_TAG = re.compile(
    r"</?(?:pre|code|p|b|i|em|strong|tt|div|span|blockquote|kbd|samp)(?: [^<>\n]{0,200})?>|<br ?/?>", re.IGNORECASE
)
_BOLD = re.compile(r"\*\*(?=[^\s*])([^*\n]{1,400})(?<!\s)\*\*")
_FENCE = re.compile(r"^[ \t]{0,8}```\w{0,12}[ \t]{0,8}(?:\n|\Z)", re.MULTILINE)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LONE_CODE = re.compile(r"\A(\s{0,80})`([^`]+)`(\s{0,80})\Z")
_ESCAPED = re.compile(r"\\([*_\[\]<>])")
# Mail and notes curl quotation marks; a text with straight ones was not curled.
_CURLED = (("“", '"', re.compile("“([^“”\n]{0,400})”")), ("‘", "'", re.compile("‘([^‘’\n]{0,400})’")))
_HARD_BREAK = re.compile(r"[ \t]{0,8}\\$", re.MULTILINE)


def unmarked(text: str) -> str:
    """`text` without the marks that no tool prints; `text` itself where there is none."""
    if "<plist" in text or "<?xml" in text or "<dict>" in text:
        return _unquoted(text)
    if "&" in text and _ENTITY.search(text):
        # html makes an odd blank of &nbsp;, which `clean` knows.
        text = clean(html.unescape(text))
    if "<" in text:
        text = _TAG.sub("", text)
    text = _unquoted(text)
    if "**" in text:
        text = _BOLD.sub(r"\1", text)
    if "`" in text:
        text = _FENCE.sub("", text)
        text = _LONE_CODE.sub(r"\1\2\3", _CODE.sub(r"\1", text))
    for curled, straight, pair in _CURLED:
        if curled in text and straight not in text:
            text = pair.sub(rf"{straight}\1{straight}", text)
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
        text = _HARD_BREAK.sub("", text) if 2 * text.count("\\\n") >= text.count("\n") else text
    return text


def _unquoted(text: str) -> str:
    """Without the quotation and comment marks that at least half of the lines begin with, and two of them or all; a
    quotation of a comment of a quotation too, but not for ever."""
    for _ in range(_MOST_LAYERS):
        lifted = _without_a_layer(text)
        if lifted == text:
            break
        text = lifted
    return text


def _without_a_layer(text: str) -> str:
    for mark in _QUOTES:
        marked = text.startswith(mark) + text.count(f"\n{mark}")
        if not marked:
            continue
        lines = sum(not line.isspace() for line in text.splitlines())
        if 2 * marked >= lines and (marked > 1 or lines == 1):
            return _QUOTED[mark].sub("", text)
    return text


def bare(text: str) -> str:
    """`text` without a bullet, or a line number, or blanks, that every line begins with; for what cannot be read
    with them."""
    lines = [line for line in textwrap.dedent(text).split("\n") if line and not line.isspace()]
    bullets = [_BULLET.match(line) for line in lines]
    if lines and all(bullets) and len({match[0].strip() for match in bullets if match}) == 1:
        return "\n".join(line[match.end() :] for line, match in zip(lines, bullets, strict=True) if match)
    numbers = [_NUMBER.match(line) for line in lines]
    counted = [int(match[1]) for match in numbers if match]
    if counted and len(counted) == len(lines) and _counts(counted):
        return "\n".join(line[match.end() :] for line, match in zip(lines, numbers, strict=True) if match)
    return "\n".join(lines) if text[:1].isspace() else text


def _counts(numbers: list[int]) -> bool:
    """Whether they go up by one, or by a little more where blank lines were numbered too."""
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    return all(1 <= step <= 3 for step in steps) and steps.count(1) * 2 >= len(steps)


def tolerant(read: Callable[[str | bytes], R]) -> Callable[[str | bytes], R]:
    """A reader that takes the marks off before it reads; what it refuses it quotes as it came."""

    def reading(text: str | bytes) -> R:
        if isinstance(text, bytes) and text.startswith(b"bplist00"):
            return read(text)
        cleaned = clean(text)
        lifted = unmarked(cleaned)
        further = bare(lifted)
        try:
            reading = read(text if lifted == cleaned else lifted)
        except UnreadableAnswer:
            if further == lifted == cleaned:
                raise
            return _first(read, further, text)
        return reading if further == lifted or not reading.unparsed else _better(read, further, reading)

    return reading


def _better(read: Callable[[str | bytes], R], further: str, reading: R) -> R:
    """`reading`, or that of `further` where more of its lines are read."""
    try:
        other = read(further)
    except UnreadableAnswer:
        return reading
    return other if len(other.unparsed) < len(reading.unparsed) else reading


def _first(read: Callable[[str | bytes], R], further: str, text: str | bytes) -> R:
    """Reads `further`; where that is refused too, the refusal is that of the text as it came."""
    try:
        return read(further)
    except UnreadableAnswer:
        return read(text)
