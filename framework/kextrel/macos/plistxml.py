"""XML property lists as plistlib reads them, at half its price, and as hostile: no entities.

What plistlib spends most of its time on is a call for each line end between two elements. Here expat collects text by
itself. What is rare, dates and data, is left to plistlib.
"""

from __future__ import annotations

import plistlib
from collections.abc import Callable, Mapping
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

__all__ = ["loads"]

_DEEPEST = 400  # levels; of Apple's lists ioreg's are the deepest, with two for each of some thirty nodes

_Value = dict[str, Any] | list[Any] | str | int | float


def loads(text: str) -> Any:
    """What stands in `text`, an XML property list; None where that is empty. Its encoding is not asked for: it is
    text by now. Raises ValueError, AttributeError (a date that is none) or ExpatError for anything else."""
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


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "integer": _integer,
    "real": float,
    "true": lambda _: True,
    "false": lambda _: False,
    "date": _rare("date"),
    "data": _rare("data"),
}
