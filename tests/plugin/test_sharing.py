"""Tests shared out to workers by Mac. A worker here is a list of what it was sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kextrel.plugin.handing import Wish
from kextrel.plugin.sharing import Shares


class Hand:
    """A worker that finishes its tests in the order in which it got them, when it is told to."""

    def __init__(self, name: str) -> None:
        self.name, self.sent, self.shutting_down = name, [], False

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        assert not self.shutting_down
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True


class Day:
    """A run: `tests` are names of the form `MAC[-or-MAC…]:MINUTES`, or `-` for a test that wants no Mac. `takes`: the
    seconds of a test with so many minutes."""

    def __init__(
        self,
        tests: str,
        workers: int = 2,
        takes: Callable[[float], float] = lambda minutes: minutes,
        together: str = "",
    ) -> None:
        self._takes = takes
        names = [f"{number} {text}" for number, text in enumerate(tests.split())]
        self.wishes = {name: _wish(text) for name, text in zip(names, tests.split(), strict=True) if text != "-"}
        self.bound: dict[str, str] = {}
        self.shares = Shares(names, self.wishes, self.bound.__setitem__, dict.fromkeys(together, frozenset(together)))
        self.names, self.workers = names, [Hand(str(number)) for number in range(workers)]
        for worker in self.workers:
            self.shares.join(worker)
        self.shares.feed()

    def finish(self) -> list[list[str]]:
        """Each worker's tests: whoever has worked least goes on."""
        spent = dict.fromkeys(self.workers, 0.0)
        while busy := [worker for worker in self.workers if self.shares.pending(worker)]:
            worker = min(busy, key=lambda one: spent[one])
            assert len(self.shares.pending(worker)) > 1 or worker.shutting_down, "xdist would wait for ever"
            test = self.shares.pending(worker)[0]
            wish = self.wishes.get(self.names[test])
            seconds = self._takes(wish.minutes) if wish is not None else 0.0
            spent[worker] += seconds
            self.shares.done(worker, test, seconds)
            self.shares.feed()
        assert self.shares.left == 0
        assert all(worker.shutting_down for worker in self.workers)
        return [[self.names[test].split()[1] for test in worker.sent] for worker in self.workers]


def _wish(text: str) -> Wish:
    macs, _, minutes = text.partition(":")
    return Wish(tuple(macs.split("-or-")), float(minutes or 1))


def test_a_mac_s_tests_stay_on_one_worker_in_their_order() -> None:
    first, second = Day("a:1 b:1 a:2 b:2 a:3 b:3").finish()
    assert first == ["a:1", "a:2", "a:3"]
    assert second == ["b:1", "b:2", "b:3"]


def test_macs_on_one_relay_board_are_one_workers() -> None:
    first, second = Day("a:9 b:5 c:7 a-or-c:1 d:3", together="ac").finish()
    assert {test[0] for test in first} == {"a", "c"}
    assert second == ["b:5", "d:3"]


def test_the_longest_queue_is_begun_first_and_the_short_ones_follow_where_there_is_time() -> None:
    first, second = Day("a:1 b:1 c:9 d:1").finish()
    assert first == ["c:9"]
    assert sorted(second) == ["a:1", "b:1", "d:1"]


def test_which_queue_is_the_longest_is_learned_from_what_tests_take() -> None:
    queues = "a:9 " * 6 + "b:5 " * 5 + "c:7 " * 2 + "d:3 " * 4
    by_minutes, by_tests = Day(queues).finish(), Day(queues, takes=lambda minutes: 3.0).finish()
    assert [list(dict.fromkeys(sent)) for sent in by_minutes] == [["a:9"], ["b:5", "c:7", "d:3"]]
    assert [list(dict.fromkeys(sent)) for sent in by_tests] == [["a:9", "c:7"], ["b:5", "d:3"]]


def test_a_test_with_a_choice_gets_a_mac_that_its_worker_has_or_nobody() -> None:
    day = Day("a:5 a-or-b:1 a-or-b:1 a-or-b:1 b:1")
    first, second = day.finish()
    macs = {
        name: {text.split(":")[0] for text in sent if "-or-" not in text} for name, sent in enumerate((first, second))
    }
    assert macs == {0: {"a"}, 1: {"b"}}
    assert len(day.bound) == 3
    assert sum(mac == "b" for mac in day.bound.values()) >= 2


def test_a_mac_that_is_given_for_a_choice_is_kept() -> None:
    day = Day("a-or-b:1 a-or-b:1 a-or-b:1 a-or-b:1")
    first, second = day.finish()
    assert len(first) == len(second) == 2
    by_worker = [{day.bound[f"{test} a-or-b:1"] for test in worker.sent} for worker in day.workers]
    assert sorted(map(sorted, by_worker)) == [["a"], ["b"]]


def test_tests_without_a_mac_fill_what_is_left() -> None:
    first, second = Day("- a:1 - - -").finish()
    assert sorted([*first, *second]) == ["-", "-", "-", "-", "a:1"]
    assert second == ["-"] * len(second)
    assert second


def test_what_a_worker_leaves_is_everybody_s_again_and_so_is_its_mac() -> None:
    day = Day("a:1 a:2 a:3 b:9")
    lost = next(worker for worker in day.workers if day.names[worker.sent[0]].endswith("a:1"))
    assert day.shares.leave(lost) == 0
    day.workers.remove(lost)
    late = Hand("late")
    day.workers.append(late)
    day.shares.join(late)
    day.shares.feed()
    assert day.finish() == [["b:9"], ["a:2", "a:3"]]


def test_one_worker_more_than_there_is_work_for_is_let_go() -> None:
    day = Day("a:1 a:1", workers=3)
    assert sum(worker.shutting_down for worker in day.workers) == 2
    assert sorted(map(len, day.finish())) == [0, 0, 2]
