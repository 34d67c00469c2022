"""Retries inside a Deadline: tenacity decides when, the deadline decides how long."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

from kextrel.errors import BenchError
from kextrel.timing import Deadline

__all__ = ["Transient", "retrying"]

LAST = 0.2  # wall seconds


class Transient(BenchError):
    """A failure that the next attempt may not have: a refused connection, a reset, a half-open server."""


def retrying(
    deadline: Deadline, *, first: float = 0.02, most: float = 1.0, after: type[Transient] = Transient
) -> Retrying:
    """Attempts again after a Transient, or a kind of it, with pauses from `first` to `most` wall seconds, until
    `deadline` is over.

    A pause is half as long again as the one before, so what comes is noticed within a third of the time that it took.

    The last Transient is what is raised then; LAST is kept for a last attempt.
    """
    pauses = wait_exponential(multiplier=first, max=most, exp_base=1.5)

    def pause(state: RetryCallState) -> float:
        return min(pauses(state), max(deadline.remaining - LAST, 0.0))

    def over(_: RetryCallState) -> bool:
        return deadline.remaining <= LAST

    return Retrying(retry=retry_if_exception_type(after), wait=pause, stop=over, reraise=True)
