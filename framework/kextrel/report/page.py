"""Draws report.html: Macs and scenarios, each step with its rules, what was expected, what was seen, the evidence.

The page holds all it needs: style, script and pictures are in it, and its policy lets it ask for nothing. All that
a Mac said is escaped, and what could not be seen is made visible. Its size is bounded (`Bounds`): it says what is left
out.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kextrel import __version__
from kextrel.report.coverage import FILE, Coverage, Law, coverage, write_coverage
from kextrel.report.drawing import span_words, strips
from kextrel.report.excerpts import Excerpt, Gathered, Room, gather
from kextrel.report.pictures import FOLDER, Picture, small
from kextrel.report.results import EVIDENCE, Result, counts, read_results
from kextrel.report.tables import columns, matrix, reasons
from kextrel.report.visible import visible

__all__ = ["Bounds", "get_ready", "write"]

_TEMPLATE = "report.html.j2"
_WORST_FIRST = ("violated", "bench-failed", "not-checked", "held")
_LETTERS = 4000  # of one text, wherever it is printed
_MARKS = {"held": "✓", "violated": "✗", "not-checked": "?", "bench-failed": "!", "exercised": "~"}


@dataclass(frozen=True)
class Bounds:
    """How much a page shows: rows of the matrix, steps in full, steps in one line, pictures, columns of Macs, and of
    the evidence what `room` says. All of it together is some 10 MB for a night, and 25 MB at the very worst."""

    rows: int = 5000
    steps: int = 3000
    lines: int = 15000
    pictures: int = 120
    columns: int = 40
    room: Room = field(default_factory=Room)


@dataclass(frozen=True)
class Shown:
    """How one result is shown: its number, whether its steps are there in full, in a line each, or not at all."""

    number: int
    result: Result
    steps: str  # "full", "lines" or "none"
    unfolded: bool


def write(folder: Path, rules: Mapping[str, Law], about: Mapping[str, str], bounds: Bounds | None = None) -> Path:
    """Draws what lies in `folder` (results.jsonl, evidence.jsonl, pictures/) into its report.html and coverage.json and
    returns the page's path.

    `rules` are those of the model by ID; `about` the lines under the title: the lab, defects, faults.
    """
    bounds = bounds or Bounds()
    results = read_results(folder)
    found = coverage(results, rules)
    write_coverage(folder, found)
    shown = _shown(results, bounds)
    gathered = gather(folder, results, {one.number - 1 for one in shown if one.steps == "full"}, bounds.room)
    page = folder / "report.html"
    page.write_text(_render(folder, shown, gathered, found, rules, about, bounds), encoding="utf-8")
    return page


def _render(
    folder: Path,
    shown: Sequence[Shown],
    gathered: Gathered,
    found: Coverage,
    rules: Mapping[str, Law],
    about: Mapping[str, str],
    bounds: Bounds,
) -> str:
    environment = _environment()
    results = [one.result for one in shown]
    rows = matrix(results)
    pictures = small(folder, _wanted(shown, gathered.excerpts), bounds.pictures)
    return environment.get_template(_TEMPLATE).render(
        about=about,
        columns=columns(found, bounds.columns),
        counts=counts(results),
        coverage=found,
        cuts=list(_cuts(len(rows), shown, gathered, pictures, bounds)),
        drawn=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        excerpts=gathered.excerpts,
        macs=sorted({result.mac for result in results}),
        matrix=rows[: bounds.rows],
        minutes=sum(result.lab_minutes for result in results),
        pictures=pictures,
        reasons=lambda verdict: reasons(results, verdict),
        results=shown,
        rules=rules,
        seconds=sum(result.seconds for result in results),
        stuck=gathered.stuck,
        strips=strips(gathered.spans, results),
        version=__version__,
    )


def get_ready() -> None:
    """Does what drawing does first, whatever is drawn: reads and compiles the templates, once."""
    environment = _environment()
    for name in environment.list_templates(extensions=["j2"]):
        environment.get_template(name)


@cache
def _environment() -> Environment:
    """Everything that is printed goes through `visible` and then through the escaping; no constant of ours is hurt."""
    environment = Environment(
        loader=PackageLoader("kextrel.report"),
        autoescape=True,
        finalize=lambda value: _told(value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (_own(environment, name) for name in ("report.css", "report.js"))
    environment.globals |= {
        "EVIDENCE": EVIDENCE,
        "COVERAGE": FILE,
        "PICTURES": FOLDER,
        "mark": _MARKS,
        "script": script,
        "script_hash": _hash(script),
        "style": style,
        "style_hash": _hash(style),
        "span_words": span_words,
    }
    return environment


def _told(text: str) -> str:
    """What stands on the page for a text, whoever wrote it."""
    return visible(text if len(text) <= _LETTERS else f"{text[:_LETTERS]} … {len(text) - _LETTERS} letters more")


def _own(environment: Environment, name: str) -> Markup:
    """A file of ours that goes into the page as it is. Raises ValueError for one that would end its own element."""
    text = environment.get_template(name).render()
    if "</" in text:
        raise ValueError(f"{name} may not hold '</'")
    return Markup(text)  # noqa: S704 - our own file, with no value in it


def _hash(text: str) -> str:
    """How a content security policy names an element's text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shown(results: Sequence[Result], bounds: Bounds) -> list[Shown]:
    """Gives the room for steps to the worst results first. Of those that were not held the first ones are unfolded."""
    kinds: dict[int, str] = {}
    full = lines = 0
    for number, result in sorted(enumerate(results, 1), key=lambda one: _WORST_FIRST.index(one[1].verdict)):
        size = len(result.steps)
        if full + size <= bounds.steps:
            kinds[number], full = "full", full + size
        elif lines + size <= bounds.lines:
            kinds[number], lines = "lines", lines + size
        else:
            kinds[number] = "none"
    bad = [number for number, result in enumerate(results, 1) if result.verdict in ("violated", "bench-failed")]
    return [Shown(number, result, kinds[number], number in bad[:20]) for number, result in enumerate(results, 1)]


def _wanted(shown: Sequence[Shown], excerpts: Mapping[tuple[int, int], Excerpt]) -> Iterable[str]:
    """The pictures to take in while there is room, the worst results first: of a step that was not held the last four,
    else the last one."""
    for one in sorted(shown, key=lambda one: _WORST_FIRST.index(one.result.verdict)):
        for step in one.result.steps if one.steps == "full" else ():
            excerpt = excerpts.get((one.number - 1, step.number))
            if excerpt is not None:
                yield from list(excerpt.pictures)[-1 if step.verdict == "held" else -4 :]


def _cuts(
    rows: int,
    shown: Sequence[Shown],
    gathered: Gathered,
    pictures: Mapping[str, Picture],
    bounds: Bounds,
) -> Iterable[str]:
    """What of the run is not on the page, a sentence each."""
    if rows > bounds.rows:
        yield f"the last {rows - bounds.rows} of {rows} scenarios are not in the table; results.jsonl has them"
    for kind, told in (("lines", "in one line a step, without states and evidence"), ("none", "without their steps")):
        cut = sum(one.steps == kind for one in shown)
        if cut:
            yield f"{cut} of {len(shown)} results are shown {told}; results.jsonl has them whole"
    on_page = sum(len(excerpt.head) + len(excerpt.tail) for excerpt in gathered.excerpts.values())
    if gathered.records > on_page:
        yield (
            f"{on_page} of {gathered.records} records of the evidence are here: not those of the ways to a start and "
            f"back, nor those that only show a wire at work, nor the middle of long steps; {EVIDENCE} has all"
        )
    names = {name for excerpt in gathered.excerpts.values() for name in excerpt.pictures}
    if len(names) > len(pictures):
        yield f"{len(pictures)} of {len(names)} pictures of screens are here, made small; {FOLDER}/ has all"
    if gathered.unreadable:
        yield f"{gathered.unreadable} lines of {EVIDENCE} cannot be read: something ended a process while it wrote"
