"""Gives a Python test its Mac, and takes the Mac back to its baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kextrel.plugin.choosing import fitting
from kextrel.plugin.run import Run
from kextrel.scenario import Mac

__all__ = ["bound"]


def bound(run: Run, node: Any, name: str | None) -> Iterator[Mac]:
    """A Mac for the life of a fixture. `name` is the one that collection chose; None takes one that fits."""
    mark = node.get_closest_marker("kextrel") if isinstance(node, pytest.Item) else None
    fits = [name] if name is not None else fitting(run, mark)
    if not fits:
        asked = ", ".join(f"{key}={value!r}" for key, value in (mark.kwargs if mark else {}).items())
        pytest.skip(f"not checked: no Mac of the lab meets {asked or 'the mark'}")
    stay = run.stay(fits[0])
    given = Mac(stay.device, sink=run.log(fits[0]))
    try:
        yield given
    finally:
        lost = stay.back(given.level)
        if lost is not None:
            pytest.fail(lost.reason, pytrace=False)
