"""Attempts again after a Transient, inside a deadline."""

from __future__ import annotations

import pytest

from kextrel.bench import retry
from kextrel.bench.retry import Transient, retried
from kextrel.errors import BenchError
from kextrel.timing import Deadline
from until import until


class Worse(Transient):
    """A kind of Transient."""


class Stumbling:
    """Fails with each of `errors` in turn, and then answers."""

    def __init__(self, *errors: BenchError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_what_answers_is_asked_once() -> None:
    does = Stumbling()
    assert retried(does, Deadline.after(0)) == "answer"
    assert does.calls == 1


def test_it_is_asked_again_until_it_answers() -> None:
    does = Stumbling(Transient("no", wire="w"), Worse("no", wire="w"), Transient("no", wire="w"))
    assert retried(does, Deadline.after(60), first=0.001) == "answer"
    assert does.calls == 4


def test_other_trouble_is_not_asked_again() -> None:
    does = Stumbling(Transient("no", wire="w"), BenchError("broken", wire="w"))
    with pytest.raises(BenchError, match="broken"):
        retried(does, Deadline.after(60), first=0.001)
    assert does.calls == 2


def test_only_the_kind_that_was_named_is_asked_again() -> None:
    does = Stumbling(Worse("at first", wire="w"), Transient("then", wire="w"))
    with pytest.raises(Transient, match="then"):
        retried(does, Deadline.after(60), first=0.001, after=Worse)
    assert does.calls == 2


def test_without_time_the_first_trouble_is_told() -> None:
    does = Stumbling(Transient("first", wire="w"), Transient("second", wire="w"))
    with pytest.raises(Transient, match="first"):
        retried(does, Deadline.after(0))
    assert does.calls == 1


def test_the_last_trouble_is_told_when_the_time_is_up() -> None:
    does = Stumbling(*(Transient(f"number {n}", wire="w") for n in range(10_000)))
    with pytest.raises(Transient) as raised:
        retried(does, Deadline.after(retry.LAST + 0.05), first=0.001, most=0.01)
    assert raised.value.what == f"number {does.calls - 1}"


def test_pauses_grow_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    does = Stumbling(*[Transient("no", wire="w")] * 5)
    assert retried(does, Deadline.after(60), first=0.1, most=0.3) == "answer"
    assert slept == pytest.approx([0.1, 0.15, 0.225, 0.3, 0.3])


def test_an_attempt_that_would_come_too_late_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    does = Stumbling(Transient("refused", wire="w"), BenchError("there was no time", wire="w"))
    with pytest.raises(Transient, match="refused"):
        retried(does, until(lambda: bool(slept)))
    assert does.calls == 1
