"""YAML as people wrote it: scalars stay text, every node knows its line, and nothing is guessed.

YAML 1.1 readers turn `on` into True, `10.10` into 10.1 and a team identifier of digits into another number. Here a
scalar is what was written; a schema types it later. Duplicate keys, anchors, aliases, tags, keys that are not plain
words, several documents and absurd depth are errors.InputErrors with file and line, so one spelling has one meaning.

    node = load(text, "lab.yaml")     -> Mapping | Sequence | Scalar
    read(Path("lab.yaml"))            -> the same from a file
    plain(node)                       -> dict | list | str | None, for a schema
    line_at(node, ("macs", "mini"))   -> the line that a schema's complaint is about
    step(node, "macs")                -> that key's line, and what it names
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml import (
    AliasEvent,
    MappingEndEvent,
    MarkedYAMLError,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    YAMLError,
)

from kextrel.errors import InputError

__all__ = [
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "line_at",
    "load",
    "plain",
    "read",
    "step",
]

MAX_BYTES = 1 << 20
_LOADER = getattr(yaml, "CLoader", yaml.Loader)  # only its events are taken, so nothing is ever made of a tag
MAX_DEPTH = 50


@dataclass(frozen=True)
class Scalar:
    """One word or text. `quoted`: it was written in quotes or as a block, so it is text even when it reads `null`."""

    text: str
    line: int
    quoted: bool = False

    @property
    def is_null(self) -> bool:
        """Whether nothing was written: empty, `null` or `~`, not quoted."""
        return not self.quoted and self.text in ("", "null", "~")


@dataclass(frozen=True)
class Sequence:
    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True)
class Mapping:
    """Keys are unique; `entries` keeps the order in which they were written."""

    entries: tuple[tuple[Scalar, Node], ...]
    line: int

    def get(self, key: str) -> Node | None:
        """The value of `key`, or None."""
        for name, value in self.entries:
            if name.text == key:
                return value
        return None


Node = Scalar | Sequence | Mapping


def read(path: Path) -> Node:
    """Loads a file of UTF-8. Raises InputError when it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        return load(raw.decode("utf-8-sig"), str(path))
    except OSError as error:
        raise InputError(f"cannot read it: {error.strerror}", path=str(path)) from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError("it is not UTF-8 text", path=str(path), line=line, hint="save it as UTF-8") from error


def load(text: str, path: str) -> Node:
    """Reads one YAML document; `path` is only said in errors. Raises InputError with the line."""
    if len(text) > MAX_BYTES:
        raise InputError(f"it is longer than {MAX_BYTES >> 20} MiB", path=path)
    try:
        return _Composer(text, path).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        raise InputError(f"not YAML: {error.problem or error.context}", path=path, line=line) from error
    except YAMLError as error:
        what = f"not YAML: {str(error).splitlines()[0]}"
        raise InputError(what, path=path, line=_line_of(error, text)) from error


def plain(node: Node) -> Any:
    """The same as dict, list, str and None (for a null)."""
    if isinstance(node, Mapping):
        return {key.text: plain(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return None if node.is_null else node.text


def line_at(node: Node, where: tuple[str | int, ...]) -> int:
    """The line of what `where` (keys and indexes) names: of its key, or of the deepest part of it that is there."""
    line = node.line
    for part in where:
        found = step(node, part)
        if found is None:
            continue  # a schema's own word (the tag of a union), not a place in the file
        line, node = found
    return line


def step(node: Node, part: str | int) -> tuple[int, Node] | None:
    """One step down: the line of the key or the item, and the node there; None where there is no such part."""
    if isinstance(node, Mapping):
        return next(((key.line, value) for key, value in node.entries if key.text == part), None)
    if isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
        return node.items[part].line, node.items[part]
    return None


def _line_of(error: YAMLError, text: str) -> int | None:
    found = re.search(r"position (\d+)", str(error))
    return text[: int(found.group(1))].count("\n") + 1 if found else None


class _Composer:
    """Builds nodes from the parser's events, and refuses what would make one file mean two things."""

    def __init__(self, text: str, path: str) -> None:
        self._path = path
        self._loader = _LOADER(text)
        self._next: Callable[[], Any] = self._loader.get_event

    def document(self) -> Node:
        try:
            return self._document()
        finally:
            self._loader.dispose()

    def _document(self) -> Node:
        self._next()  # the start of the stream
        event = self._next()
        if type(event) is StreamEndEvent:
            raise InputError("the file is empty", path=self._path, line=1)
        node = self._node(self._next(), 0)
        self._next()  # the end of the document
        after = self._next()
        if type(after) is not StreamEndEvent:
            raise self._wrong("a second document begins here", after, "keep one document in a file")
        return node

    def _node(self, event: Any, depth: int) -> Node:
        kind = type(event)
        if kind is AliasEvent or event.anchor is not None or event.tag is not None:
            raise self._reference(event)
        line = event.start_mark.line + 1
        if depth > MAX_DEPTH:
            raise self._wrong(f"nested deeper than {MAX_DEPTH} levels", event)
        if kind is ScalarEvent:
            return Scalar(event.value, line, quoted=event.style not in (None, ""))
        if kind is SequenceStartEvent:
            return Sequence(tuple([self._node(item, depth + 1) for item in self._until(SequenceEndEvent)]), line)
        return self._mapping(line, depth)

    def _mapping(self, line: int, depth: int) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for event in self._until(MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise self._wrong("a key must be a word", event)
            if key.text in entries:
                first = entries[key.text][0].line
                raise self._wrong(f"the key '{key.text}' is here twice", event, f"the first one is on line {first}")
            entries[key.text] = (key, self._value(key, depth))
        return Mapping(tuple(entries.values()), line)

    def _value(self, key: Scalar, depth: int) -> Node:
        value = self._node(self._next(), depth + 1)
        # A value that was left out has the position of what follows it: it belongs to its key's line.
        left_out = type(value) is Scalar and not value.text and not value.quoted
        return Scalar("", key.line) if left_out else value

    def _until(self, end: type) -> Iterator[Any]:
        while type(event := self._next()) is not end:
            yield event

    def _reference(self, event: Any) -> InputError:
        if type(event) is AliasEvent:
            return self._wrong(f"the alias *{event.anchor} is not read here", event, "write the value out")
        if event.anchor is not None:
            return self._wrong(f"the anchor &{event.anchor} is not read here", event, "write the value out")
        return self._wrong(f"the tag {event.tag} is not read here", event, "leave it out: scalars are text")

    def _wrong(self, what: str, event: Any, hint: str = "") -> InputError:
        return InputError(what, path=self._path, line=event.start_mark.line + 1, hint=hint)
