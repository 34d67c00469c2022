"""Gives a Python test its Mac, takes the Mac back to its baseline, and keeps what its verbs came to for the report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from kextrel.errors import BenchError
from kextrel.plugin.choosing import fitting
from kextrel.plugin.run import Run
from kextrel.scenario import Mac, Stay, worst

__all__ = ["bound"]


def bound(run: Run, node: Any, name: str | None) -> Iterator[Mac]:
    """A Mac for the life of a fixture. `name` is the one that collection chose; None takes one that fits.

    Raises BenchError for a Mac that cannot be had, or that could not be taken back to its baseline afterwards.
    """
    mark = node.get_closest_marker("kextrel") if isinstance(node, pytest.Item) else None
    fits = [name] if name is not None else fitting(run, mark)
    if not fits:
        asked = ", ".join(f"{key}={value!r}" for key, value in (mark.kwargs if mark else {}).items())
        pytest.skip(f"not checked: no Mac of the lab meets {asked or 'the mark'}")
    stay = run.stay(fits[0])
    _refuse_lost(stay)
    given, began = Mac(stay.device, sink=run.log(fits[0])), time.monotonic()
    try:
        yield given
    finally:
        if given.steps:
            run.ended(_told(given, node), given.steps, time.monotonic() - began)
        stay.back(given.level)
        _refuse_lost(stay)


def _refuse_lost(stay: Stay) -> None:
    if stay.lost is not None:
        name = stay.device.name
        raise BenchError(stay.lost.reason.removeprefix(f"{name} "), wire=name)


def _told(given: Mac, node: Any) -> dict[str, Any]:
    """The verbs of a test, in the shape in which `kextrel run` prints a scenario."""
    return {
        "file": str(node.path),
        "name": node.name or "session",
        "device": given.name,
        "steps": [step.to_json() for step in given.steps],
        "verdict": worst(step.judgement for step in given.steps).to_json(),
    }
