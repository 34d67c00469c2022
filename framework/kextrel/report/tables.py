"""The tables of the page: scenarios against Macs, rules against kinds of Mac, what has no verdict by its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from kextrel.report.coverage import Count, Coverage
from kextrel.report.results import Kind, Result

__all__ = ["Cell", "Column", "Reason", "Row", "columns", "matrix", "reasons"]


@dataclass(frozen=True)
class Cell:
    """One result in the matrix; `number` is its own on the page, from 1."""

    number: int
    mac: str
    verdict: str
    rule: str | None


@dataclass(frozen=True)
class Row:
    """One scenario: `cells` by Mac, several where it ran there several times."""

    name: str
    file: str
    cells: Mapping[str, Sequence[Cell]]
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """Kinds of Mac that share a column, by the words at its head."""

    head: tuple[str, ...]
    kinds: tuple[Kind, ...]

    def count(self, coverage: Coverage, rule: str) -> Count:
        return sum((coverage.at(rule, kind) for kind in self.kinds), Count())

    def applies(self, coverage: Coverage, rule: str) -> bool:
        return any(rule in coverage.applies.get(kind, ()) for kind in self.kinds)


@dataclass(frozen=True)
class Reason:
    """Why something has no verdict, and the results of which that is said."""

    text: str
    cells: Sequence[tuple[Cell, str]]


def matrix(results: Sequence[Result]) -> list[Row]:
    """A row a scenario, in the order in which they ran."""
    found: dict[tuple[str, str], tuple[dict[str, list[Cell]], dict[str, None]]] = {}
    for number, result in enumerate(results, start=1):
        cells, rules = found.setdefault((result.file, result.name), ({}, {}))
        cells.setdefault(result.mac, []).append(_cell(number, result))
        rules |= dict.fromkeys(rule for step in result.steps for rule in step.rules) | dict.fromkeys(result.shows)
    return [Row(name, PurePath(file).name, cells, tuple(rules)) for (file, name), (cells, rules) in found.items()]


_COARSER: tuple[Callable[[Kind], tuple[str, ...]], ...] = (
    lambda kind: (kind.architecture, kind.macos, kind.enrollment),
    lambda kind: (kind.architecture, kind.macos.partition(".")[0], kind.enrollment),
    lambda kind: (kind.architecture, kind.macos.partition(".")[0]),
    lambda kind: (kind.architecture,),
)


def columns(coverage: Coverage, most: int) -> list[Column]:
    """A column for each kind of Mac that ran; where these are more than `most`, minor versions share one, then
    enrollments, then versions."""
    for head in _COARSER:
        found: dict[tuple[str, ...], list[Kind]] = {}
        for kind in coverage.kinds:
            found.setdefault(head(kind), []).append(kind)
        if len(found) <= most:
            break
    return [Column(words, tuple(kinds)) for words, kinds in found.items()]


def reasons(results: Iterable[Result], verdict: str) -> list[Reason]:
    """The results that ended as `verdict`, by the reason; the commonest first."""
    found: dict[str, list[tuple[Cell, str]]] = {}
    for number, result in enumerate(results, start=1):
        if result.verdict == verdict:
            told = result.reason or "no reason was given"
            found.setdefault(told, []).append((_cell(number, result), result.name))
    return [Reason(text, cells) for text, cells in sorted(found.items(), key=lambda one: -len(one[1]))]


def _cell(number: int, result: Result) -> Cell:
    return Cell(number, result.mac, result.verdict, result.rule)
