"""Which rules a run exercised: each rule of the model against the steps that it decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kextrel import policy
from kextrel.scenario.predicting import Foreseen
from kextrel.scenario.protocols import Model
from kextrel.scenario.running import Report
from kextrel.vocabulary import Verdict

__all__ = ["Coverage", "Place", "covered", "foreseen_rules"]


@dataclass(frozen=True)
class Place:
    """One step of one scenario on one device that a rule decided."""

    scenario: str
    device: str
    step: int


@dataclass(frozen=True)
class Coverage:
    """For every rule of the model, where it held, where it was violated, and where it could not be checked."""

    held: Mapping[str, tuple[Place, ...]] = field(hash=False)
    violated: Mapping[str, tuple[Place, ...]] = field(hash=False)
    not_checked: Mapping[str, tuple[Place, ...]] = field(hash=False)

    @property
    def exercised(self) -> tuple[str, ...]:
        """Rules that a verdict of held or violated stands on."""
        return tuple(rule for rule in self.held if self.held[rule] or self.violated[rule])

    @property
    def missed(self) -> tuple[str, ...]:
        """Rules of the model on which nothing stands."""
        return tuple(rule for rule in self.held if not self.held[rule] and not self.violated[rule])

    def to_json(self) -> dict[str, Any]:
        """`{"KEXT-06": {"held": 2, "violated": 0, "not_checked": 0}, …}`, every rule of the model."""
        return {
            rule: {
                "held": len(self.held[rule]),
                "violated": len(self.violated[rule]),
                "not_checked": len(self.not_checked[rule]),
            }
            for rule in self.held
        }


def covered(reports: Iterable[Report], *, model: Model = policy) -> Coverage:
    """What these reports exercised.

    A violated step counts against the rule that is blamed, and for no other; a step that was not checked, or that the
    bench failed, counts as not checked for every rule that would have decided it.
    """
    held: dict[str, list[Place]] = {rule: [] for rule in model.RULES}
    violated: dict[str, list[Place]] = {rule: [] for rule in model.RULES}
    not_checked: dict[str, list[Place]] = {rule: [] for rule in model.RULES}
    for report in reports:
        for step in report.steps:
            place = Place(report.scenario.name, report.device, step.number)
            verdict = step.judgement.verdict
            if verdict is Verdict.VIOLATED:
                if step.judgement.rule is not None:
                    violated[step.judgement.rule].append(place)
                continue
            into = held if verdict is Verdict.HELD else not_checked
            for rule in step.rules:
                into[rule].append(place)
    return Coverage(_frozen(held), _frozen(violated), _frozen(not_checked))


def foreseen_rules(foreseen: Iterable[Foreseen]) -> tuple[str, ...]:
    """The rules that the model says a scenario will exercise, in the order of its steps."""
    found = [rule for one in foreseen if one.prediction is not None for rule in one.prediction.rules]
    return tuple(dict.fromkeys(found))


def _frozen(places: Mapping[str, list[Place]]) -> dict[str, tuple[Place, ...]]:
    return {rule: tuple(found) for rule, found in places.items()}
