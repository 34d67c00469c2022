"""Rule coverage: which rules a run exercised, on which kind of Mac, and how each of those steps ended. Pure data.

A rule is *exercised* by a step on which a verdict about it stands. A held step counts as held for every rule that
decided it; a violated one as violated for the rule that is blamed and for no other, and where none is blamed as
exercised for all that decided it. What was not checked, and what the bench failed at, exercises nothing: it is counted
apart. So is a rule that no tool of a Mac shows, however the step ended: it is not checked, never held.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

from kextrel.errors import InputError
from kextrel.report.results import Kind, Result, Step
from kextrel.vocabulary import Architecture, Enrollment, Mac, Version

__all__ = ["FILE", "SCHEMA", "Count", "Coverage", "Law", "coverage", "of_json", "write_coverage"]

FILE = "coverage.json"
SCHEMA = "kextrel/coverage/v1"


class Law(Protocol):
    """What is asked of a rule; `policy.Rule` is one."""

    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def sources(self) -> tuple[str, ...]: ...
    @property
    def open(self) -> bool: ...
    @property
    def shown(self) -> bool: ...
    def holds_for(self, mac: Mac) -> bool: ...


@dataclass(frozen=True)
class Count:
    """Steps: those that exercised a rule, and of those that ended so; then those that did not exercise it."""

    exercised: int = 0
    held: int = 0
    violated: int = 0
    not_checked: int = 0
    bench_failed: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Count)))

    @property
    def word(self) -> str:
        """What to show for it: the worst that was judged, else why nothing was; "" where nothing came near the rule."""
        words = ("violated", "held", "exercised", "bench_failed", "not_checked")
        return next((word.replace("_", "-") for word in words if getattr(self, word)), "")


@dataclass(frozen=True)
class Coverage:
    """`cells` has the rules and kinds of Mac that came together; `kinds` the Macs that ran, by name, of each kind.

    `nowhere`: rules that no judged step stands on. `applies` tells the rules that hold for each kind.
    """

    rules: tuple[str, ...]
    kinds: Mapping[Kind, tuple[str, ...]] = field(hash=False)
    cells: Mapping[tuple[str, Kind], Count] = field(hash=False)
    applies: Mapping[Kind, frozenset[str]] = field(hash=False)

    def of_rule(self, rule: str) -> Count:
        """On all Macs together, and on those that could not be had."""
        return sum((count for (one, _), count in self.cells.items() if one == rule), Count())

    def at(self, rule: str, kind: Kind) -> Count:
        return self.cells.get((rule, kind), Count())

    def of_kind(self, kind: Kind) -> Mapping[str, Count]:
        """The rules that came near one kind of Mac."""
        return {rule: count for (rule, one), count in self.cells.items() if one == kind}

    @property
    def exercised(self) -> tuple[str, ...]:
        found = {rule for (rule, _), count in self.cells.items() if count.exercised}
        return tuple(rule for rule in self.rules if rule in found)

    @property
    def nowhere(self) -> tuple[str, ...]:
        found = set(self.exercised)
        return tuple(rule for rule in self.rules if rule not in found)

    def to_json(self) -> dict[str, Any]:
        """What `coverage.json` holds."""
        return {
            "schema": SCHEMA,
            "rules": {rule: _counted(self.of_rule(rule)) for rule in self.rules},
            "exercised": len(self.exercised),
            "exercised_nowhere": list(self.nowhere),
            "macs": [_named(kind) | {"names": list(names)} for kind, names in self.kinds.items()],
            "cells": [{"rule": rule} | _named(kind) | _counted(count) for (rule, kind), count in self.cells.items()],
            "applies": [_named(kind) | {"rules": sorted(rules)} for kind, rules in self.applies.items()],
        }


def coverage(results: Iterable[Result], rules: Mapping[str, Law]) -> Coverage:
    """What these results say of `rules`. A result whose Mac is not known counts for no kind of Mac."""
    kinds: dict[Kind, set[str]] = {}
    cells: dict[tuple[str, Kind], Count] = {}
    for result in results:
        if result.kind is None:
            continue
        if not result.wanted:
            kinds.setdefault(result.kind, set()).add(result.mac)
        for rule, count in _counts(result):
            if rule in rules:
                seen = count if rules[rule].shown else _unshown(count)
                cells[rule, result.kind] = cells.get((rule, result.kind), Count()) + seen
    ran = {kind: tuple(sorted(kinds[kind])) for kind in sorted(kinds, key=_order)}
    order = {rule: place for place, rule in enumerate(rules)}
    ordered = {key: cells[key] for key in sorted(cells, key=lambda key: (order[key[0]], _order(key[1])))}
    applies = {kind: frozenset(id_ for id_, rule in rules.items() if _holds(rule, kind)) for kind in ran}
    return Coverage(tuple(rules), ran, ordered, applies)


def write_coverage(folder: Path, found: Coverage) -> Path:
    """Writes it as JSON beside the report and returns that path."""
    path = folder / FILE
    path.write_text(json.dumps(found.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def of_json(data: Mapping[str, Any]) -> Coverage:
    """What `to_json` wrote, read again. Raises InputError for another schema."""
    if data.get("schema") != SCHEMA:
        raise InputError(f"{data.get('schema')!r} is not {SCHEMA}", hint="let this version of Kextrel draw the report")
    return Coverage(
        tuple(data["rules"]),
        {_kind(one): tuple(one["names"]) for one in data["macs"]},
        {(one["rule"], _kind(one)): Count(*(one[item.name] for item in fields(Count))) for one in data["cells"]},
        {_kind(one): frozenset(one["rules"]) for one in data["applies"]},
    )


def _counts(result: Result) -> Iterator[tuple[str, Count]]:
    if not any(step.rules for step in result.steps):
        yield from ((rule, _unjudged(result.verdict)) for rule in result.shows)
    for step in result.steps:
        yield from _counts_of_step(step)


def _counts_of_step(step: Step) -> Iterator[tuple[str, Count]]:
    if step.verdict not in ("held", "violated"):
        yield from ((rule, _unjudged(step.verdict)) for rule in step.rules)
        return
    if step.verdict == "violated" and step.rule is not None:
        yield step.rule, Count(exercised=1, violated=1)
        return
    yield from ((rule, Count(exercised=1, held=int(step.verdict == "held"))) for rule in step.rules)


def _unshown(count: Count) -> Count:
    """What a step says of a rule that nothing shows: that it was not checked."""
    return count if not count.exercised else Count(not_checked=count.exercised)


def _unjudged(verdict: str) -> Count:
    return Count(bench_failed=1) if verdict == "bench-failed" else Count(not_checked=1)


def _holds(rule: Law, kind: Kind) -> bool:
    mac = Mac(Architecture(kind.architecture), Version.parse(kind.macos), Enrollment(kind.enrollment))
    return rule.holds_for(mac)


def _order(kind: Kind) -> tuple[str, Sequence[int], str, str]:
    """Architectures by name, versions by number; what is no version by its first numbers."""
    numbers = [int(part) for part in "".join(c if c.isdigit() else " " for c in kind.macos).split()[:4]]
    return kind.architecture, numbers, kind.macos, kind.enrollment


def _named(kind: Kind) -> dict[str, str]:
    return {one.name: getattr(kind, one.name) for one in fields(Kind)}


def _kind(data: Mapping[str, Any]) -> Kind:
    return Kind(*(data[one.name] for one in fields(Kind)))


def _counted(count: Count) -> dict[str, int]:
    return {one.name: getattr(count, one.name) for one in fields(Count)}
