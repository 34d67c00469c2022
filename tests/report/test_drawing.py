"""The timeline as shapes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from kextrel.report import Result
from kextrel.report.drawing import Strip, span_words, strips
from kextrel.report.places import Span


def strip(made: Any, *stays: tuple[str, float], results: Any = ()) -> Strip:
    spans, at = [], made.began
    for kind, seconds in stays:
        spans.append(Span(kind, at, at + timedelta(seconds=seconds)))
        at = spans[-1].ended
    (found,) = strips({"mini": spans}, [Result.from_json(one) for one in results])
    return found


def shapes(path: str) -> list[tuple[float, float]]:
    """Where each shape of a path begins, and how wide it is."""
    return [(float(x), float(width)) for x, width in re.findall(r"M([\d.]+) 0h([\d.]+)v20h-[\d.]+z", path)]


def test_each_place_has_its_share_of_the_width(made: Any) -> None:
    found = strip(made, ("macOS", 30), ("off", 10), ("boot", 10), ("macOS", 50))
    assert {kind: shapes(path) for kind, path in found.places.paths.items()} == {
        "macOS": [(0, 300), (500, 500)],
        "off": [(300, 100)],
        "boot": [(400, 100)],
    }
    assert (found.seconds["macOS"], found.seconds["recovery"], found.boots) == (80, 0, 1)


def test_a_moment_is_seen_and_thousands_of_them_are_few_shapes(made: Any) -> None:
    found = strip(made, *[("macOS", 10.0), ("boot", 0.1)] * 5000)
    drawn = shapes(found.places.paths["boot"])
    assert min(width for _, width in drawn) >= 1
    assert len(drawn) < 1700
    assert found.boots == 5000


def test_scenarios_stand_where_they_ran_and_as_long_as_they_cost(made: Any) -> None:
    results = [
        made.result(made.step(), seconds=20.0, lab_minutes=30.0),
        made.result(
            made.step(verdict="violated"), started=(made.began + timedelta(seconds=60)).isoformat(), seconds=40.0,
            lab_minutes=10.0,
        ),
    ]  # fmt: skip
    found = strip(made, ("macOS", 100), results=results)
    assert [(one.number, one.verdict, one.x, one.width) for one in found.scenarios.blocks] == [
        (1, "held", 0, 200),
        (2, "violated", 600, 400),
    ]
    assert [(one.x, one.width) for one in found.minutes.blocks] == [(0, 750), (750, 250)]
    assert found.lab_minutes == 40


def test_too_many_to_point_at_are_drawn_in_one_stroke(made: Any) -> None:
    results = [made.result(made.step(), seconds=0.1) for _ in range(500)]
    found = strip(made, ("macOS", 100), results=results)
    assert found.minutes.blocks == ()
    assert len(found.minutes.paths["held"]) < 40_000


def test_a_mac_whose_scenarios_cost_nothing_has_no_lab_minutes(made: Any) -> None:
    found = strip(made, ("macOS", 100), results=[made.result(made.step(), lab_minutes=0.0)])
    assert (found.minutes.blocks, found.minutes.ticks) == ((), ())


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (2.3, ["0", "1 s", "2 s"]),
        (16, ["0", "5 s", "10 s", "15 s"]),
        (3600, ["0", "10 min", "20 min", "30 min", "40 min", "50 min", "1 h"]),
        (40_000, ["0", "2 h", "4 h", "6 h", "8 h", "10 h"]),
    ],
)
def test_an_axis_has_a_few_round_marks(made: Any, seconds: float, labels: list[str]) -> None:
    ticks = strip(made, ("macOS", seconds)).places.ticks
    assert [tick.label for tick in ticks] == labels
    assert [tick.at for tick in ticks] == sorted(tick.at for tick in ticks)
    assert ticks[-1].at <= 100


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.42, "0.4 s"), (3, "3 s"), (42, "42 s"), (240, "4 min"), (5400, "1 h 30 min"), (7200, "2 h"), (259200, "3 d")],
)
def test_spans_read_as_words(seconds: float, words: str) -> None:
    assert span_words(seconds) == words


def test_a_mac_without_evidence_has_no_strip(made: Any) -> None:
    assert strips({"mini": []}, [Result.from_json(made.result(made.step()))]) == []
