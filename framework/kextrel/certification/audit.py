"""Audits the suite itself: with a mechanism of the virtual Macs broken, does it say so, and blame that rule alone?

Each defect is a whole certification on fresh Macs that have it; the first run has none, and must violate nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Any

from kextrel.certification.suite import Order, certify
from kextrel.errors import BenchError

__all__ = ["SOUND", "Finding", "Found", "audit", "finding"]

SOUND = "none"
"""What the run without a defect is called."""


class Found(StrEnum):
    """What became of a defect. `held`: there was none, something was held, and nothing was violated.

    `caught-with-others`: its own rule is blamed, and elsewhere another, whose breach looks the same there. `not-shown`:
    no Mac of this lab can be what its own scenarios need.
    """

    CAUGHT = "caught"
    CAUGHT_WITH_OTHERS = "caught-with-others"
    NOT_SHOWN = "not-shown"
    BLAMED_ON_ANOTHER = "blamed-on-another"
    MISSED = "missed"
    BENCH_FAILED = "bench-failed"
    HELD = "held"


@dataclass(frozen=True)
class Finding:
    """One defect. `blamed`: the rules that were blamed, each with the scenarios in which it was."""

    defect: str
    found: Found
    blamed: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    seconds: float = 0.0
    reason: str = ""

    @property
    def good(self) -> bool:
        return self.found in (Found.CAUGHT, Found.CAUGHT_WITH_OTHERS, Found.HELD)

    def to_json(self) -> dict[str, Any]:
        """As `kextrel audit --json` prints it."""
        return {
            "defect": None if self.defect == SOUND else self.defect,
            "found": self.found.value,
            "blamed": {rule: list(names) for rule, names in self.blamed.items()},
            "seconds": round(self.seconds, 1),
            "reason": self.reason,
        }


def audit(order: Order, defects: Sequence[str]) -> Iterator[Finding]:
    """One Finding for the sound Macs, then one for each defect, as soon as it is there. `order` says which scenarios,
    how many workers, and how long each certification may take; the report of each goes into a folder of its own."""
    for defect in (SOUND, *defects):
        broken = () if defect == SOUND else (defect,)
        yield _one(replace(order, defects=broken, report=order.report / defect, silent=True), defect)


def _one(order: Order, defect: str) -> Finding:
    began = monotonic()
    try:
        results = certify(order).results
    except BenchError as error:
        return Finding(defect, Found.BENCH_FAILED, seconds=monotonic() - began, reason=str(error))
    return replace(finding(defect, results), seconds=monotonic() - began)


def finding(defect: str, results: Sequence[Mapping[str, Any]]) -> Finding:
    """What these results say of a defect: caught is what has its own rule blamed. A rule that is blamed besides is
    told, for a person who reads that scenario's report looks in the wrong place."""
    blamed = _blamed(results)
    lost = next((one["verdict"]["reason"] for one in results if one["verdict"]["verdict"] == "bench-failed"), None)
    if lost is not None:
        return Finding(defect, Found.BENCH_FAILED, blamed, reason=lost)
    if blamed:
        return Finding(defect, _caught(defect, blamed), blamed)
    if defect == SOUND:
        return _sound(results)
    reason = _unshown(defect, results)
    return Finding(defect, Found.NOT_SHOWN if reason else Found.MISSED, reason=reason)


def _caught(defect: str, blamed: Mapping[str, tuple[str, ...]]) -> Found:
    if defect not in blamed:
        return Found.BLAMED_ON_ANOTHER
    return Found.CAUGHT if len(blamed) == 1 else Found.CAUGHT_WITH_OTHERS


def _sound(results: Sequence[Mapping[str, Any]]) -> Finding:
    """Of sound Macs on which nothing was violated. Where nothing was held either, no defect could have been seen."""
    verdicts = [one["verdict"] for one in results]
    if any(verdict["verdict"] == "held" for verdict in verdicts):
        return Finding(SOUND, Found.HELD)
    why = next((verdict["reason"] for verdict in verdicts), "no scenario was run")
    return Finding(SOUND, Found.BENCH_FAILED, reason=f"nothing was held on sound Macs: {why}")


def _unshown(defect: str, results: Sequence[Mapping[str, Any]]) -> str:
    """Why none of the scenarios that are named for the rule showed anything; "" where one did, or there is none."""
    named = [one["verdict"] for one in results if Path(one["file"]).name.startswith(f"{defect}-")]
    if not named or any(verdict["verdict"] != "not-checked" for verdict in named):
        return ""
    return f"its own scenarios were not checked: {named[0]['reason']}"


def _blamed(results: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in results:
        if one["verdict"]["verdict"] == "violated":
            rule = one["verdict"]["rule"] or "no rule"
            found[rule] = (*found.get(rule, ()), one["name"])
    return found
