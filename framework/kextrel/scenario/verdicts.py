"""What a comparison ends as: a Judgement for each step, its words, and the errors that the Python API raises.

A verdict is held, violated (with the rule to blame), not-checked (it could not be observed or done) or bench-failed
(a wire, never the Mac's fault). A scenario's verdict is its worst step's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kextrel.errors import KextrelError
from kextrel.scenario.jsonform import outcome_json, state_json
from kextrel.vocabulary import Outcome, Reason, State, Unknown, Verdict

__all__ = ["BenchFailed", "Judgement", "NotChecked", "PolicyViolated", "Seen", "StepReport", "worst"]

_WORST_FIRST = (Verdict.VIOLATED, Verdict.BENCH_FAILED, Verdict.NOT_CHECKED, Verdict.HELD)


@dataclass(frozen=True)
class Seen:
    """What came of a step: the outcome, the reason where one could be read, and the state afterwards."""

    outcome: Outcome | Unknown
    reason: Reason | None
    state: State

    def to_json(self) -> dict[str, Any]:
        return {"reason": None} | outcome_json(self.outcome, self.reason) | {"state": state_json(self.state)}


@dataclass(frozen=True)
class Judgement:
    """`rule` is the one that excludes what was seen; None where nothing was violated, or no one rule excludes it."""

    verdict: Verdict
    rule: str | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {"verdict": self.verdict.value, "rule": self.rule, "reason": self.reason}


@dataclass(frozen=True)
class StepReport:
    """One step after a run. `predicted` is the JSON of the prediction, `seen` None where nothing was done.

    `rules` decided the step. `evidence` are the numbers of the first and last record in the sink that belong to it.
    """

    number: int
    action: dict[str, Any] = field(hash=False)
    predicted: dict[str, Any] = field(hash=False)
    rules: tuple[str, ...]
    seen: Seen | None
    judgement: Judgement
    line: int | None = None
    evidence: tuple[int, int] = (0, 0)

    def to_json(self) -> dict[str, Any]:
        """The object of `predict`, with `observed` and `verdict` beside it."""
        head = {"step": self.number, "action": self.action}
        observed = None if self.seen is None else self.seen.to_json()
        return head | self.predicted | {"observed": observed, "verdict": self.judgement.to_json()}


def worst(judgements: Iterable[Judgement]) -> Judgement:
    """The worst of them, the first of equals. Raises ValueError where there is none."""
    found = list(judgements)
    if not found:
        raise ValueError("a scenario has at least one step")
    return min(found, key=lambda one: _WORST_FIRST.index(one.verdict))


class PolicyViolated(AssertionError):
    """A step of a Python test was violated; `step` is its StepReport."""

    def __init__(self, step: StepReport) -> None:
        self.step = step
        super().__init__(_sentence(step))


class BenchFailed(KextrelError):
    """A wire failed during a step: no verdict about the Mac."""

    exit_code = 3

    def __init__(self, step: StepReport) -> None:
        self.step = step
        super().__init__(_sentence(step))


class NotChecked(KextrelError):
    """A step could not be done or seen; a test that needs it is skipped."""

    exit_code = 4

    def __init__(self, step: StepReport) -> None:
        self.step = step
        super().__init__(_sentence(step))


def _sentence(step: StepReport) -> str:
    verb = next(iter(step.action))
    rule = f" {step.judgement.rule}" if step.judgement.rule else ""
    verdict = step.judgement.verdict.value.replace("-", " ")
    return f"step {step.number} ({verb}): {verdict}{rule}: {step.judgement.reason}"
