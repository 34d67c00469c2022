"""Shares tests out to pytest-xdist's workers so that each Mac's tests stay on one worker, the longest queues first.

A worker takes a Mac when it begins the first of its tests and keeps it to the end, for it holds the Mac's lease; and
with it the Macs that hang on the same relay board, whose port has one owner. One that has nothing left of its own
takes a queue that nobody has, then a test that any of its Macs, or a free one, can run, then one that wants no Mac at
all. How long a queue is goes by its lab minutes and, as soon as tests have ended, by what those took. xdist's workers
begin a test only when they know the next one, or that there is none: so each is told one ahead, and what it is told
is what a plan of all that is left gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from kextrel.plugin.handing import Wish
from kextrel.plugin.pace import Pace

__all__ = ["Shares", "Worker"]

_AHEAD = 2
_PIECES = 50  # into which tests without a Mac are counted at most: there may be thousands


class Worker(Protocol):
    """What xdist calls a node, as far as it is needed here."""

    shutting_down: bool

    def send_runtest_some(self, indices: Sequence[int]) -> None: ...
    def shutdown(self) -> None: ...


@dataclass
class _Hands:
    """What one worker has: the tests that it was sent and has not finished, its Macs, the last one that it took."""

    pending: list[int] = field(default_factory=list)
    macs: list[str] = field(default_factory=list)


class Shares:
    """Who runs which test. `tests` are the node IDs in the order of the run, `bind(test, mac)` tells a worker which of
    several Macs it is to take, `together` has the Macs that only one worker can have, by each of their names."""

    def __init__(
        self,
        tests: Sequence[str],
        wishes: Mapping[str, Wish],
        bind: Callable[[str, str], None],
        together: Mapping[str, Set[str]] = MappingProxyType({}),
    ) -> None:
        self._tests, self._bind, self._together = tests, bind, together
        self._wishes = [wishes.get(test, Wish((), 0.0)) for test in tests]
        self._left = list(range(len(tests)))
        self._hands: dict[Any, _Hands] = {}
        self._pace = Pace()

    @property
    def workers(self) -> list[Any]:
        return list(self._hands)

    @property
    def left(self) -> int:
        """How many tests nobody has yet."""
        return len(self._left)

    @property
    def somebody_rests(self) -> bool:
        """Whether a worker has ended its last test while others go on."""
        return any(worker.shutting_down and not hands.pending for worker, hands in self._hands.items())

    def pending(self, worker: Any) -> list[int]:
        """The tests that a worker has and has not finished, the running one first."""
        return self._hands[worker].pending

    def join(self, worker: Worker) -> None:
        """One more worker, without work yet."""
        self._hands.setdefault(worker, _Hands())

    def leave(self, worker: Worker) -> int | None:
        """A worker is gone. What it had not begun is everybody's again, and so are its Macs; the test that it was in
        the middle of is returned."""
        hands = self._hands.pop(worker)
        self._left = sorted([*self._left, *hands.pending[1:]])
        return hands.pending[0] if hands.pending else None

    def done(self, worker: Worker, test: int, seconds: float) -> None:
        """A worker has finished a test, after so many seconds."""
        self._hands[worker].pending.remove(test)
        self._pace.learn(self._wishes[test].minutes, seconds)

    def feed(self) -> None:
        """Gives every worker what it may have; one for which there is nothing any more is let go."""
        for _ in range(_AHEAD):
            for worker, hands in self._hands.items():
                if not worker.shutting_down and len(hands.pending) < _AHEAD:
                    self._give(worker, hands)

    def _give(self, worker: Worker, hands: _Hands) -> None:
        test = self._next_for(hands)
        if test is None:
            worker.shutdown()
            return
        self._left.remove(test)
        hands.pending.append(test)
        worker.send_runtest_some([test])

    def _next_for(self, hands: _Hands) -> int | None:
        """The next test of a Mac that the worker has, else what a plan of all that is left gives it to do."""
        mine = next((test for test in self._left if self._is_one_of(test, hands.macs)), None)
        if mine is not None:
            return mine
        for tests in self._planned(hands):
            test = tests[0]
            self._take(hands, test)
            return test
        return None

    def _is_one_of(self, test: int, macs: Sequence[str]) -> bool:
        wanted = self._wishes[test].macs
        return len(wanted) == 1 and wanted[0] in macs

    def _take(self, hands: _Hands, test: int) -> None:
        """The worker has one of the test's Macs from now on; a test with a choice is told which."""
        wanted = self._wishes[test].macs
        free = [name for name in wanted if name not in self._taken]
        mac = next((name for name in (*hands.macs, *free) if name in wanted), None)
        if mac is not None and mac not in hands.macs:
            hands.macs += [mac, *sorted(self._together.get(mac, {mac}) - {mac})]
        if mac is not None and len(wanted) > 1:
            self._bind(self._tests[test], mac)

    def _planned(self, hands: _Hands) -> list[list[int]]:
        """What `hands` would get if all that is left went, piece by piece, to the worker that is done first."""
        loads = {id(one): self._load(one) for worker, one in self._hands.items() if not worker.shutting_down}
        mine = []
        for tests in self._pieces():
            able = [name for name in loads if self._may(name, tests[0])]
            if not able:
                continue
            who = min(able, key=lambda name: loads[name])
            loads[who] += sum(self._seconds(test) for test in tests)
            if who == id(hands):
                mine.append(tests)
        return mine

    def _may(self, hands: int, test: int) -> bool:
        """Whether a worker may run a test: it wants no Mac, or one that the worker has or that nobody has."""
        wanted = set(self._wishes[test].macs)
        own = next(one.macs for one in self._hands.values() if id(one) == hands)
        return not wanted or bool(wanted & set(own)) or bool(wanted - self._taken)

    def _load(self, hands: _Hands) -> float:
        rest = [test for test in self._left if self._is_one_of(test, hands.macs)]
        return sum(self._seconds(test) for test in (*hands.pending, *rest))

    def _seconds(self, test: int) -> float:
        return self._pace.expected(self._wishes[test].minutes)

    def _pieces(self) -> list[list[int]]:
        """What can be given away apart: the queues of Macs that nobody has, tests with a choice, those without a Mac;
        of each the longest first."""
        queues: dict[str, list[int]] = {}
        choices: list[list[int]] = []
        others: list[int] = []
        for test in self._left:
            macs = self._wishes[test].macs
            if len(macs) == 1 and macs[0] not in self._taken:
                queues.setdefault(macs[0], []).append(test)
            elif len(macs) > 1:
                choices.append([test])
            elif not macs:
                others.append(test)
        length = {mac: sum(self._seconds(test) for test in tests) for mac, tests in queues.items()}
        longest = [queues[mac] for mac in sorted(queues, key=lambda mac: -length[mac])]
        size = len(others) // _PIECES + 1
        rest = [others[start : start + size] for start in range(0, len(others), size)]
        return [*longest, *sorted(choices, key=lambda tests: -self._seconds(tests[0])), *rest]

    @property
    def _taken(self) -> set[str]:
        return {name for hands in self._hands.values() for name in hands.macs}
