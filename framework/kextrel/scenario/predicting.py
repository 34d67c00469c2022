"""Predicting: the JSON of `kextrel predict`, and the refusal of scenarios whose pins the model contradicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from kextrel import policy
from kextrel.errors import InputError, NotPossible
from kextrel.scenario.jsonform import outcome_json, said, state_json
from kextrel.scenario.language import Scenario, Step
from kextrel.scenario.protocols import Expected, Model, Prediction
from kextrel.vocabulary import UNKNOWN, State, Version

__all__ = ["Foreseen", "PinContradicted", "foresee", "foreseen_rules", "predict", "prediction_json"]


class PinContradicted(InputError):
    """A pin with which no outcome agrees; `likely` is what the model says instead, and the rules that decide it."""

    def __init__(self, scenario: Scenario, line: int, what: str, likely: str) -> None:
        self.likely = likely
        hint = f"the model says {likely}: correct the pin or the steps before"
        super().__init__(what, path=scenario.file, line=line, hint=hint)


@dataclass(frozen=True)
class Foreseen:
    """One step before a run: the situation it begins in and what the model says, or why it says nothing."""

    step: Step
    situation: Any = field(hash=False)
    prediction: Prediction | None
    not_checked: str = ""


def predict(scenario: Scenario, macos: Version | str | None = None, *, model: Model = policy) -> dict[str, Any]:
    """The JSON object of design.md for one scenario: `file`, `name`, `steps`.

    `macos` is needed where the scenario has comparisons. A step that the model does not know, and every step after it,
    has `"not_checked": "not implemented: …"` and a null state. Raises UsageError for `macos`, InputError for a start
    that cannot be and for a pin that the model contradicts.
    """
    steps = [_step_json(one) for one in foresee(scenario, macos, model=model)]
    return {"file": scenario.file, "name": scenario.name, "steps": steps}


def foresee(scenario: Scenario, macos: Version | str | None = None, *, model: Model = policy) -> list[Foreseen]:
    """Every step as the model foresees it, each from the first outcome of the one before. Raises as `predict`."""
    return list(_foreseen(scenario, model.begin(scenario.start(macos)), model))


def foreseen_rules(foreseen: Iterable[Foreseen]) -> tuple[str, ...]:
    """The rules that the model says a scenario will exercise, in the order of its steps."""
    found = [rule for one in foreseen if one.prediction is not None for rule in one.prediction.rules]
    return tuple(dict.fromkeys(found))


def _foreseen(scenario: Scenario, situation: Any, model: Model) -> Iterator[Foreseen]:
    silent = ""
    for step in scenario.steps:
        if silent:
            yield Foreseen(step, situation, None, silent)
            continue
        try:
            prediction = model.predict(situation, step.action)
        except NotPossible as error:
            silent = str(error)
            yield Foreseen(step, situation, None, silent)
            continue
        _hold_pin(scenario, step, prediction)
        yield Foreseen(step, situation, prediction)
        situation = prediction.outcomes[0].situation


def _hold_pin(scenario: Scenario, step: Step, prediction: Prediction) -> None:
    """Raises InputError where no predicted outcome agrees with the step's pin."""
    if step.pin is None:
        return
    against = [step.pin.against(one.outcome, one.reason, settled(one)) for one in prediction.outcomes]
    if all(against):
        verb, rules = step.action.verb, ", ".join(prediction.rules) or "no rule"
        likely = prediction.outcomes[0]
        what = f"step {step.number} ({verb}) pins {against[0]}"
        raise PinContradicted(scenario, step.pin.line, what, f"{said(likely.outcome, likely.reason)} ({rules})")


def settled(expected: Expected) -> State:
    """The state that the rules are sure of: what is unsettled contradicts no pin."""
    state: State = expected.situation.state
    return replace(state, **dict.fromkeys(expected.unsettled, UNKNOWN))


def prediction_json(prediction: Prediction | None, not_checked: str = "") -> dict[str, Any]:
    """`outcomes`, `rules`, `open` and `state` of a step; several outcomes have a state each.

    Two ends that a rule itself names, so that nothing is open (KEXT-19), are shown as the first of them.
    """
    if prediction is None:
        nothing: dict[str, Any] = {"outcomes": [], "rules": [], "open": False, "state": None}
        return nothing | {"not_checked": not_checked}
    ends = prediction.outcomes if prediction.open else prediction.outcomes[:1]
    outcomes = [outcome_json(one.outcome, one.reason) for one in ends]
    if len(outcomes) > 1:
        states = (state_json(one.situation.state) for one in ends)
        outcomes = [one | {"state": state} for one, state in zip(outcomes, states, strict=True)]
    return {
        "outcomes": outcomes,
        "rules": list(prediction.rules),
        "open": prediction.open,
        "state": state_json(prediction.outcomes[0].situation.state),
    }


def _step_json(one: Foreseen) -> dict[str, Any]:
    head = {"step": one.step.number, "action": dict(one.step.written)}
    return head | prediction_json(one.prediction, one.not_checked)
