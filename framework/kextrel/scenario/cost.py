"""What a run costs on a real bench, and in which order it costs least.

A scenario needs its Mac at a *level*: `clean` (nothing of ours is loaded or installed), `forgotten` (and no approvals:
from macOS 11 on only panic medic from recovery forgets), `erased`. Minutes are those of a real Mac, rounded up from
field experience; they are for planning a night, and nothing is judged by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kextrel import policy
from kextrel.device.baseline import Level
from kextrel.device.baseline import cost as baseline_minutes
from kextrel.device.rig import Facts
from kextrel.scenario.fitness import foreseen_on
from kextrel.scenario.language import Scenario
from kextrel.scenario.predicting import Foreseen
from kextrel.scenario.protocols import Model
from kextrel.vocabulary import Action, Environment, Outcome, SecurityMode, Start
from kextrel.vocabulary import actions as act

__all__ = ["Visit", "baseline_minutes", "level_of", "minutes", "plan"]

_LEVELS = (Level.CLEAN, Level.FORGOTTEN, Level.ERASED)
_RECOVERY_BOOT, _MACOS_BOOT, _AT_ONCE = 4.0, 2.5, 0.2
_MINUTES: dict[type[Action], float] = {
    act.Approve: 1.0,
    act.Allow: 1.0,
    act.Enroll: 5.0,
    act.InstallProfile: 1.0,
    act.PanicMedic: 1.0,
    act.PowerCut: _MACOS_BOOT,
    act.Rebuild: 1.0,
    act.RemoveProfile: 1.0,
    act.Restart: _MACOS_BOOT,
    act.SetSecurity: 1.5,
    act.SetSip: 1.5,
    act.Unenroll: 3.0,
    act.Upgrade: 45.0,
}


@dataclass(frozen=True)
class Visit:
    """One scenario in a plan: the level that it needs, and its lab minutes with the way back."""

    scenario: Scenario
    level: Level
    minutes: float

    @property
    def begins_at(self) -> Level:
        """The baseline before it: what must be erased after an upgrade need not have been erased for it."""
        return Level.FORGOTTEN if self.level is Level.ERASED else self.level


def level_of(foreseen: Sequence[Foreseen]) -> Level:
    """The level that a scenario needs: `forgotten` where an approval is asked or given, `erased` after an upgrade."""
    if any(isinstance(one.step.action, act.Upgrade) for one in foreseen):
        return Level.ERASED
    approves = any(isinstance(one.step.action, act.Approve) for one in foreseen)
    asks = any(
        expected.outcome is Outcome.APPROVAL_REQUIRED
        for one in foreseen
        if one.prediction is not None
        for expected in one.prediction.outcomes
    )
    return Level.FORGOTTEN if approves or asks else Level.CLEAN


def minutes(start: Start, actions: Iterable[Action]) -> float:
    """Lab minutes of a scenario, from reaching its starting state to its last step."""
    return _start_minutes(start) + sum(_action_minutes(action) for action in actions)


def _start_minutes(start: Start) -> float:
    mac = start.mac
    lowered = not mac.sip or bool(mac.kext_management) or mac.security_mode not in (None, SecurityMode.FULL)
    return 1.0 + (_RECOVERY_BOOT + _MACOS_BOOT + 1.5 if lowered else 0.0)


def _action_minutes(action: Action) -> float:
    if isinstance(action, act.Wait):
        return action.minutes
    if isinstance(action, act.Boot):
        return _MACOS_BOOT if action.into is Environment.MACOS else _RECOVERY_BOOT
    return _MINUTES.get(type(action), _AT_ONCE)


def plan(scenarios: Iterable[Scenario], facts: Facts, *, model: Model = policy) -> list[Visit]:
    """The scenarios in the order that goes back least, each with level and minutes; 0 for those that do not fit.

    Level by level; within a level those with the same boot policy at their start stand together, first those that
    find it as the level before left it. Raises InputError for a bad scenario.
    """
    visits = [_visit(scenario, facts, model) for scenario in scenarios]
    ordered: list[Visit] = []
    for level in _LEVELS:
        ordered += _together([one for one in visits if one.level is level], ordered[-1] if ordered else None)
    return ordered


def _together(visits: Sequence[Visit], before: Visit | None) -> list[Visit]:
    groups: dict[object, list[Visit]] = {}
    if before is not None:
        groups[_start_policy(before)] = []
    for one in visits:
        groups.setdefault(_start_policy(one), []).append(one)
    return [one for group in groups.values() for one in group]


def _start_policy(visit: Visit) -> tuple[object, ...]:
    mac = visit.scenario.mac.template
    return mac.security_mode, mac.sip, mac.kext_management


def _visit(scenario: Scenario, facts: Facts, model: Model) -> Visit:
    foreseen = foreseen_on(scenario, facts, model=model)
    if isinstance(foreseen, str) or foreseen[0].prediction is None:
        return Visit(scenario, Level.CLEAN, 0.0)
    level = level_of(foreseen)
    cost = minutes(scenario.start(facts.macos), (step.action for step in scenario.steps))
    return Visit(scenario, level, cost + baseline_minutes(level, facts))
