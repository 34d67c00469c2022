"""Why a scenario ends as it does: each step in sentences that quote rules and sources; for a refusal the way out.

The sentences are made from the model's own rules, and the way out is searched in the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kextrel import policy
from kextrel.policy.ways import Way, shortest_way
from kextrel.scenario.jsonform import show, state_json
from kextrel.scenario.language import Scenario
from kextrel.scenario.phrases import REASONS, said_as, written
from kextrel.scenario.predicting import Foreseen, foresee
from kextrel.scenario.protocols import Expected, Prediction
from kextrel.vocabulary import Action, Outcome, State, Version
from kextrel.vocabulary.actions import Activate, Allow, Enable, Load

__all__ = ["Explained", "explain", "explanation_json", "way_json", "way_out"]

_CAME: dict[Outcome, str] = {
    Outcome.DONE: "it is done",
    Outcome.LOADED: "it is loaded",
    Outcome.APPROVAL_REQUIRED: "it is not loaded: the user is asked to approve it",
    Outcome.RESTART_REQUIRED: "it needs a restart first",
    Outcome.UNCHANGED: "nothing changes",
    Outcome.WAITING_FOR_USER: "it waits for a user to allow it",
    Outcome.TERMINATED: "it is terminated",
    Outcome.RESTARTED: "the Mac restarts",
    Outcome.DEFERRED: "it is put off",
    Outcome.BOOTED: "the Mac boots",
}
_NO_RULE = {False: "No rule stands against it.", True: "It is refused before any rule is asked."}


@dataclass(frozen=True)
class Explained:
    """One step: what is asked and what comes of it (`says`), why (`because`, a sentence a rule), what it changes, and
    the way to success where it is refused, with its sentence."""

    step: int
    says: str
    because: tuple[str, ...]
    changes: tuple[str, ...]
    way: Way | None = None
    way_says: str = ""

    def lines(self) -> Iterator[str]:
        """The step as people read it."""
        yield f"  {self.step}. {self.says}"
        yield from (f"     {line}" for line in (*self.because, *self.changes))
        if self.way_says:
            yield f"     {self.way_says}"


def explain(scenario: Scenario, macos: Version | str | None = None) -> list[Explained]:
    """Every step of `scenario`. `macos` and what is raised are those of `predict`."""
    return [_explained(one) for one in foresee(scenario, macos)]


def explanation_json(scenario: Scenario, explained: list[Explained]) -> dict[str, Any]:
    """The JSON object of `kextrel explain --json`: `file`, `name`, and for each step `says`, `because`, `changes` and
    `way`, whose `steps` are those of a scenario."""
    steps = [
        {
            "step": one.step,
            "says": one.says,
            "because": list(one.because),
            "changes": list(one.changes),
            "way": None if one.way is None else way_json(one.way, one.way_says),
        }
        for one in explained
    ]
    return {"file": scenario.file, "name": scenario.name, "steps": steps}


def way_json(way: Way, says: str) -> dict[str, Any]:
    """A way and its sentence; its `steps` are those of a scenario."""
    return {"says": says, "sure": way.sure, "steps": [written(one) for one in way.steps]}


def _explained(one: Foreseen) -> Explained:
    number, action = one.step.number, one.step.action
    order = said_as(action)
    if one.prediction is None:
        return Explained(number, f"{_capital(order)}: {one.not_checked or 'nothing is predicted'}.", (), ())
    likely = one.prediction.outcomes[0]
    says = f"{_capital(order)}: {'; or '.join(dict.fromkeys(_came(each) for each in one.prediction.outcomes))}."
    changes = tuple(_changes(one.situation.state, likely.situation.state))
    because = tuple(_because(one.prediction))
    if likely.outcome is not Outcome.REFUSED:
        return Explained(number, says, because, changes)
    way = shortest_way(one.situation, action)
    return Explained(number, says, because, changes, way, way_out(way, action))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _came(expected: Expected) -> str:
    if expected.outcome is Outcome.REFUSED:
        why = f": {REASONS[expected.reason]} ({expected.reason})" if expected.reason is not None else ""
        return f"it is refused{why}"
    return _CAME.get(expected.outcome, f"it is {expected.outcome}")


def _because(prediction: Prediction) -> Iterator[str]:
    """`KEXT-06 [S0, S1, S2]: …`, a line a rule; that it is open, where several outcomes are allowed."""
    if not prediction.rules:
        yield _NO_RULE[prediction.outcomes[0].outcome is Outcome.REFUSED]
    for name in prediction.rules:
        rule = policy.RULES[name]
        yield f"{rule.id} [{', '.join(rule.sources)}]: {rule.text}"
    if prediction.open:
        yield "The sources are silent or disagree here: each of these outcomes is allowed."


def _changes(before: State, after: State) -> Iterator[str]:
    old, new = state_json(before), state_json(after)
    for name, value in new.items():
        if old[name] != value:
            yield f"Then {name} is {show(value)}."


def way_out(way: Way, action: Action) -> str:
    """A way to have what `action` asks for, as a sentence."""
    if not way.steps:
        limit = "No way was found" if not way.complete else "There is no way"
        return f"{limit} to have it {_wanted(action)} on this Mac as it is."
    doubt = "" if way.sure else ", where the rules are open,"
    return f"The shortest way{doubt} to have it {_wanted(action)}: {'; '.join(said_as(one) for one in way.steps)}."


def _wanted(action: Action) -> str:
    if isinstance(action, Load):
        return "loaded"
    return "enabled" if isinstance(action, Activate | Allow | Enable) else "done"
