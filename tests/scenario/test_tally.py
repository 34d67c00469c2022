"""Counting verdicts, and the exit code that follows."""

from __future__ import annotations

import pytest

from kextrel.scenario.tally import exit_code, tally
from kextrel.vocabulary import Verdict


def test_every_verdict_is_counted() -> None:
    counts = tally([Verdict.HELD, "held", Verdict.BENCH_FAILED])
    assert counts == {"held": 2, "violated": 0, "not-checked": 0, "bench-failed": 1}


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["held", "bench-failed", "violated"], 1),
        (["held", "bench-failed", "not-checked"], 3),
        (["not-checked"], 4),
        ([], 4),
        (["held", "not-checked"], 0),
    ],
)
def test_the_first_that_applies_is_the_exit_code(verdicts: list[str], code: int) -> None:
    assert exit_code(tally(verdicts)) == code
