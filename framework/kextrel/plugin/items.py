"""Scenario files as pytest items: a file is collected, each of its scenarios is a test on one Mac."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from kextrel.device import Level
from kextrel.errors import InputError, UsageError
from kextrel.plugin.choosing import for_scenario
from kextrel.plugin.reporting import ScenarioEnded, failure_text
from kextrel.plugin.run import Run
from kextrel.plugin.steps import Steps
from kextrel.scenario import Report, Scenario, Visit, load, plan

__all__ = ["ScenarioFile", "ScenarioItem", "in_order"]


class ScenarioFile(pytest.File):
    """A `*.mac.yaml` file."""

    def collect(self) -> Iterable[ScenarioItem]:
        try:
            scenarios = load(self.path)
        except InputError as error:
            raise self.CollectError(str(error)) from None
        for scenario in scenarios:
            yield ScenarioItem.from_parent(self, name=scenario.name, scenario=scenario)


class ScenarioItem(pytest.Item):
    """One scenario. `visit` and `then` are set when the order of the whole run is known."""

    def __init__(self, *, scenario: Scenario, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.scenario = scenario
        self.mac = ""
        self.visit: Visit | None = None
        self.then = Level.CLEAN
        self.kextrel_results: list[dict[str, Any]] = []

    def runtest(self) -> None:
        """Runs the scenario and raises ScenarioEnded unless it was held."""
        run = _run_of(self.config)
        began = time.monotonic()
        with Steps(self.config, run.log(self.mac)) as steps:
            report = run.stay(self.mac).run(self.scenario, then=self.then, on_step=steps.add)
        self.kextrel_results.append(self._result(report, time.monotonic() - began))
        ScenarioEnded.unless_held(report)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        told = failure_text(excinfo.value)
        return told if told is not None else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, self.scenario.steps[0].line - 1, self.name

    def _result(self, report: Report, seconds: float) -> dict[str, Any]:
        data = report.to_json()
        for step, told in zip(data["steps"], report.steps, strict=True):
            step["evidence"] = list(told.evidence)
        minutes = self.visit.minutes if self.visit is not None else 0.0
        return data | {"mac": report.device, "seconds": round(seconds, 3), "lab_minutes": round(minutes, 1)}


def in_order(run: Run, items: list[pytest.Item]) -> None:
    """Gives each scenario its Mac and puts those of one Mac into the order that goes back least; others keep place."""
    try:
        planned = {name: _planned(run, name, own) for name, own in _by_mac(run, items).items()}
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    sequence = {name: iter(own) for name, own in planned.items()}
    items[:] = [next(sequence[item.mac]) if isinstance(item, ScenarioItem) else item for item in items]


def _by_mac(run: Run, items: Iterable[pytest.Item]) -> dict[str, list[ScenarioItem]]:
    found: dict[str, list[ScenarioItem]] = {}
    for item in items:
        if isinstance(item, ScenarioItem):
            item.mac = for_scenario(run, item.scenario)
            found.setdefault(item.mac, []).append(item)
    return found


def _planned(run: Run, name: str, items: list[ScenarioItem]) -> list[ScenarioItem]:
    visits = plan((item.scenario for item in items), run.plan.facts(name))
    run.visits[name] = visits
    by_scenario = {id(item.scenario): item for item in items}
    ordered = [by_scenario[id(visit.scenario)] for visit in visits]
    for item, visit, following in zip(ordered, visits, _levels_after(visits), strict=True):
        item.visit, item.then = visit, following
    return ordered


def _levels_after(visits: Iterable[Visit]) -> Iterator[Level]:
    levels = [visit.level for visit in visits]
    yield from [*levels[1:], Level.CLEAN]


def _run_of(config: pytest.Config) -> Run:
    from kextrel.plugin import _run

    return _run(config)
