"""Scenario files as pytest items: a file is collected, each of its scenarios is a test on one Mac."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

import pytest

from kextrel.device import Facts, Level
from kextrel.errors import BenchError, InputError, NotPossible, UsageError
from kextrel.plugin.choosing import for_scenario
from kextrel.plugin.handing import Wish
from kextrel.plugin.reporting import ScenarioEnded, failure_text
from kextrel.plugin.run import Run
from kextrel.plugin.steps import Steps
from kextrel.plugin.wishes import OwnWish
from kextrel.scenario import (
    Judgement,
    Report,
    Scenario,
    StepReport,
    Visit,
    foresee,
    foreseen_rules,
    load,
    plan,
    untouched,
)
from kextrel.vocabulary import Verdict

__all__ = ["NOBODY", "ScenarioFile", "ScenarioItem", "in_order"]

NOBODY = "[no Mac fits]"


class ScenarioFile(pytest.File):
    """A `*.mac.yaml` file. `run` gives what this run of pytest knows of its lab, which is made when first asked for."""

    def __init__(self, *, run: Callable[[], Run], **keywords: Any) -> None:
        super().__init__(**keywords)
        self._run = run

    def collect(self) -> Iterable[ScenarioItem]:
        run = self._run()
        try:
            scenarios = load(self.path, _bundles(run))
        except InputError as error:
            raise self.CollectError(str(error)) from None
        for scenario in scenarios:
            for mac, shown, why in _chosen(run, scenario):
                name = scenario.name + shown
                # As text, which pytest reads as it reads its cache: else --lf knows no name with brackets again (9.2).
                place = {"name": name, "nodeid": f"{self.nodeid}::{name}"}
                yield ScenarioItem.from_parent(self, **place, scenario=scenario, run=run, mac=mac, why=why)


def _bundles(run: Run) -> dict[str, Path]:
    """What is really installed; nothing where there is no such lab or bundle: the collection's end says that, once."""
    try:
        return run.bundles
    except UsageError:
        return {}


def _chosen(run: Run, scenario: Scenario) -> list[tuple[str, str, str]]:
    """Each Mac that the profile chooses, what is shown of it in the test's name (`[mini]`), and why there is none.

    Nothing is shown where there is no such lab: the end of the collection says that, once.
    """
    try:
        names = for_scenario(run, scenario)
        unmet = [scenario.mac.unmet(run.plan.facts(name)) for name in names]
    except NotPossible as error:
        return [("", NOBODY, str(error))]
    except UsageError:
        return [("", "", "")]
    return [(name, NOBODY if why else f"[{name}]", "") for name, why in zip(names, unmet, strict=True)]


class ScenarioItem(pytest.Item, OwnWish):
    """One scenario on the Mac named `mac`, or none and `why` there is none. `visit` and `then` are set when the order
    of the whole run is known."""

    def __init__(self, *, scenario: Scenario, run: Run, mac: str, why: str, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.scenario, self._run, self.mac, self._why = scenario, run, mac, why
        self.visit: Visit | None = None
        self.then = Level.CLEAN

    def wish(self) -> Wish | None:
        minutes = self.visit.minutes if self.visit is not None else 0.0
        return Wish((self.mac,), minutes) if self.mac else None

    def runtest(self) -> None:
        """Runs the scenario and raises ScenarioEnded unless it was held."""
        run = self._run
        if not self.mac:
            nobody = untouched(self.scenario, "no Mac", Judgement(Verdict.NOT_CHECKED, None, self._why))
            run.ended(nobody.to_json() | self._missed(), nobody.steps, 0.0)
            ScenarioEnded.unless_held(nobody)
        began = time.monotonic()
        with Steps(self.config, run.log(self.mac)) as steps:
            report = self._performed(run, steps.add)
        minutes = self.visit.minutes if self.visit is not None else 0.0
        unfit = bool(self.scenario.mac.unmet(run.plan.facts(self.mac)))
        missed = self._missed() if unfit else {}
        run.ended(report.to_json() | missed, report.steps, time.monotonic() - began, minutes)
        ScenarioEnded.unless_held(report)

    def _missed(self) -> dict[str, Any]:
        """What is not checked because no Mac fits: the Mac that it wants, and the rules that it would have shown."""
        wanted = self.scenario.mac.template
        told = {"architecture": wanted.architecture.value, "macos": str(self.scenario.mac.macos)}
        return {"wanted": told | {"enrollment": wanted.enrollment.value}, "shows": self._shows()}

    def _shows(self) -> list[str]:
        """On the first macOS that it names. One with a mistake in it shows none: who runs it is told of that."""
        version = self.scenario.mac.macos.named
        try:
            return [] if version is None else list(foreseen_rules(foresee(self.scenario, version)))
        except InputError:
            return []

    def _performed(self, run: Run, on_step: Callable[[StepReport], None]) -> Report:
        """The scenario on its Mac; a Mac that cannot be had is the bench's failure, as a wire that fails later is.

        A lab that cannot be used at all (a secret that is not there) ends the run: no other scenario can do better.
        """
        try:
            stay = run.stay(self.mac)
        except UsageError as error:
            pytest.exit(str(error), returncode=int(pytest.ExitCode.USAGE_ERROR))
        except BenchError as error:
            return untouched(self.scenario, self.mac, Judgement(Verdict.BENCH_FAILED, None, str(error)), on_step)
        return stay.run(self.scenario, then=self.then, on_step=on_step)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        told = failure_text(excinfo.value)
        return told if told is not None else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, self.scenario.steps[0].line - 1, self.name


def in_order(run: Run, items: list[pytest.Item]) -> None:
    """Puts the scenarios of one Mac together, in the order that goes back least; other tests keep their place.

    Together, because a Mac that was taken to a baseline a moment ago need not be looked at again from the beginning.

    Raises pytest.UsageError for a scenario that the model contradicts, before anything runs.
    """
    try:
        planned = {name: _planned(run, run.plan.facts(name), own) for name, own in _by_mac(items).items()}
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    sequence = (item for own in planned.values() for item in own)
    items[:] = [next(sequence) if _has_a_mac(item) else item for item in items]


def _has_a_mac(item: pytest.Item) -> TypeGuard[ScenarioItem]:
    return isinstance(item, ScenarioItem) and bool(item.mac)


def _by_mac(items: Iterable[pytest.Item]) -> dict[str, list[ScenarioItem]]:
    found: dict[str, list[ScenarioItem]] = {}
    for item in items:
        if _has_a_mac(item):
            found.setdefault(item.mac, []).append(item)
    return found


def _planned(run: Run, facts: Facts, items: list[ScenarioItem]) -> list[ScenarioItem]:
    visits = plan((item.scenario for item in items), facts)
    run.visits[items[0].mac] = visits
    by_scenario = {id(item.scenario): item for item in items}
    ordered = [by_scenario[id(visit.scenario)] for visit in visits]
    for item, visit, following in zip(ordered, visits, _levels_after(visits), strict=True):
        item.visit, item.then = visit, following
    return ordered


def _levels_after(visits: Iterable[Visit]) -> Iterator[Level]:
    levels = [visit.begins_at for visit in visits]
    yield from [*levels[1:], Level.CLEAN]
