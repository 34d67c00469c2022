"""A Mac in the hand of a test: verbs without deadlines, as the walks over real wires use them."""

from __future__ import annotations

from dataclasses import dataclass

from kextrel.device import Level, Performed, TestMac
from kextrel.evidence import EvidenceLog
from kextrel.timing import Deadline
from kextrel.vocabulary import Action, Outcome, Reason, State

ONE_STEP = 60.0  # wall seconds: far more than any step needs here


@dataclass
class Driver:
    """A Mac and its evidence. The start that a walk needs is its file's own."""

    mac: TestMac
    evidence: EvidenceLog

    def do(self, action: Action) -> Performed:
        return self.mac.perform(action, deadline=Deadline.after(ONE_STEP, action.verb))

    def outcome(self, action: Action) -> tuple[Outcome, Reason | None]:
        done = self.do(action)
        return done.outcome, done.reason

    @property
    def state(self) -> State:
        return self.mac.observe(deadline=Deadline.after(ONE_STEP, "observe")).state

    def baseline(self, level: Level) -> None:
        self.mac.baseline(level, deadline=Deadline.after(2 * ONE_STEP))
