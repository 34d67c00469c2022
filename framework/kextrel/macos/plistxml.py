"""XML property lists as plistlib reads them, at a fraction of its price, and as hostile: no entities.

What Apple's tools and plistlib write has one form: elements without attributes, with nothing but blanks between them.
That is read by one regular expression; the first thing that it does not know leaves the whole list to expat, which
calls for each element, but needs no call for each line end. What is rare, dates and data, is left to plistlib.
"""

from __future__ import annotations

import plistlib
import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, unescape

__all__ = ["loads"]

_DEEPEST = 400  # levels; of Apple's lists ioreg's are the deepest, with two for each of some thirty nodes

_Value = dict[str, Any] | list[Any] | str | int | float

_HEAD = re.compile(
    r"(?:<\?xml version=\"1\.0\"(?: encoding=\"(?:UTF|utf)-8\")?\?>[ \t\n]*)?"
    r"(?:<!DOCTYPE plist PUBLIC \"-//Apple(?: Computer)?//DTD PLIST 1\.0//EN\""
    r" \"https?://www\.apple\.com/DTDs/PropertyList-1\.0\.dtd\">[ \t\n]*)?<plist(?: version=\"1\.0\")?>"
)
_END = "</plist>"
# Nothing that expat would refuse, or read as something else than it is.
_PLAIN = r"[^<>&\x00-\x08\x0b-\x1f]*"
_TEXT = rf"({_PLAIN}(?:&(?:amp|lt|gt|quot|apos);{_PLAIN})*)"
# A key with its value, or with what opens that; the last alternative is anything else.
_ITEM = re.compile(
    rf"[ \t\n]*<(?:key>{_TEXT}</key>[ \t\n]*<)?(?:(string|integer|real|date|data)>{_TEXT}</\2>"
    r"|(dict|array|/dict|/array|true/|false/|string/|dict/|array/)>)|[^<]|<"
)
_STRANGE = ("<!", "\ufffe", "\uffff")
_QUOTES = {"&quot;": '"', "&apos;": "'"}


def loads(text: str) -> Any:
    """What stands in `text`, an XML property list; None where that is empty. Its encoding is not asked for: it is
    text by now. Raises ValueError, AttributeError (a date that is none) or ExpatError for anything else."""
    text = text if text.isascii() else text.encode("utf-8", errors="replace").decode("utf-8")
    head = _HEAD.match(text)
    if head and text.endswith(_END):
        body = text[head.end() : -len(_END)].rstrip(" \t\n")
        if not any(mark in body for mark in _STRANGE) and (found := _usual(body)):
            return found[0]
    return _any(text)


def _usual(body: str) -> list[Any]:
    """The one value in `body`, in a list; an empty one where anything in it is not of the usual form."""
    top: list[Any] = []
    opened: list[Any] = [top]
    at: Any = top
    try:
        for item in _ITEM.finditer(body):
            key, tag, text, mark = item.groups()
            if mark is None:
                value = text if tag == "string" and "&" not in text else _scalar(tag, text)
            elif mark[0] == "/":
                at = _outer(opened, mark, key)
                continue
            else:
                value = _MARKED[mark]()
            # A list has no keys, a dictionary nothing but: whatever is in the wrong one raises.
            if key is None:
                at.append(value)
            else:
                at[_unescaped(key)] = value
            if mark == "dict" or mark == "array":
                at = value
                opened.append(value)
    except (AttributeError, TypeError, ValueError):
        return []
    return top if len(top) == len(opened) == 1 else []


def _scalar(tag: str | None, text: str) -> Any:
    if tag is None:
        raise ValueError("neither a value nor a mark")
    return _unescaped(text) if tag == "string" else _SCALARS[tag](_unescaped(text))


def _outer(opened: list[Any], mark: str, key: str | None) -> Any:
    """What the container that `mark` ends stands in."""
    if key is not None or len(opened) == 1 or len(opened) > _DEEPEST or type(opened.pop()) is not _ENDED[mark]:
        raise ValueError("not what was opened last")
    return opened[-1]


def _unescaped(text: str) -> str:
    return unescape(text, _QUOTES) if "&" in text else text


def _any(text: str) -> Any:
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text.append
    parser.EntityDeclHandler = _refuse
    parser.Parse(text.encode("utf-8", errors="replace"), True)
    return builder.root


def _refuse(*_: object) -> None:
    raise ValueError("entity declarations are not read in property lists")


class _Builder:
    """Elements that no property list has are passed over, and what is in them stands where they stood."""

    def __init__(self) -> None:
        self.root: Any = None
        self.text: list[str] = []
        self._open: list[dict[str, Any] | list[Any]] = []
        self._key: str | None = None

    def start(self, tag: str, _: Mapping[str, str]) -> None:
        self.text.clear()
        if tag == "dict" or tag == "array":
            node: dict[str, Any] | list[Any] = {} if tag == "dict" else []
            self._add(node)
            self._open.append(node)
            if len(self._open) > _DEEPEST:
                raise ValueError("nested too deep to be shown")

    def end(self, tag: str) -> None:
        if tag == "string":
            self._add("".join(self.text))
        elif tag == "key":
            self._take_key("".join(self.text))
        elif tag in _SCALARS:
            self._add(_SCALARS[tag]("".join(self.text)))
        elif tag == "dict" or tag == "array":
            self._close()
        else:
            return
        self.text.clear()

    def _take_key(self, key: str) -> None:
        if self._key or not (self._open and isinstance(self._open[-1], dict)):
            raise ValueError("a key where none is due")
        self._key = key

    def _close(self) -> None:
        if self._key:
            raise ValueError("a key without its value")
        self._open.pop()

    def _add(self, value: _Value) -> None:
        parent = self._open[-1] if self._open else None
        if self._key is not None and isinstance(parent, dict):
            parent[self._key] = value
            self._key = None
        elif self._key is not None or isinstance(parent, dict):
            raise ValueError("a value without its key, or a key without its value")
        elif parent is None:
            self.root = value
        else:
            parent.append(value)


def _integer(text: str) -> int:
    number = int(text, 16) if text.startswith(("0x", "0X")) else int(text)
    # plistlib takes any, and nobody could print that; Core Foundation refuses the whole list.
    if not -(1 << 63) <= number < 1 << 64:
        raise ValueError("an integer of more than 64 bits")
    return number


def _rare(tag: str) -> Callable[[str], Any]:
    return lambda text: plistlib.loads(f"<plist><{tag}>{escape(text)}</{tag}></plist>".encode())


_ENDED: Mapping[str, type] = {"/dict": dict, "/array": list}
_MARKED: Mapping[str, Callable[[], Any]] = {
    "dict": dict,
    "array": list,
    "dict/": dict,
    "array/": list,
    "string/": str,
    "true/": lambda: True,
    "false/": lambda: False,
}

_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "integer": _integer,
    "real": float,
    "true": lambda _: True,
    "false": lambda _: False,
    "date": _rare("date"),
    "data": _rare("data"),
}
