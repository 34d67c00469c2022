"""Draws report.html: Macs and scenarios, each step with its rules, what was expected, what was seen, the evidence.

The page holds all it needs: no script, no font, no picture comes from elsewhere. All that a Mac said is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from kextrel import __version__
from kextrel.report.results import Result, Step, counts, read_records, read_results
from kextrel.scenario.wording import printable

__all__ = ["render", "write"]

_RECORDS_A_STEP = 120
_LETTERS_A_RECORD = 2000


@dataclass(frozen=True)
class Line:
    """One record as the page shows it."""

    n: int
    at: str
    wire: str
    event: str
    text: str


def write(folder: Path, rules: Mapping[str, str], about: Mapping[str, str]) -> Path:
    """Draws what lies in `folder` (results.jsonl, evidence.jsonl) into its report.html and returns that path.

    `rules` are the texts of the rules by ID; `about` the lines under the title: the lab, defects, faults.
    """
    page = folder / "report.html"
    page.write_text(render(read_results(folder), read_records(folder), rules, about), encoding="utf-8")
    return page


def render(
    results: Sequence[Result], records: Sequence[Mapping[str, Any]], rules: Mapping[str, str], about: Mapping[str, str]
) -> str:
    """The page as text."""
    environment = Environment(
        loader=PackageLoader("kextrel.report"),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    by_mac: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        by_mac.setdefault(record["mac"], []).append(record)
    return environment.get_template("report.html.j2").render(
        about=about,
        counts=counts(results),
        drawn=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        exercised=_exercised(results),
        lines=lambda result, step: _lines(by_mac.get(result.mac, []), step),
        macs=sorted({result.mac for result in results}),
        minutes=sum(result.lab_minutes for result in results),
        results=results,
        rules=rules,
        seconds=sum(result.seconds for result in results),
        version=__version__,
    )


def _exercised(results: Sequence[Result]) -> dict[str, int]:
    """How many judged steps each rule decided."""
    found: dict[str, int] = {}
    for result in results:
        for step in result.steps:
            if step.verdict in ("held", "violated"):
                for rule in step.rules:
                    found[rule] = found.get(rule, 0) + 1
    return dict(sorted(found.items()))


def _lines(records: Sequence[Mapping[str, Any]], step: Step) -> list[Line]:
    """The records of one step; the middle of a long one is left out here, never in evidence.jsonl."""
    first, last = step.evidence
    chosen = [record for record in records if first <= record["n"] <= last] if last else []
    if len(chosen) > _RECORDS_A_STEP:
        half = _RECORDS_A_STEP // 2
        gap = {
            "n": 0,
            "at": "",
            "wire": "",
            "event": "…",
            "data": f"{len(chosen) - 2 * half} records more in evidence.jsonl",
        }
        chosen = [*chosen[:half], gap, *chosen[-half:]]
    return [Line(one["n"], one["at"][11:23], one["wire"], one["event"], _text(one["data"])) for one in chosen]


def _printable(value: Any) -> Any:
    """Text without control characters, whoever wrote it; jinja2 asks this of all that it prints."""
    return printable(value) if type(value) is str else value


def _text(data: Any) -> str:
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return text if len(text) <= _LETTERS_A_RECORD else text[:_LETTERS_A_RECORD] + " …"
