"""One scenario's time on one Mac: each action performed, observed and judged, from the state that was last observed.

The runner and the `mac` of the Python API both stand on this. It never raises for what the bench or the Mac did: that
is a Judgement.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from kextrel import policy
from kextrel.errors import BenchError, NotPossible, UnreadableAnswer
from kextrel.evidence import Sink
from kextrel.scenario.jsonform import show, state_json
from kextrel.scenario.judging import STATE_FIELDS, Chapter, agreeing, judge
from kextrel.scenario.pins import Pin
from kextrel.scenario.predicting import prediction_json
from kextrel.scenario.protocols import Device, Model, Prediction, Witness
from kextrel.scenario.verdicts import Judgement, Seen, StepReport
from kextrel.timing import Deadline
from kextrel.vocabulary import UNKNOWN, Action, Extension, Start, State, Verdict
from kextrel.vocabulary.actions import Upgrade

__all__ = ["Asked", "Patience", "Session"]


@dataclass(frozen=True)
class Patience:
    """Wall seconds that the whole of something may take on a real bench; what it consists of has limits of its own."""

    step: float = 1800.0
    upgrade: float = 14400.0
    observe: float = 600.0
    prepare: float = 3600.0
    baseline: float = 3600.0


@dataclass(frozen=True)
class Asked:
    """One action to perform: its number, its JSON form, and the pin and line that a scenario file gives it."""

    number: int
    action: Action
    written: dict[str, Any] = field(hash=False)
    pin: Pin | None = None
    line: int | None = None


@dataclass
class Session:
    device: Device
    start: Start
    model: Model = policy
    sink: Sink | None = None
    patience: Patience = field(default_factory=Patience)
    history: list[Chapter] = field(default_factory=list)
    _situation: Any = None

    def begin(self) -> Judgement | None:
        """Takes the Mac to the starting state and looks at it. None, or why nothing can be judged on it."""
        situation = self.model.begin(self.start)
        try:
            self.device.prepare(self.start, deadline=Deadline.after(self._seconds_to_begin, "reaching the start"))
            seen = self._observed()
        except (BenchError, UnreadableAnswer) as error:
            return Judgement(Verdict.BENCH_FAILED, None, f"on the way to the starting state: {error}")
        except NotPossible as error:
            return Judgement(Verdict.NOT_CHECKED, None, f"the starting state cannot be reached: {error}")
        self._situation = situation.observed(seen)
        return self._astray(situation.state, seen)

    def learn(self, extension: Extension) -> None:
        """One more extension, described after the session began; as if it had been known from the start."""
        self.start = replace(self.start, extensions={**self.start.extensions, extension.name: extension})
        self.device.learn({extension.name: extension})
        self._situation = self._situation.knowing(extension)
        self.history = [replace(one, situation=one.situation.knowing(extension)) for one in self.history]

    def perform(self, asked: Asked) -> StepReport:
        """Performs, observes and judges one action."""
        first = self._note("step begins", step=asked.number, action=asked.written)
        try:
            prediction = self.model.predict(self._situation, asked.action)
        except NotPossible as error:
            return self.not_done(asked, prediction_json(None, str(error)), Verdict.NOT_CHECKED, str(error))
        report = self._judged(asked, prediction)
        judgement = report.judgement
        if judgement.verdict is Verdict.VIOLATED:
            self._recall()
        last = self._note("step ends", step=asked.number, **judgement.to_json())
        return replace(report, evidence=(first, last))

    @property
    def _seconds_to_begin(self) -> float:
        """With those of an upgrade where an older macOS must have left something there."""
        left = any(one.installed_before is not None for one in self.start.extensions.values())
        return self.patience.prepare + (self.patience.upgrade if left else 0.0)

    def perform_unjudged(self, asked: Asked) -> Seen:
        """Performs and observes; the model only follows. Raises BenchError and NotPossible as the device does."""
        self._note("unjudged step", step=asked.number, action=asked.written)
        seen = self._seen(asked)
        try:
            prediction = self.model.predict(self._situation, asked.action)
        except NotPossible:
            self._situation = self._situation.observed(seen.state)
            return seen
        self._go_on(Chapter(self._situation, asked.action, prediction, seen))
        return seen

    def not_done(self, asked: Asked, predicted: dict[str, Any], verdict: Verdict, reason: str) -> StepReport:
        """The report of a step for which nothing was, or could be, done."""
        judgement = Judgement(verdict, None, reason)
        return StepReport(
            asked.number, asked.written, predicted, tuple(predicted["rules"]), None, judgement, asked.line
        )

    def _judged(self, asked: Asked, prediction: Prediction) -> StepReport:
        predicted = prediction_json(prediction)
        try:
            seen = self._seen(asked)
        except (BenchError, UnreadableAnswer) as error:
            return self.not_done(asked, predicted, Verdict.BENCH_FAILED, str(error))
        except NotPossible as error:
            return self.not_done(asked, predicted, Verdict.NOT_CHECKED, str(error))
        self._go_on(Chapter(self._situation, asked.action, prediction, seen))
        judgement = judge(self.model, self.history, asked.pin)
        return StepReport(asked.number, asked.written, predicted, tuple(prediction.rules), seen, judgement, asked.line)

    def _seen(self, asked: Asked) -> Seen:
        what = f"step {asked.number} ({asked.action.verb})"
        seconds = self.patience.upgrade if isinstance(asked.action, Upgrade) else self.patience.step
        done = self.device.perform(asked.action, deadline=Deadline.after(seconds, what))
        try:
            state = self._observed()
        except NotPossible:
            state = State()  # nothing can be seen from where the Mac is now: the judgement says so
        return Seen(done.outcome, done.reason, state)

    def _go_on(self, chapter: Chapter) -> None:
        taken = agreeing(chapter.prediction, chapter.seen) or chapter.prediction.outcomes[0]
        self.history.append(chapter)
        self._situation = taken.situation.observed(chapter.seen.state)

    def _observed(self) -> State:
        state = self.device.observe(deadline=Deadline.after(self.patience.observe, "looking at the Mac")).state
        return _only(state, frozenset(one.bundle_id for one in self.start.extensions.values()))

    def _astray(self, wanted: State, seen: State) -> Judgement | None:
        """The judgement where the Mac did not get to its starting state."""
        names = [
            name
            for name in STATE_FIELDS
            if getattr(seen, name) is not UNKNOWN and getattr(seen, name) != getattr(wanted, name)
        ]
        if not names:
            return None
        is_, should = state_json(seen), state_json(wanted)
        told = "; ".join(f"{name} is {show(is_[name])}, not {show(should[name])}" for name in names)
        return Judgement(Verdict.NOT_CHECKED, None, f"the Mac is not in the starting state: {told}")

    def _recall(self) -> None:
        """What the daemons logged meanwhile goes into the evidence of a violation; it changes no verdict."""
        if not isinstance(self.device, Witness):
            return
        try:
            self.device.recall(deadline=Deadline.after(self.patience.observe, "reading the daemons' log"))
        except (BenchError, NotPossible, UnreadableAnswer) as error:
            self._note("no log", why=str(error))

    def _note(self, event: str, **data: Any) -> int:
        return 0 if self.sink is None else self.sink.record("scenario", event, **data)


def _only(state: State, own: frozenset[str]) -> State:
    """`state` with the scenario's own extensions: a Mac of the lab may have others, of which no step speaks."""
    kept: dict[str, Any] = {}
    for name in ("uakl", "aux_kc", "receipt", "loaded_kexts"):
        value = getattr(state, name)
        kept[name] = value if value is UNKNOWN else value & own
    if state.system_extensions is not UNKNOWN:
        kept["system_extensions"] = {key: word for key, word in state.system_extensions.items() if key in own}
    return replace(state, **kept)
