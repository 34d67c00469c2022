"""What the model answers: the allowed outcomes, each with the situation after it, and the rules that decided."""

from __future__ import annotations

from dataclasses import dataclass

from kextrel.errors import NotPossible
from kextrel.policy.rule import Rule
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Outcome, Reason, State

__all__ = ["Expected", "NotModelled", "Prediction", "either", "refused", "ruled"]


class NotModelled(NotPossible):
    """No rule that is built speaks of this action in this situation; the step is not checked."""

    def __init__(self, what: str) -> None:
        super().__init__(f"not implemented: {what}")


@dataclass(frozen=True)
class Expected:
    """One allowed outcome. `unsettled` names fields of `state` about which the rules are silent: not compared."""

    outcome: Outcome
    reason: Reason | None
    situation: Situation
    unsettled: frozenset[str] = frozenset()

    @property
    def state(self) -> State:
        return self.situation.state


@dataclass(frozen=True)
class Prediction:
    """The allowed outcomes, most likely first; more than one only where a rule is open."""

    outcomes: tuple[Expected, ...]
    rules: tuple[str, ...]
    open: bool = False


def ruled(outcome: Outcome, after: Situation, *rules: Rule, unsettled: frozenset[str] = frozenset()) -> Prediction:
    """The one outcome that `rules` leave."""
    return Prediction((Expected(outcome, None, after, unsettled),), tuple([rule.id for rule in rules]))


def refused(reason: Reason, situation: Situation, *rules: Rule) -> Prediction:
    """A refusal: it changes nothing."""
    return Prediction((Expected(Outcome.REFUSED, reason, situation),), tuple([rule.id for rule in rules]))


def either(likely: Prediction, *others: Prediction) -> Prediction:
    """Each of them, where they differ in what can be seen: the sources are silent or disagree."""
    every = [one for prediction in (likely, *others) for one in prediction.outcomes]
    seen = [(one.outcome, one.reason, one.state) for one in every]
    kept = tuple(one for number, one in enumerate(every) if seen[number] not in seen[:number])
    if len(kept) == len(likely.outcomes):
        return likely
    return Prediction(kept, tuple(rule for one in (likely, *others) for rule in one.rules), open=True)
