"""Running: a scenario on a device, step by step, and several scenarios on one device with the least going back.

    report = run(scenario, device)                  the Mac stays where the scenario left it
    reports = run_on(device, scenarios, ...)        grouped by level, each begun and ended at a baseline

A device that does not meet the requirements is not touched. Bad input (a pin that the model contradicts) is raised
before anything is touched; everything else is a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kextrel import policy
from kextrel.device.baseline import Level
from kextrel.errors import BenchError, NotPossible, UnreadableAnswer
from kextrel.evidence import Sink
from kextrel.scenario.cost import Visit, plan
from kextrel.scenario.fitness import unmet
from kextrel.scenario.language import Scenario, Step
from kextrel.scenario.predicting import Foreseen, foresee, prediction_json
from kextrel.scenario.protocols import Device, Model
from kextrel.scenario.session import Asked, Patience, Session
from kextrel.scenario.verdicts import Judgement, StepReport, worst
from kextrel.timing import Deadline
from kextrel.vocabulary import Verdict
from kextrel.vocabulary.actions import Upgrade

__all__ = ["Report", "Stay", "run", "run_on", "untouched"]

OnStep = Callable[[StepReport], None]


@dataclass(frozen=True)
class Report:
    """One scenario on one device. `judgement` is its worst step's.

    `touched`: something was done to the Mac, so that it must go back. `quarantined` says why it was put aside.
    """

    scenario: Scenario
    device: str
    steps: tuple[StepReport, ...]
    touched: bool = True
    quarantined: str = ""

    @property
    def judgement(self) -> Judgement:
        return worst(step.judgement for step in self.steps)

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict

    @property
    def upgraded(self) -> bool:
        """Whether a step put another macOS on the Mac, or tried to; one that is refused for a reason did not."""
        upgrades = {step.number for step in self.scenario.steps if isinstance(step.action, Upgrade)}
        return any(one.seen is not None and one.seen.reason is None for one in self.steps if one.number in upgrades)

    def to_json(self) -> dict[str, Any]:
        """The shape of `predict`, with `observed` and `verdict` beside each step, and the scenario's own verdict; where
        bundles were given, `bundles`: their paths by the names of extensions."""
        given = {name: str(path) for name, path in self.scenario.bundles.items()}
        return {
            "file": self.scenario.file,
            "name": self.scenario.name,
            "device": self.device,
            **({"bundles": given} if given else {}),
            "steps": [step.to_json() for step in self.steps],
            "verdict": self.judgement.to_json(),
        }


def run(
    scenario: Scenario,
    device: Device,
    *,
    model: Model = policy,
    patience: Patience | None = None,
    sink: Sink | None = None,
    on_step: OnStep | None = None,
) -> Report:
    """Performs one scenario from its starting state on. `on_step` sees each StepReport as soon as it is there.

    Raises InputError for a bad scenario, before the device is touched.
    """
    why = unmet(scenario, device.facts, model=model)
    if why:
        return untouched(scenario, device.name, Judgement(Verdict.NOT_CHECKED, None, why), on_step)
    foreseen = foresee(scenario, device.facts.macos, model=model)
    if foreseen[0].prediction is None:
        silent = Judgement(Verdict.NOT_CHECKED, None, foreseen[0].not_checked)
        return untouched(scenario, device.name, silent, on_step, foreseen)
    session = Session(
        device,
        scenario.start(device.facts.macos),
        model,
        sink,
        patience or Patience(),
    )
    return Report(scenario, device.name, tuple(_steps(session, foreseen, on_step)))


def _steps(session: Session, foreseen: Sequence[Foreseen], on_step: OnStep | None) -> Iterable[StepReport]:
    astray = session.begin()
    ended = ""
    for one in foreseen:
        asked = _asked(one.step)
        predicted = prediction_json(one.prediction, one.not_checked)
        if ended:
            report = session.not_done(asked, predicted, Verdict.NOT_CHECKED, ended)
        elif astray is not None:
            report = session.not_done(asked, predicted, astray.verdict, astray.reason)
        else:
            report = session.perform(asked)
        if on_step is not None:
            on_step(report)
        ended = ended or _why_it_ends(report)
        yield report


def _why_it_ends(report: StepReport) -> str:
    """Why the steps after this one are not checked; "" when they are."""
    judgement = report.judgement
    if judgement.verdict is Verdict.VIOLATED:
        return f"step {report.number} was violated"
    if judgement.verdict is Verdict.BENCH_FAILED:
        return f"the bench failed in step {report.number}"
    if report.seen is not None:
        return ""
    if judgement.reason.startswith("not implemented"):
        return judgement.reason
    return f"step {report.number} was not done: {judgement.reason}"


def _asked(step: Step) -> Asked:
    return Asked(step.number, step.action, dict(step.written), step.pin, step.line)


def untouched(
    scenario: Scenario,
    device: str,
    why: Judgement,
    on_step: OnStep | None = None,
    foreseen: Sequence[Foreseen] = (),
) -> Report:
    """The report of a scenario for which the Mac named `device` was not touched."""
    said = {one.step.number: prediction_json(one.prediction, one.not_checked) for one in foreseen}
    reports = []
    for step in scenario.steps:
        predicted = said.get(step.number) or prediction_json(None, why.reason)
        rules = tuple(predicted["rules"])
        reports.append(StepReport(step.number, dict(step.written), predicted, rules, None, why, step.line))
        if on_step is not None:
            on_step(reports[-1])
    return Report(scenario, device, tuple(reports), touched=False)


@dataclass
class Stay:
    """One owner's time with one device, and the promise to go back after each scenario.

    `quarantine(why)` is called when the Mac could not be taken back to a baseline; no scenario runs on it after that.
    """

    device: Device
    quarantine: Callable[[str], None]
    model: Model = policy
    patience: Patience = field(default_factory=Patience)
    sink: Sink | None = None
    _lost: Judgement | None = None
    _why: str = ""

    @property
    def lost(self) -> Judgement | None:
        """Why the Mac is of no more use in this stay; None while it is."""
        return self._lost

    def run(self, scenario: Scenario, *, then: Level = Level.CLEAN, on_step: OnStep | None = None) -> Report:
        """Runs one scenario and goes back to `then`, whatever happened; from an upgrade only an erase leads back. A Mac
        that does not fit is not touched."""
        if self._lost is not None:
            return untouched(scenario, self.device.name, self._lost, on_step)
        if not unmet(scenario, self.device.facts, model=self.model):
            foresee(scenario, self.device.facts.macos, model=self.model)  # bad input: raised before anything is touched
        try:
            report = run(
                scenario, self.device, model=self.model, patience=self.patience, sink=self.sink, on_step=on_step
            )
        except Exception:
            self.back(then)
            raise
        except BaseException as error:
            self._interrupted(error, f"in '{scenario.name}'")
            raise
        lost = self.back(Level.ERASED if report.upgraded else then) if report.touched else None
        return replace(report, quarantined=self._why if lost is not None else "")

    def back(self, level: Level) -> Judgement | None:
        """Takes the Mac to `level`. None, or why it could not be done: the Mac is then quarantined."""
        try:
            self.device.baseline(level, deadline=Deadline.after(self.patience.baseline, f"the baseline {level.value}"))
        except (BenchError, UnreadableAnswer) as error:
            return self._give_up(Verdict.BENCH_FAILED, f"it could not be taken back to {level.value}: {error}")
        except NotPossible as error:
            return self._give_up(Verdict.NOT_CHECKED, f"it cannot be taken back to {level.value}: {error}")
        except BaseException as error:
            self._interrupted(error, f"on its way back to {level.value}")
            raise
        return None

    def _interrupted(self, error: BaseException, where: str) -> None:
        """Nobody knows where the Mac is now, so it is put aside; `error` tells whoever asked for the end of it."""
        self._give_up(Verdict.BENCH_FAILED, f"interrupted by {str(error) or type(error).__name__} {where}")
        error.add_note(f"{self.device.name} was interrupted {where}")

    def _give_up(self, verdict: Verdict, why: str) -> Judgement:
        self._why = why
        self._lost = Judgement(verdict, None, f"{self.device.name} is quarantined: {why}")
        self.quarantine(why)
        return self._lost


def run_on(
    device: Device,
    scenarios: Iterable[Scenario],
    *,
    quarantine: Callable[[str], None],
    model: Model = policy,
    patience: Patience | None = None,
    sink: Sink | None = None,
    on_plan: Callable[[Sequence[Visit]], None] | None = None,
    on_step: OnStep | None = None,
    on_report: Callable[[Report], None] | None = None,
) -> list[Report]:
    """Runs scenarios on one device, those that need less going back first.

    `on_plan` sees the visits in their order, each with its level and lab minutes, before anything is touched. A pin
    that the model contradicts raises InputError then, too.
    """
    visits = plan(scenarios, device.facts, model=model)
    if on_plan is not None:
        on_plan(visits)
    stay = Stay(device, quarantine, model, patience or Patience(), sink)
    reports = []
    for index, visit in enumerate(visits):
        then = visits[index + 1].begins_at if index + 1 < len(visits) else Level.CLEAN
        reports.append(stay.run(visit.scenario, then=then, on_step=on_step))
        if on_report is not None:
            on_report(reports[-1])
    return reports
