"""Which Macs each collected test wants, from the lab's profile alone: what a run starts, and what xdist shares out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from kextrel.errors import NotPossible, UsageError
from kextrel.plugin.choosing import fitting
from kextrel.plugin.handing import Wish
from kextrel.plugin.run import Run

__all__ = ["OwnWish", "needed", "wishes"]


class OwnWish(ABC):
    """An item that says itself what it wants. A class of its own, for scenarios' items are imported with scenarios."""

    @abstractmethod
    def wish(self) -> Wish | None:
        """None for one that no Mac fits."""


def wishes(run: Run, items: Iterable[pytest.Item]) -> dict[str, Wish]:
    """The wish of each test that wants something of the lab, by node ID."""
    found = {item.nodeid: _wish(run, item) for item in items}
    return {name: wish for name, wish in found.items() if wish is not None}


def needed(run: Run, wanted: Mapping[str, Wish]) -> list[str]:
    """The Macs that a run without workers needs: of several that a test may have, it takes the first."""
    if any(not wish.macs for wish in wanted.values()):
        return list(run.names)
    return list(dict.fromkeys(wish.macs[0] for wish in wanted.values()))


def _wish(run: Run, item: pytest.Item) -> Wish | None:
    if isinstance(item, OwnWish):
        return item.wish()
    fixtures = asked_of_us(item)
    try:
        if "mac_session" in fixtures:
            return Wish((fitting(run, None)[0],))
        if "mac" in fixtures:
            return _wish_of_test(run, item)
    except (NotPossible, UsageError):
        return None  # said where the fixture is asked for, with the test's name
    return Wish(()) if "lab" in fixtures else None


def _wish_of_test(run: Run, item: pytest.Item) -> Wish | None:
    chosen = getattr(item, "callspec", None)
    if chosen is not None and "mac" in chosen.params:
        name = chosen.params["mac"]
        return Wish((name,)) if name is not None else None
    macs = tuple(fitting(run, item.get_closest_marker("kextrel"), item.nodeid))
    return Wish(macs) if macs else None


def asked_of_us(item: pytest.Item) -> set[str]:
    """The names of Kextrel's own fixtures that a test asks for; another `mac` than ours is none."""
    info: Any = getattr(item, "_fixtureinfo", None)
    known = info.name2fixturedefs if info is not None else {}
    return {name for name in ("mac", "mac_session", "lab") if name in known and _is_ours(known[name][-1])}


def _is_ours(definition: Any) -> bool:
    return getattr(definition.func, "__module__", "") == "kextrel.plugin"
