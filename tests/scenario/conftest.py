"""A Mac without wires for these tests: it obeys the model, less the rules that it is told to break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from kextrel import policy
from kextrel.device.baseline import Level
from kextrel.device.rig import Facts
from kextrel.scenario import Scenario, parse
from kextrel.timing import Deadline
from kextrel.vocabulary import Action, Architecture, Extension, Outcome, Reason, Start, State, Unknown, Version
from kextrel.vocabulary.actions import PanicMedic


@dataclass(frozen=True)
class Came:
    outcome: Outcome | Unknown
    reason: Reason | None = None


@dataclass(frozen=True)
class Sight:
    state: State


@dataclass
class PaperMac:
    """`broken` are rules that it does not obey; `turn` may change or raise at a step (from 1); `sees` edits states."""

    facts: Facts = field(default_factory=lambda: Facts(Architecture.APPLE_SILICON, Version.parse("14.5")))
    name: str = "paper"
    broken: frozenset[str] = frozenset()
    turn: Callable[[int, Came], Came] = field(default=lambda _n, came: came)
    sees: Callable[[int, State], State] = field(default=lambda _n, state: state)
    fails: dict[str, BaseException] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    steps: int = 0
    situation: Any = None

    def learn(self, extensions: Mapping[str, Extension]) -> None:
        for extension in extensions.values():
            self.situation = self.situation.knowing(extension)

    def prepare(self, start: Start, *, deadline: Deadline) -> None:
        self._said("prepare")
        self.situation, self.steps = policy.begin(start), 0

    def perform(self, action: Action, *, deadline: Deadline) -> Came:
        self._said(action.verb)
        self.steps += 1
        taken = policy.predict(self.situation, action, without=self.broken).outcomes[0]
        self.situation = taken.situation
        return self.turn(self.steps, Came(taken.outcome, taken.reason))

    def observe(self, *, deadline: Deadline) -> Sight:
        return Sight(self.sees(self.steps, self.situation.state))

    def baseline(self, level: Level, *, deadline: Deadline) -> None:
        self._said(f"baseline {level}")

    def _said(self, what: str) -> None:
        self.log.append(what)
        if what in self.fails:
            raise self.fails[what]


@pytest.fixture
def paper_mac() -> Callable[..., PaperMac]:
    return PaperMac


HEAD = """schema: kextrel/scenario/v1
name: sample
mac: {macos: "14.5"}
extensions: {driver: {}}
"""


class SilentModel:
    """The model, silent about panic medic: there is no action left that the real one is silent about."""

    RULES = policy.RULES
    begin = staticmethod(policy.begin)

    @staticmethod
    def predict(situation: Any, action: Action, *, without: frozenset[str] = frozenset()) -> policy.Prediction:
        if isinstance(action, PanicMedic):
            raise policy.NotModelled("panic medic")
        return policy.predict(situation, action, without=without)


@pytest.fixture
def silent_model() -> Any:
    return SilentModel()


@pytest.fixture
def one() -> Callable[..., Scenario]:
    """One scenario from the steps (and, where given, another head) of a test."""

    def make(steps: str, head: str = HEAD) -> Scenario:
        (scenario,) = parse(head + "steps:\n" + steps, "s.mac.yaml")
        return scenario

    return make


def without(state: State, *names: str) -> State:
    """`state` with these fields not observed."""
    return replace(state, **dict.fromkeys(names, Unknown.UNKNOWN))
