"""`parameters:` makes one scenario a combination: every `${name}` in it becomes one of the name's values.

A text that is nothing but `${name}` may become any value, a list or a mapping too; inside a longer text, or in a key,
the value must be a word. Lines stay those of the place of use.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import replace

from kextrel import yamltext
from kextrel.errors import nearest
from kextrel.scenario.fields import Place
from kextrel.yamltext import Node, Scalar

__all__ = ["MAX_COMBINATIONS", "combinations", "substitute"]

MAX_COMBINATIONS = 10_000
_USE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)

Values = Mapping[str, Node]


def combinations(node: Node | None, place: Place) -> list[dict[str, Node]]:
    """One mapping of parameter to value for each combination; one empty mapping where there are no parameters."""
    if node is None:
        return [{}]
    if not isinstance(node, yamltext.Mapping):
        raise place.wrong("'parameters' must be a mapping of names to lists", node)
    lists = {key.text: _values(key, value, place) for key, value in node.entries}
    total = 1
    for values in lists.values():
        total *= len(values)
    if total > MAX_COMBINATIONS:
        raise place.wrong(f"'parameters' makes {total} scenarios", node, f"{MAX_COMBINATIONS} are the limit")
    return [dict(zip(lists, row, strict=True)) for row in itertools.product(*lists.values())]


def _values(key: Scalar, node: Node, place: Place) -> tuple[Node, ...]:
    if _NAME.fullmatch(key.text) is None:
        raise place.wrong(f"'{key.text}' cannot be the name of a parameter", key, "use letters, digits, _ and -")
    if not isinstance(node, yamltext.Sequence) or not node.items:
        raise place.wrong(f"parameter '{key.text}' must be a list of values", node, "write it as [one, two]")
    seen: list[object] = []
    for item in node.items:
        value = yamltext.plain(item)
        if value in seen:
            raise place.wrong(f"parameter '{key.text}' has the value {value!r} twice", item)
        seen.append(value)
    return node.items


def substitute(node: Node, values: Values, place: Place) -> Node:
    """`node` with every `${name}` replaced. Raises InputError for a name that is no parameter."""
    if isinstance(node, Scalar):
        return _scalar(node, values, place)
    if isinstance(node, yamltext.Sequence):
        return yamltext.Sequence(tuple(substitute(item, values, place) for item in node.items), node.line)
    entries = tuple((_key(key, values, place), substitute(value, values, place)) for key, value in node.entries)
    names = [key.text for key, _ in entries]
    for key, _ in entries:
        if names.count(key.text) > 1:
            raise place.wrong(f"the key '{key.text}' is here twice once parameters are filled in", key)
    return yamltext.Mapping(entries, node.line)


def uses(node: Node) -> frozenset[str]:
    """The names of the parameters that `node` uses."""
    open_, found = [node], []
    while open_:
        one = open_.pop()
        if isinstance(one, yamltext.Mapping):
            open_ += [part for entry in one.entries for part in entry]
        elif isinstance(one, yamltext.Sequence):
            open_ += one.items
        elif "$" in one.text:
            found += _USE.findall(one.text)
    return frozenset(found)


def _scalar(node: Scalar, values: Values, place: Place) -> Node:
    whole = _USE.fullmatch(node.text)
    if whole is not None:
        return _moved(_value(whole.group(1), node, values, place), node.line)
    return _key(node, values, place)


def _key(node: Scalar, values: Values, place: Place) -> Scalar:
    def word(match: re.Match[str]) -> str:
        value = _value(match.group(1), node, values, place)
        if not isinstance(value, Scalar):
            raise place.wrong(f"parameter '{match.group(1)}' is not a word, and stands inside a text here", node)
        return value.text

    return replace(node, text=_USE.sub(word, node.text))


def _value(name: str, node: Scalar, values: Values, place: Place) -> Node:
    if name not in values:
        hint = nearest(name, values) or "declare it under parameters:"
        raise place.wrong(f"there is no parameter '{name}'", node, hint)
    return values[name]


def _moved(node: Node, line: int) -> Node:
    if isinstance(node, Scalar):
        return replace(node, line=line)
    if isinstance(node, yamltext.Sequence):
        return yamltext.Sequence(tuple(_moved(item, line) for item in node.items), line)
    return yamltext.Mapping(tuple((replace(key, line=line), _moved(value, line)) for key, value in node.entries), line)
