"""Holds the files of a bundle against its seal, _CodeSignature/CodeResources.

What was sealed and is missing or another is found. What was added later is not: which files may be added is said in the
seal's own rules, regular expressions of a stranger that are not run here. Nested code is sealed by its requirement, not
by its bytes, and so is only looked for. Source: Security's resource envelope versions 1 and 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kextrel import propertylist
from kextrel.bundles.reading.tree import Tree

__all__ = ["MOST_NAMED", "broken_seals"]

MOST_NAMED = 5  # files that are named before it is only counted
_DIGESTS = {"hash2": "sha256", "hash": "sha1"}


def broken_seals(resources: bytes, tree: Tree, contents: str) -> list[str]:
    """What no longer fits the seal, in words. `contents` is the folder that its names begin in."""
    try:
        seal = propertylist.read(resources, limit=16 * propertylist.LIMIT)
    except propertylist.BadPropertyList as error:
        return [f"CodeResources cannot be read: {error}"]
    entries = seal.get("files2") or seal.get("files")
    if not isinstance(entries, dict):
        return []
    wrong = list(_wrong(entries, tree, contents))
    more = [f"and {len(wrong) - MOST_NAMED} more files"] if len(wrong) > MOST_NAMED else []
    return wrong[:MOST_NAMED] + more


def _wrong(entries: Mapping[str, Any], tree: Tree, contents: str) -> Iterator[str]:
    for name, entry in entries.items():
        place = f"{contents}/{name}"
        if isinstance(entry, dict) and "symlink" in entry:
            if tree.links.get(place) != entry["symlink"]:
                yield f"the link '{name}' was changed after it was signed"
            continue
        optional = isinstance(entry, dict) and entry.get("optional") is True
        path = tree.files.get(place)
        if path is None:
            if not optional and place not in tree.folders and place not in tree.links:
                yield f"'{name}' was signed and is missing"
        elif not _fits(entry, tree, place):
            yield f"'{name}' was changed after it was signed"


def _fits(entry: object, tree: Tree, place: str) -> bool:
    """Whether the file has the digest that the seal says; one that says none is of nested code."""
    stated = entry if isinstance(entry, dict) else {"hash": entry}
    for key, algorithm in _DIGESTS.items():
        if isinstance(stated.get(key), bytes):
            return tree.digest(place, algorithm) == stated[key]
    return True
