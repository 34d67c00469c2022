"""The results of a run as the plugin leaves them: `results.jsonl`, one object a scenario and Mac.

An object is what `kextrel run --json` prints, with `mac`, `started` (UTC), `seconds` (wall), `lab_minutes`, and in each
step `evidence`: the numbers of its first and last record in `evidence.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kextrel.scenario.wording import action_words, expected_words, outcome_words

__all__ = ["Result", "Step", "counts", "read_records", "read_results"]

_VERDICTS = ("held", "violated", "not-checked", "bench-failed")


@dataclass(frozen=True)
class Step:
    """One step: what was asked, what the rules allow, what was seen, the verdict, and the records that show it."""

    number: int
    action: str
    expected: str
    seen: str
    verdict: str
    rule: str | None
    rules: tuple[str, ...]
    reason: str
    states: tuple[tuple[str, str, str], ...]
    evidence: tuple[int, int]


@dataclass(frozen=True)
class Result:
    """One scenario on one Mac."""

    file: str
    name: str
    mac: str
    verdict: str
    rule: str | None
    reason: str
    seconds: float
    lab_minutes: float
    steps: tuple[Step, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        verdict = data["verdict"]
        return cls(
            str(data.get("file", "")),
            str(data["name"]),
            str(data.get("mac") or "none"),
            verdict["verdict"],
            verdict.get("rule"),
            verdict.get("reason", ""),
            float(data.get("seconds", 0.0)),
            float(data.get("lab_minutes", 0.0)),
            tuple(_step(step) for step in data.get("steps", ())),
        )


def counts(results: Iterable[Result]) -> dict[str, int]:
    """How many results ended as each of the four verdicts."""
    found = dict.fromkeys(_VERDICTS, 0)
    for result in results:
        found[result.verdict] += 1
    return found


def read_results(folder: Path) -> list[Result]:
    """The results in `folder`, empty where nothing ran."""
    return [Result.from_json(data) for data in _lines(folder / "results.jsonl")]


def read_records(folder: Path) -> list[dict[str, Any]]:
    """The evidence in `folder`, in the order in which it was written."""
    return _lines(folder / "evidence.jsonl")


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _step(data: Mapping[str, Any]) -> Step:
    verdict = data.get("verdict") or {}
    observed = data.get("observed") or {}
    first, last = data.get("evidence") or (0, 0)
    return Step(
        int(data["step"]),
        action_words(data["action"]),
        expected_words(data),
        outcome_words(observed) if observed.get("outcome") else "",
        verdict.get("verdict", "not-checked"),
        verdict.get("rule"),
        tuple(data.get("rules", ())),
        verdict.get("reason", ""),
        tuple(_states(data.get("state") or {}, observed.get("state") or {})),
        (int(first), int(last)),
    )


def _states(expected: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    for name in dict.fromkeys([*expected, *seen]):
        yield name, _value(expected.get(name)), _value(seen.get(name)) if seen else ""


def _value(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items()) or "none"
    return str(value)
