"""Property lists in every form that people paste: XML, binary, JSON, and the three pretty-printed ones, of `plutil -p`
(`"key" => value`), of `defaults read` and mdmclient (`key = value;`), of PlistBuddy (`key = Dict {`).

The pretty-printed forms have one item a line, so they are read by lines: what is damaged costs its line, no more. XML
is read as hostile: no entities, bounded size and depth.
"""

from __future__ import annotations

import json
import plistlib
import re
from collections.abc import Callable
from typing import Any, TypeVar
from xml.parsers.expat import ExpatError

from kextrel import propertylist
from kextrel.macos import plistxml
from kextrel.macos.text import clean, is_noise, meaningful

__all__ = ["LIMIT", "around", "flag", "tree"]

T = TypeVar("T", str, bytes)

LIMIT = 32 << 20  # bytes of the largest one that is read

_DEPTH = 64
_KEYED = re.compile(r"(\"[^\"]{0,400}\"|[^\s\"=:{(\[]{1,400}(?: [^\s\"=:{(\[]{1,80}){0,4}) ?(?:=>|=|:)(?: (.*))?\Z")
# A line as plutil writes it, which is most of what is read: a text, what opens a container, what closes one; or any.
_LINE = re.compile(
    r"^[ \t]*(?:\"([^\"\n]{0,398})\" => \"([^\"\n]*)\"|(?:(\d{1,9})|\"([^\"\n=]{0,397})\") => ([{\[])"
    r"|([}\])])|([^\n]+))[ \t]*$",
    re.MULTILINE,
)
# What opens a container, and whether that is a dictionary; what is an empty one; what closes one.
_OPENS = {word + mark: mark == "{" and word != "Array " for word in ("", "Dict ", "Array ") for mark in "{(["}
_EMPTY = {word: word[0] == "{" for word in ("{}", "()", "[]", "{ }", "( )")}
_CLOSES = frozenset("})]")
_FLAGS = {0: False, 1: True}
_FLAG_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def tree(raw: str | bytes) -> Any | None:
    """Dictionaries, lists and scalars of a property list with whatever text stood around it; None where there is none.

    Scalars of the pretty-printed forms are text, or None for `<null>`; read booleans with `flag`.
    """
    if len(raw) > LIMIT:
        return None
    if isinstance(raw, bytes) and raw.startswith(b"bplist00"):
        return _loaded(_binary, raw)
    text = clean(raw)
    start, end = _xml(text)
    if start < end:
        return _loaded(plistxml.loads, text[start:end])
    return _json(text) or _pretty(text)


def around(raw: str | bytes) -> tuple[str, ...]:
    """The lines before and after an XML property list; none for the other forms."""
    text = "" if isinstance(raw, bytes) and raw.startswith(b"bplist00") else clean(raw)
    start, end = _xml(text)
    return tuple(meaningful(f"{text[:start]}\n{text[end:]}")) if start < end else ()


def _xml(text: str) -> tuple[int, int]:
    """Where the property list begins and ends; (0, 0) where there is none."""
    start, end = text.find("<?xml"), text.rfind("</plist>")
    start = text.find("<plist") if start < 0 else start
    return (start, end + len("</plist>")) if 0 <= start < end else (0, 0)


def flag(value: Any) -> bool | None:
    """A boolean in any of the forms; None for what is none."""
    if isinstance(value, int):
        return _FLAGS.get(value)
    return _FLAG_WORDS.get(value.strip().lower()) if isinstance(value, str) else None


def _loaded(load: Callable[[T], Any], data: T) -> Any | None:
    """plistlib's binary reader recurses, so endless nesting is caught."""
    try:
        return load(data)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, ExpatError):
        return None
    except (RecursionError, MemoryError):
        return None


def _binary(raw: bytes) -> Any:
    """Many may refer to one value there, so a few bytes can be endless when written out."""
    found = plistlib.loads(raw)
    propertylist.refuse_bomb(found, bits=64)  # as Core Foundation has it
    return found


def _json(text: str) -> Any | None:
    stripped = text.strip()
    if not stripped.startswith(("{", "[")) or not stripped.endswith(("}", "]")):
        return None
    try:
        return json.loads(stripped)
    except (ValueError, RecursionError):
        return None


def _pretty(text: str) -> Any | None:
    """By lines. A closing line that nothing opened is passed over; what is open at the end is taken as it is."""
    top: list[Any] = []
    stack: list[Any] = [top]
    for line in _LINE.finditer(text):
        key, word, number, name, mark, closed, other = line.groups()
        if word is not None:
            _put(key, word, stack)
        elif mark is not None:
            _open(number or name, {} if mark == "{" else [], stack)
        elif closed is not None:
            _close(stack)
        elif (item := other.strip()) and not is_noise(item):
            _take_other(item.rstrip(";,").rstrip(), stack)
    return next((one for one in top if isinstance(one, dict | list) and one), None)


def _take_other(item: str, stack: list[Any]) -> None:
    if item in _CLOSES:
        _close(stack)
    else:
        _take(item, stack)


def _open(key: str | None, node: Any, stack: list[Any]) -> None:
    _put(key, node, stack)
    if len(stack) < _DEPTH:
        stack.append(node)


def _close(stack: list[Any]) -> None:
    if len(stack) > 1:
        stack.pop()


def _put(key: str | None, node: Any, stack: list[Any]) -> None:
    """Items of lists may have their number for a key; a dictionary has no use for an item without one."""
    parent = stack[-1]
    if isinstance(parent, list):
        parent.append(node)
    elif key is not None:
        parent.setdefault(key, node)


def _take(item: str, stack: list[Any]) -> None:
    """One line that opens something, or holds a value, with or without a key."""
    key, value = _keyed(item)
    opened = _OPENS.get(value)
    if opened is not None:
        _open(key, {} if opened else [], stack)
    elif value in _EMPTY:
        _put(key, {} if _EMPTY[value] else [], stack)
    else:
        _put(key, _scalar(value), stack)


def _keyed(item: str) -> tuple[str | None, str]:
    """The key and the value of a line; None where it has no key."""
    key, arrow, value = item.partition(" => ")
    # As plutil writes it.
    if arrow and key and (key.isdecimal() or (key[0] == key[-1] == '"' and key.count('"') == 2 and len(key) < 400)):
        return key.strip('"'), value.strip()
    keyed = _KEYED.match(item)
    return (None, item) if keyed is None else (keyed[1].strip('"'), (keyed[2] or "").strip())


def _scalar(value: str) -> str | None:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1]
    return None if value in ("<null>", "(null)", "<NULL>") else value
