"""The results of a run as the plugin leaves them: `results.jsonl`, one object a scenario and Mac.

An object is what `kextrel run --json` prints, with `mac`, `started` (UTC), `seconds` (wall), `lab_minutes`, `facts` of
the Mac (architecture, macos, enrollment), and in each step `evidence`: the numbers of its first and last record in
`evidence.jsonl`. One that no Mac of the lab fits has `wanted`, the facts that it wants, and `shows`, its rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kextrel.scenario.tally import tally
from kextrel.scenario.wording import action_words, expected_words, outcome_words

__all__ = ["EVIDENCE", "LONG_AGO", "NO_MAC", "Field", "Kind", "Result", "Step", "counts", "read_results"]

EVIDENCE = "evidence.jsonl"
NO_MAC = "no Mac"
"""What a result has for a name where no Mac of the lab fits."""
_ITEMS = 50  # of a difference: a Mac that lists thousands is believed all the same
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When a result began that does not say so."""


@dataclass(frozen=True, order=True)
class Kind:
    """What a Mac is, as rules look at it. `macos` is a version, or what a scenario wants of one."""

    architecture: str
    macos: str
    enrollment: str

    def __str__(self) -> str:
        return f"{self.architecture} {self.macos} {self.enrollment}"


@dataclass(frozen=True)
class Field:
    """One field of the state after a step, in words. `missing` was expected and not seen, `added` the other way round;
    both are empty where nothing differs or nothing was seen. `changed`: it was seen to be another before the step."""

    name: str
    expected: str
    seen: str
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changed: bool = False

    @property
    def differs(self) -> bool:
        return bool(self.missing or self.added)

    @property
    def kind(self) -> str:
        """`moved` where it differs or has changed, `still` where all is as expected, else `unseen`."""
        if self.differs or self.changed:
            return "moved"
        return "still" if self.seen == self.expected else "unseen"


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
    open: bool
    reason: str
    fields: tuple[Field, ...]
    evidence: tuple[int, int]


@dataclass(frozen=True)
class Result:
    """One scenario on one Mac. Where no Mac fits, `wanted` is true, `kind` what it wants, `shows` the rules that it
    would have shown. `bundles`: what was really installed, by the extension's name."""

    file: str
    name: str
    mac: str
    kind: Kind | None
    verdict: str
    rule: str | None
    reason: str
    started: datetime
    seconds: float
    lab_minutes: float
    steps: tuple[Step, ...]
    shows: tuple[str, ...] = ()
    wanted: bool = False
    bundles: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def ended(self) -> datetime:
        return self.started + timedelta(seconds=self.seconds)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        verdict = data["verdict"]
        return cls(
            str(data.get("file", "")),
            str(data["name"]),
            str(data.get("mac") or NO_MAC),
            _kind(data.get("wanted") or data.get("facts")),
            verdict["verdict"],
            verdict.get("rule"),
            verdict.get("reason", ""),
            datetime.fromisoformat(data["started"]) if data.get("started") else LONG_AGO,
            float(data.get("seconds", 0.0)),
            float(data.get("lab_minutes", 0.0)),
            tuple(_steps(data.get("steps", ()))),
            tuple(data.get("shows", ())),
            bool(data.get("wanted")),
            data.get("bundles", {}),
        )


def counts(results: Iterable[Result]) -> dict[str, int]:
    """How many results ended as each of the four verdicts."""
    return tally(result.verdict for result in results)


def read_results(folder: Path) -> list[Result]:
    """The results in `folder`, empty where nothing ran."""
    path = folder / "results.jsonl"
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [Result.from_json(json.loads(line)) for line in lines if line.strip()]


def _kind(data: Mapping[str, Any] | None) -> Kind | None:
    return Kind(str(data["architecture"]), str(data["macos"]), str(data["enrollment"])) if data else None


def _steps(steps: Iterable[Mapping[str, Any]]) -> Iterator[Step]:
    before: Mapping[str, Any] = {}
    for data in steps:
        step = _step(data)
        seen = (data.get("observed") or {}).get("state") or {}
        yield replace(step, fields=tuple(_fields(data.get("state") or {}, seen, before)))
        before = {**before, **{name: value for name, value in seen.items() if value is not None}}


def _step(data: Mapping[str, Any]) -> Step:
    verdict = data.get("verdict") or {}
    observed = data.get("observed") or {}
    first, last = data.get("evidence") or (0, 0)
    return Step(
        number=int(data["step"]),
        action=action_words(data["action"]),
        expected=expected_words(data),
        seen=outcome_words(observed) if observed.get("outcome") else "",
        verdict=verdict.get("verdict", "not-checked"),
        rule=verdict.get("rule"),
        rules=tuple(data.get("rules", ())),
        open=bool(data.get("open")),
        reason=verdict.get("reason", ""),
        fields=(),
        evidence=(int(first), int(last)),
    )


def _fields(expected: Mapping[str, Any], seen: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[Field]:
    for name in dict.fromkeys([*expected, *seen]):
        wanted, is_ = expected.get(name), seen.get(name)
        changed = is_ is not None and name in before and before[name] != is_
        told = Field(name, _words(wanted), _words(is_) if seen else "", changed=changed)
        if is_ is None or name not in expected or is_ == wanted:
            yield told
        else:
            own, other = _items(wanted), _items(is_)
            yield replace(told, missing=_without(own, other), added=_without(other, own))


def _without(some: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    known = set(others)
    found = [one for one in some if one not in known]
    return (*found[:_ITEMS], f"… {len(found) - _ITEMS} more") if len(found) > _ITEMS else tuple(found)


def _items(value: Any) -> list[str]:
    """What is compared one by one: the members of a list, the pairs of a map, else the value itself."""
    if isinstance(value, list):
        return [str(one) for one in value]
    if isinstance(value, dict):
        return [f"{key}: {item}" for key, item in value.items()]
    return [_words(value)]


def _words(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, dict)):
        return ", ".join(_items(value)) or "none"
    return str(value)
