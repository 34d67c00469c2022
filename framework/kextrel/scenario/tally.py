"""Counting verdicts, and what a run of several scenarios ends with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kextrel.vocabulary import Verdict

__all__ = ["exit_code", "tally"]

_ORDER = (Verdict.HELD, Verdict.VIOLATED, Verdict.NOT_CHECKED, Verdict.BENCH_FAILED)


def tally(verdicts: Iterable[Verdict | str]) -> dict[str, int]:
    """How many scenarios ended as each of the four verdicts."""
    counts = {verdict.value: 0 for verdict in _ORDER}
    for verdict in verdicts:
        counts[str(verdict)] += 1
    return counts


def exit_code(counts: Mapping[str, int]) -> int:
    """1 a rule was violated, 3 the bench failed, 4 nothing held, 0: the first that applies."""
    if counts[Verdict.VIOLATED.value]:
        return 1
    if counts[Verdict.BENCH_FAILED.value]:
        return 3
    return 0 if counts[Verdict.HELD.value] else 4
