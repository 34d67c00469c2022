"""Letting go is done even when somebody interrupts it."""

from __future__ import annotations

import pytest

from kextrel.bench import letgo
from kextrel.errors import BenchError


@pytest.mark.parametrize(("raised", "calls"), [(KeyboardInterrupt, 2), (SystemExit, 2), (BenchError, 1)])
def test_an_interrupt_in_the_middle_is_answered_by_once_more(raised: type[BaseException], calls: int) -> None:
    done: list[int] = []

    def let_go() -> None:
        done.append(1)
        if len(done) == 1:
            raise BenchError("dead", wire="w") if raised is BenchError else raised

    with pytest.raises(raised):
        letgo.surely(let_go)
    assert len(done) == calls


def test_only_what_is_remembered_is_released_at_exit() -> None:
    class Contacts:
        released = 0

        def release(self) -> None:
            self.released += 1

    kept, closed = Contacts(), Contacts()
    letgo.remember(kept)
    letgo.remember(closed)
    letgo.forget(closed)
    letgo.release_all()
    letgo.release_all()
    assert (kept.released, closed.released) == (1, 0)


def test_one_that_cannot_be_released_at_exit_keeps_no_other_pressed() -> None:
    class Contacts:
        def __init__(self, raised: type[BaseException] | None) -> None:
            self.raised, self.tried = raised, 0

        def release(self) -> None:
            self.tried += 1
            if self.raised is not None:
                raise self.raised

    every = [Contacts(raised) for raised in (KeyboardInterrupt, OSError, None)]
    for one in every:
        letgo.remember(one)
    with pytest.raises((KeyboardInterrupt, OSError)):
        letgo.release_all()
    assert [one.tried for one in every] == [1, 1, 1]
    letgo.release_all()
    assert [one.tried for one in every] == [1, 1, 1]
