"""What this room needs of a device and of the model, as protocols: `device.TestMac` and the `policy` module fit them.

Tests give stand-ins of a few lines. A Situation is the model's own: here it is only passed on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from kextrel.timing import Deadline
from kextrel.vocabulary import Action, Extension, Outcome, Reason, Start, State, Unknown

if TYPE_CHECKING:  # to predict a scenario no driver is needed
    from kextrel.device.rig import Facts

__all__ = ["Device", "Expected", "Model", "Performed", "Prediction", "RuleText", "Sighting", "Situation", "Witness"]


class Performed(Protocol):
    """What came of an action. A `reason` of None beside `refused`: the Mac gave none that can be read."""

    @property
    def outcome(self) -> Outcome | Unknown: ...
    @property
    def reason(self) -> Reason | None: ...


class Sighting(Protocol):
    """What the Mac's own tools say; fields that could not be observed are UNKNOWN in `state`."""

    @property
    def state(self) -> State: ...


class Device(Protocol):
    """A test Mac. All but `facts` and `learn` touch it, may wait, and raise BenchError or NotPossible."""

    @property
    def name(self) -> str: ...
    @property
    def facts(self) -> Facts: ...
    def learn(self, extensions: Mapping[str, Extension]) -> None: ...
    def perform(self, action: Action, *, deadline: Deadline) -> Performed: ...
    def observe(self, *, deadline: Deadline) -> Sighting: ...
    def prepare(self, start: Start, *, deadline: Deadline) -> None: ...
    def baseline(self, level: Any, *, deadline: Deadline) -> None: ...


@runtime_checkable
class Witness(Protocol):
    """A device that can put into the evidence what its Mac's daemons logged since the observation before the last."""

    def recall(self, *, deadline: Deadline) -> None: ...


class Situation(Protocol):
    """Where the model believes that a Mac is, hidden things included."""

    @property
    def state(self) -> State: ...
    def observed(self, state: State, /) -> Any: ...
    def knowing(self, extension: Extension, /) -> Any: ...


class Expected(Protocol):
    """One outcome that the rules allow, and the situation after it. Fields in `unsettled` are not compared."""

    @property
    def outcome(self) -> Outcome: ...
    @property
    def reason(self) -> Reason | None: ...
    @property
    def situation(self) -> Any: ...
    @property
    def unsettled(self) -> frozenset[str]: ...


class Prediction(Protocol):
    @property
    def outcomes(self) -> Sequence[Expected]: ...
    @property
    def rules(self) -> Sequence[str]: ...
    @property
    def open(self) -> bool: ...


class RuleText(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str: ...


class Model(Protocol):
    """`kextrel.policy` as a module fits. `predict` raises NotPossible (NotModelled) where no rule speaks yet."""

    @property
    def RULES(self) -> Mapping[str, RuleText]: ...  # noqa: N802 - the module's own name
    def begin(self, start: Start) -> Any: ...
    def predict(self, situation: Any, action: Action, *, without: frozenset[str] = frozenset()) -> Prediction: ...
