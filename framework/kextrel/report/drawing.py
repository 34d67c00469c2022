"""The timeline of each Mac as shapes: where it was by the wall's clock, its scenarios, and the same in lab minutes.

Places are thousandths of a band's width, so that a band stretches with the window while its words keep their size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kextrel.report.places import KINDS, Span
from kextrel.report.results import Result

__all__ = ["Band", "Block", "Strip", "Tick", "span_words", "strips"]

_WIDE = 1000.0
_HIGH = 20  # of a band, in its own units
_LEAST = 1.2  # thousandths: narrower is not seen
_NAMED = 400  # blocks of a band that can be pointed at; more are drawn in one stroke a verdict
_TICKS = 6
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 172800, 604800)


@dataclass(frozen=True)
class Tick:
    """A mark of an axis, `at` percent of its width."""

    at: float
    label: str


@dataclass(frozen=True)
class Block:
    """One scenario on a band: its number on the page, from 1."""

    number: int
    verdict: str
    title: str
    x: float
    width: float


@dataclass(frozen=True)
class Band:
    """`paths` are shapes by kind or verdict; `blocks` what can be pointed at, empty where there are too many."""

    paths: Mapping[str, str]
    blocks: Sequence[Block]
    ticks: Sequence[Tick]


@dataclass(frozen=True)
class Strip:
    """One Mac: its places, its scenarios, both over wall seconds, and its scenarios over lab minutes.

    `seconds` it spent in each place; `boots` is how often it left one place to boot.
    """

    mac: str
    places: Band
    scenarios: Band
    minutes: Band
    seconds: Mapping[str, float]
    boots: int
    lab_minutes: float


def strips(spans: Mapping[str, Sequence[Span]], results: Sequence[Result]) -> list[Strip]:
    """A strip for each Mac that left evidence."""
    numbered: dict[str, list[tuple[int, Result]]] = {}
    for number, result in enumerate(results, start=1):
        numbered.setdefault(result.mac, []).append((number, result))
    return [_strip(mac, own, numbered.get(mac, [])) for mac, own in spans.items() if own]


def span_words(seconds: float) -> str:
    """`0.4 s`, `12 s`, `4 min`, `1 h 30 min`, `2 d`."""
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 86400:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    return f"{seconds / 86400:.3g} d"


def _strip(mac: str, spans: Sequence[Span], results: Sequence[tuple[int, Result]]) -> Strip:
    began, length = spans[0].began, max((spans[-1].ended - spans[0].began).total_seconds(), 0.001)
    stays = [(one.kind, (one.began - began).total_seconds(), one.seconds) for one in spans]
    took = [(number, one, (one.started - began).total_seconds(), one.seconds) for number, one in results]
    minutes = sum(one.lab_minutes for _, one in results)
    return Strip(
        mac,
        Band(_paths(stays, length), (), _ticks(length)),
        _scenarios([one for one in took if one[2] <= length and one[2] + one[3] >= 0], length, ()),
        _scenarios(list(_in_a_row(results)), minutes, _ticks(minutes * 60)),
        {kind: sum(seconds for one, _, seconds in stays if one == kind) for kind in KINDS},
        sum(kind == "boot" for kind, _, _ in stays),
        minutes,
    )


def _in_a_row(results: Sequence[tuple[int, Result]]) -> Iterator[tuple[int, Result, float, float]]:
    """The scenarios of a Mac one after the other, as long as each costs on a real bench."""
    at = 0.0
    for number, result in results:
        yield number, result, at, result.lab_minutes
        at += result.lab_minutes


def _scenarios(took: Sequence[tuple[int, Result, float, float]], length: float, ticks: Sequence[Tick]) -> Band:
    if length <= 0:
        return Band({}, (), ())
    if len(took) > _NAMED:
        stays = [(result.verdict, at, long) for _, result, at, long in took]
        return Band(_paths(stays, length), (), ticks)
    blocks = [
        Block(number, result.verdict, _title(result), *_extent(at, long, length)) for number, result, at, long in took
    ]
    return Band({}, blocks, ticks)


def _title(result: Result) -> str:
    verdict = result.verdict.replace("-", " ")
    return f"{result.name}: {verdict}, {result.seconds:.1f} s here, {result.lab_minutes:.1f} lab minutes"


def _extent(at: float, long: float, length: float) -> tuple[float, float]:
    """Where a shape begins and how wide it is; what begins before the band or ends after it is cut."""
    begin, end = max(0.0, at), min(at + long, length)
    return round(begin / length * _WIDE, 1), round(max((end - begin) / length * _WIDE, _LEAST), 1)


def _paths(stays: Iterable[tuple[str, float, float]], length: float) -> dict[str, str]:
    """One path for all stays of a kind. Those that touch on the screen are one: a night has thousands."""
    parts: dict[str, list[str]] = {}
    drawn: dict[str, float] = {}
    for kind, at, long in stays:
        x, width = _extent(at, long, length)
        if x + width > drawn.get(kind, -1.0) + _LEAST / 2:
            parts.setdefault(kind, []).append(f"M{x:g} 0h{width:g}v{_HIGH}h-{width:g}z")
            drawn[kind] = x + width
    return {kind: "".join(several) for kind, several in parts.items()}


def _ticks(seconds: float) -> list[Tick]:
    """At most _TICKS marks at round times, the first at 0."""
    if seconds <= 0:
        return []
    step = next((one for one in _STEPS if seconds / one <= _TICKS), _STEPS[-1])
    marks = [at * step for at in range(int(seconds // step) + 1)][: _TICKS + 1]
    return [Tick(round(mark / seconds * 100, 2), span_words(mark) if mark else "0") for mark in marks]
