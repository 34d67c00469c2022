"""Typed reading of YAML nodes: the schema says what a scalar is, and every complaint has a file, a line and a hint.

A *reader* is a function (node, place) -> value. `Fields` reads one mapping: it refuses unknown fields when it is made,
hands out typed values, and keeps in `written` what the file said of them, as JSON values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from kextrel import yamltext
from kextrel.errors import InputError, nearest
from kextrel.scenario.comparison import WantedMacos
from kextrel.vocabulary import Version
from kextrel.yamltext import Node, Scalar

__all__ = [
    "Fields",
    "Place",
    "Reader",
    "bundle_id",
    "flag",
    "list_of",
    "matching",
    "number",
    "one_of",
    "team_id",
    "teams",
    "text",
    "version",
    "wanted_macos",
    "word_of",
]

T = TypeVar("T")
D = TypeVar("D")
E = TypeVar("E", bound=Enum)


@dataclass(frozen=True)
class Place:
    """Where we are reading: the file and, for people, the thing in it (`mac`, `extension 'driver'`)."""

    path: str
    what: str

    def inside(self, what: str) -> Place:
        return Place(self.path, what)

    def field(self, name: str) -> Place:
        return Place(self.path, f"'{name}' of {self.what}")

    def wrong(self, what: str, node: Node, hint: str = "") -> InputError:
        """An InputError at `node`'s line."""
        return InputError(what, path=self.path, line=node.line, hint=hint)


Reader = Callable[[Node, Place], T]


class Fields:
    """One mapping of the file. Making it refuses everything that is not in `known`."""

    def __init__(self, node: Node, place: Place, known: Iterable[str]) -> None:
        self.node, self.place = node, place
        self.written: dict[str, Any] = {}
        entries = _mapping(node, place).entries
        self._nodes: dict[str, Node] = {key.text: value for key, value in entries}
        known = tuple(known)
        for key, _ in entries:
            if key.text not in known:
                raise place.wrong(f"unknown field '{key.text}' in {place.what}", key, nearest(key.text, known))

    def has(self, name: str) -> bool:
        return name in self._nodes

    def at(self, name: str) -> Node:
        """The node of a field, or of the whole mapping where the field is left out: what an error points at."""
        return self._nodes.get(name) or self.node

    def given(self, name: str) -> Node:
        """The node of a field. Raises InputError where it is left out."""
        node = self._nodes.get(name)
        if node is None:
            raise self.place.wrong(f"{self.place.what} needs '{name}'", self.node)
        return node

    def get(self, name: str, reader: Reader[T], default: D) -> T | D:
        """The field's value, or `default` where it is left out."""
        return self.need(name, reader) if self.has(name) else default

    def get_or_none(self, name: str, reader: Reader[T]) -> T | None:
        """As `get` for a field that may say `null`."""
        node = self._nodes.get(name)
        if isinstance(node, Scalar) and node.is_null:
            self.written[name] = None
            return None
        return self.need(name, reader) if self.has(name) else None

    def need(self, name: str, reader: Reader[T]) -> T:
        """The field's value. Raises InputError where it is left out."""
        value = reader(self.given(name), self.place.field(name))
        self.written[name] = as_json(value)
        return value

    def inner(self, name: str, known: Iterable[str]) -> Fields:
        """The Fields of a field that is a mapping itself."""
        fields = Fields(self.at(name), self.place.field(name), known)
        self.written[name] = fields.written
        return fields


def as_json(value: Any) -> Any:
    """A typed value as JSON says it: words and versions as text, whole numbers without a point."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value) if isinstance(value, Version | WantedMacos) else value


def text(node: Node, place: Place) -> str:
    """A scalar, as it is written."""
    if not isinstance(node, Scalar):
        raise place.wrong(f"{place.what} must be one word or text", node)
    if node.is_null:
        raise place.wrong(f"{place.what} is empty", node, "write a value, or leave it out where it has a default")
    return node.text


def matching(pattern: str, say: str) -> Reader[str]:
    """A reader of text that matches `pattern` as a whole; `say` describes it in the error."""
    form = re.compile(pattern, re.ASCII)

    def read(node: Node, place: Place) -> str:
        word = text(node, place)
        if form.fullmatch(word) is None:
            raise place.wrong(f"{place.what} is '{word}'", node, f"it must be {say}")
        return word

    return read


bundle_id = matching(
    r"(?!.{156})[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*", "a bundle identifier such as com.example.a"
)
team_id = matching(r"[A-Za-z0-9]{0,155}", "a team identifier such as KXTRL00001")
_decimal = matching(r"\d{1,9}(\.\d{1,9})?", "a number such as 30")


def flag(node: Node, place: Place) -> bool:
    """`true` or `false`, and no other spelling of it."""
    return _flag_word(node, place) == "true"


def number(node: Node, place: Place) -> float:
    """A decimal number, 0 or more."""
    return float(_decimal(node, place))


def version(node: Node, place: Place) -> Version:
    """A macOS version."""
    try:
        return Version.parse(text(node, place))
    except ValueError as error:
        raise place.wrong(f"{place.what}: {error}", node) from error


def wanted_macos(node: Node, place: Place) -> WantedMacos:
    """A macOS version, or comparisons."""
    try:
        return WantedMacos.parse(text(node, place))
    except ValueError as error:
        raise place.wrong(f"{place.what}: {error}", node) from error


def one_of(*words: str) -> Reader[str]:
    """A reader of one of these words."""

    def read(node: Node, place: Place) -> str:
        word = text(node, place)
        if word not in words:
            raise place.wrong(f"{place.what} is '{word}'", node, nearest(word, words))
        return word

    return read


_flag_word = one_of("true", "false")


def word_of(words: type[E], only: Iterable[E] | None = None) -> Reader[E]:
    """A reader of one of an enum's words (of `only`, when given)."""
    allowed = _by_text(words if only is None else tuple(only))
    read = one_of(*allowed)
    return lambda node, place: allowed[read(node, place)]


@cache
def _by_text(words: Iterable[E]) -> dict[str, E]:
    """What each word is written as; asked for at every step of every file."""
    return {str(word.value): word for word in words}


def list_of(reader: Reader[T], said: Callable[[T], object] = str) -> Reader[tuple[T, ...]]:
    """A reader of a list, each item once; `said` names an item for people."""

    def read(node: Node, place: Place) -> tuple[T, ...]:
        if not isinstance(node, yamltext.Sequence):
            raise place.wrong(f"{place.what} must be a list", node, "write it as [one, two]")
        items: list[T] = []
        for item in node.items:
            value = reader(item, place.inside(f"an item of {place.what}"))
            if value in items:
                raise place.wrong(f"{place.what} names '{said(value)}' twice", item)
            items.append(value)
        return tuple(items)

    return read


def teams(reader: Reader[str]) -> Reader[dict[str, tuple[str, ...]]]:
    """A reader of a mapping from a team to a list."""

    def read(node: Node, place: Place) -> dict[str, tuple[str, ...]]:
        entries = _mapping(node, place).entries
        return {key.text: list_of(reader)(value, place.field(key.text)) for key, value in entries}

    return read


def _mapping(node: Node, place: Place) -> yamltext.Mapping:
    if not isinstance(node, yamltext.Mapping):
        raise place.wrong(f"{place.what} must be a mapping of fields to values", node)
    return node
