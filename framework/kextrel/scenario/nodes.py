"""Python values as YAML nodes, so that the Python API is typed and refused by the same schema as files are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kextrel import yamltext
from kextrel.yamltext import Node, Scalar

__all__ = ["node_of"]


def node_of(value: Any) -> Node:
    """A node for a str, bool, number, None, mapping or collection of these; anything else is said by its `str`."""
    if value is None:
        return Scalar("", 0)
    if isinstance(value, bool):
        return Scalar(str(value).lower(), 0)
    if isinstance(value, str):
        return Scalar(str(value), 0, quoted=True)
    if isinstance(value, Mapping):
        return yamltext.Mapping(tuple((Scalar(str(key), 0), node_of(item)) for key, item in value.items()), 0)
    if isinstance(value, Collection):
        return yamltext.Sequence(tuple(node_of(item) for item in value), 0)
    return Scalar(str(value), 0, quoted=True)
