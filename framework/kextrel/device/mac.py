"""A test Mac: verbs in, outcomes out, over its wires. Nothing here knows what ought to happen.

Each verb imports what it walks by when it is first asked for: most of what a Mac can be asked, most tests never ask.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kextrel.device.rig import Accounts, Facts, Rig, Timeouts, Wires
from kextrel.errors import BenchError, KextrelError
from kextrel.evidence import Sink
from kextrel.timing import Clock, Deadline

if TYPE_CHECKING:
    from kextrel.bench.protocols import Wire
    from kextrel.device import baseline as levels
    from kextrel.device import readiness
    from kextrel.device.observe import Sighting
    from kextrel.device.performed import Performed
    from kextrel.vocabulary import Action, Extension, Start

__all__ = ["TestMac"]

_FRESH = 2.0  # wall seconds


class TestMac:
    """One Mac of a lab, as scenarios see it.

    Every call raises BenchError with the wire's name when a wire fails, NotPossible for what this Mac cannot do or be
    asked, and UnreadableAnswer for output that is not the command's. Whatever ends a call, nothing stays pressed.
    """

    __test__ = False  # the name is not pytest's

    def __init__(
        self,
        name: str,
        facts: Facts,
        wires: Wires,
        *,
        clock: Clock,
        sink: Sink,
        accounts: Accounts,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._rig = Rig(name, facts, wires, clock, sink, accounts, timeouts or Timeouts())
        self._closed = False
        self._seen: Sighting | None = None
        self._looks: deque[float] = deque(maxlen=2)  # when the last observations were, on the monotonic clock
        self._at_baseline = False  # the last call took it there, and `_seen` is what was seen then

    @property
    def name(self) -> str:
        return self._rig.name

    @property
    def facts(self) -> Facts:
        return self._rig.facts

    @property
    def wires(self) -> Wires:
        """The wires themselves, for a hand on the device. Whatever was seen before may be otherwise afterwards."""
        self._seen, self._at_baseline = None, False
        return self._rig.wires

    def learn(self, extensions: Mapping[str, Extension]) -> None:
        """Makes extensions known by the names that actions use; `prepare` does it for a scenario's own."""
        self._rig.catalog.learn(extensions)

    def perform(self, action: Action, *, deadline: Deadline) -> Performed:
        """Does one action of the scenario language and says what came of it."""
        from kextrel.device.actions import perform

        with self._step("perform", action=action.verb):
            done = perform(self._rig, action, deadline=deadline)
            self._keep(done.sighting)
        self._rig.sink.record(
            "device", "performed", action=action.verb, outcome=done.outcome, reason=done.reason, note=done.note
        )
        return done

    def observe(self, *, deadline: Deadline) -> Sighting:
        """Everything that can be seen of the Mac where it is now; the rest is UNKNOWN.

        Where the call before looked at its end, and that was not two seconds ago, it is what was seen then.
        """
        from kextrel.device.observe import observe

        seen = self._taken()
        if seen is None:
            with self._step("observe"):
                seen = observe(self._rig, deadline=deadline)
        self._looks.append(seen.at)
        return seen

    def recall(self, *, deadline: Deadline) -> None:
        """Puts into the evidence what the Mac's daemons logged since the observation before the last one."""
        from kextrel.device.daemons import recall

        since = self._looks[0] if self._looks else time.monotonic()
        with self._step("recall"):
            recall(self._rig, seconds=time.monotonic() - since, deadline=deadline)

    def prepare(self, start: Start, *, deadline: Deadline) -> None:
        """To a scenario's starting state."""
        from kextrel.device.prepare import prepare

        at_baseline, self._at_baseline = self._at_baseline, False
        seen = self._taken() if at_baseline else None
        with self._step("prepare"):
            self._keep(prepare(self._rig, start, deadline=deadline, baseline=seen))

    def baseline(self, level: levels.Level, *, deadline: Deadline) -> None:
        """Back to a baseline; see `kextrel.device.baseline.cost` for its price."""
        from kextrel.device import baseline as levels

        with self._step("baseline", level=level):
            self._keep(levels.reach(self._rig, level, deadline=deadline))
        self._at_baseline = True

    def examine(self, *, bundles: Sequence[Path] = (), deadline: Deadline) -> list[readiness.Finding]:
        """Whether it is prepared for the bench, row by row; see `kextrel.device.readiness`."""
        from kextrel.device import readiness

        with self._step("examine"):
            return readiness.examine(self._rig, bundles=bundles, deadline=deadline)

    def unlock(self, *, done: Callable[[readiness.Remedied], None], deadline: Deadline) -> None:
        """Gives FileVault's password where the Mac waits for it, and tells `done`."""
        from kextrel.device import readiness

        with self._step("unlock"):
            readiness.unlock(self._rig, done=done, deadline=deadline)

    def make_ready(
        self, *, bundles: Sequence[Path] = (), done: Callable[[readiness.Remedied], None], deadline: Deadline
    ) -> list[readiness.Finding]:
        """Puts right what SSH can, tells `done` of each remedy, and examines it again."""
        from kextrel.device import readiness

        with self._step("make ready"):
            return readiness.make_ready(self._rig, bundles=bundles, done=done, deadline=deadline)

    def close(self) -> None:
        """Lets go of everything pressed and closes the wires. Harmless the second time."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as stack:  # one that fails keeps no other open
            stack.callback(self._rig.catalog.close)
            for wire in reversed(self._rig.wires.all()):
                stack.callback(self._shut, wire)
            stack.callback(self._rig.release)

    def _shut(self, wire: Wire) -> None:
        """A wire that died on the way was said when it died; what it kept pressed is in the evidence."""
        try:
            wire.close()
        except BenchError as error:
            self._rig.note(f"was not closed in order: {error}")

    def _taken(self) -> Sighting | None:
        """What the call before saw at its end, once, while it is fresh."""
        seen, self._seen = self._seen, None
        return seen if seen is not None and time.monotonic() - seen.at < _FRESH else None

    def _keep(self, sighting: Sighting | None) -> None:
        """For the observation that follows a call, once."""
        self._seen = sighting

    @contextmanager
    def _step(self, event: str, **data: str) -> Iterator[None]:
        self._seen, self._at_baseline = None, False
        self._rig.sink.record("device", event, **data)
        try:
            with self._rig.hands_off():
                yield
        except KextrelError as error:
            self._rig.sink.record("device", f"{event} failed", error=str(error), kind=type(error).__name__)
            raise
