"""Gives a Python test its Mac, takes the Mac back to its baseline, and keeps what its verbs came to for the report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from kextrel.errors import BenchError, NotPossible
from kextrel.plugin.choosing import fitting
from kextrel.plugin.run import Run
from kextrel.scenario import Judgement, Mac, Stay, StepReport, worst
from kextrel.vocabulary import Verdict

__all__ = ["bound"]


def bound(run: Run, node: Any, name: str | None) -> Iterator[Mac]:
    """A Mac for the life of a fixture. `name` is the one that collection chose; None takes one that fits.

    Raises BenchError for a Mac that cannot be had, or that could not be taken back to its baseline afterwards.
    """
    mark = node.get_closest_marker("kextrel") if isinstance(node, pytest.Item) else None
    fits = [name] if name is not None else _fitting(run, mark, node)
    if not fits:
        asked = ", ".join(f"{key}={value!r}" for key, value in (mark.kwargs if mark else {}).items() if key != "on")
        pytest.skip(f"not checked: no Mac of the lab meets {asked or 'the mark'}")
    stay, began = _had(run, node, fits[0]), time.monotonic()
    given = Mac(stay.device, sink=run.log(fits[0]), bundles=run.bundles)
    try:
        yield given
    finally:
        if given.steps:
            verdict = worst(step.judgement for step in given.steps)
            run.ended(_told(node, given.name, given.steps, verdict), given.steps, time.monotonic() - began)
        stay.back(given.level)
        _refuse_lost(stay)


def _fitting(run: Run, mark: pytest.Mark | None, node: Any) -> list[str]:
    """The Mac that the controller gave this test, else all that fit."""
    bound_to = run.handed.bound(node.nodeid) if run.handed is not None else None
    if bound_to is not None:
        return [bound_to]
    try:
        return fitting(run, mark, node.nodeid)
    except NotPossible as error:
        pytest.skip(f"not checked: {error}")


def _had(run: Run, node: Any, name: str) -> Stay:
    """The Mac; one that cannot be had is a result too, else a report would count the tests that had theirs alone."""
    try:
        stay = run.stay(name)
        _refuse_lost(stay)
    except BenchError as error:
        run.ended(_told(node, name, (), Judgement(Verdict.BENCH_FAILED, None, str(error))), (), 0.0)
        raise
    return stay


def _refuse_lost(stay: Stay) -> None:
    if stay.lost is not None:
        name = stay.device.name
        raise BenchError(stay.lost.reason.removeprefix(f"{name} "), wire=name)


def _told(node: Any, device: str, steps: Sequence[StepReport], verdict: Judgement) -> dict[str, Any]:
    """The verbs of a test, in the shape in which `kextrel run` prints a scenario."""
    return {
        "file": str(node.path),
        "name": node.name or "session",
        "device": device,
        "steps": [step.to_json() for step in steps],
        "verdict": verdict.to_json(),
    }
