"""What tests take, learned from those that have ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kextrel.plugin.pace import Pace


def pace(*ended: tuple[float, float]) -> Pace:
    made = Pace()
    for minutes, seconds in ended:
        made.learn(minutes, seconds)
    return made


def test_minutes_are_minutes_until_enough_tests_have_ended() -> None:
    assert pace().expected(3) == 180
    assert pace((3, 1), (5, 1)).expected(3) == 180


def test_a_line_is_laid_through_what_they_took() -> None:
    learned = pace(*((minutes, 1.25 + 0.1 * minutes) for minutes in (2, 4, 4, 10, 30, 60)))
    assert learned.expected(20) == pytest.approx(3.25)


def test_what_has_no_minutes_teaches_nothing_about_what_has() -> None:
    learned = pace(*((0, 0.001) for _ in range(40)))
    assert learned.expected(3) == 180
    assert learned.expected(0) == 0.001


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 5000)), max_size=30), st.floats(0, 500), st.floats(0, 500))
def test_a_longer_test_is_never_expected_to_be_sooner_done(
    ended: list[tuple[float, float]], minutes: float, more: float
) -> None:
    learned = pace(*ended)
    if minutes > 0:
        assert 0 <= learned.expected(minutes) <= learned.expected(minutes + more) + 1e-6
