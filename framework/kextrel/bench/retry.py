"""Retries inside a Deadline: tenacity decides when, the deadline decides how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from kextrel.errors import BenchError
from kextrel.timing import Deadline

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

__all__ = ["Transient", "retried"]

LAST = 0.2  # wall seconds
_LONGER = 1.5  # times as long as the pause before: what comes is noticed within a third of the time that it took

_T = TypeVar("_T")


class Transient(BenchError):
    """A failure that the next attempt may not have: a refused connection, a reset, a half-open server."""


def retried(
    does: Callable[[], _T],
    deadline: Deadline,
    *,
    first: float = 0.02,
    most: float = 1.0,
    after: type[Transient] = Transient,
) -> _T:
    """What `does` gives. It is called again after a Transient, or a kind of it, with pauses from `first` to `most` wall
    seconds, until `deadline` is over; LAST is kept for a last attempt. The last Transient is what is raised then.
    """
    try:
        return does()  # what succeeds at once, as nearly everything does, needs no tenacity, which takes long to import
    except after as error:
        if deadline.remaining <= LAST:
            raise
        failed = error
    time.sleep(min(first, _pausable(deadline)))

    def again() -> _T:
        nonlocal failed
        if deadline.expired:  # we were slow ourselves: an attempt now would only say that there is no time
            raise failed
        try:
            return does()
        except after as error:
            failed = error
            raise

    return _retrying(deadline, first * _LONGER, most, after)(again)


def _pausable(deadline: Deadline) -> float:
    return max(deadline.remaining - LAST, 0.0)


def _retrying(deadline: Deadline, first: float, most: float, after: type[Transient]) -> Retrying:
    from tenacity import Retrying, retry_if_exception_type, wait_exponential

    pauses = wait_exponential(multiplier=first, max=most, exp_base=_LONGER)

    def pause(state: RetryCallState) -> float:
        return min(pauses(state), _pausable(deadline))

    def over(_: RetryCallState) -> bool:
        return deadline.remaining <= LAST

    return Retrying(retry=retry_if_exception_type(after), wait=pause, stop=over, reraise=True)
