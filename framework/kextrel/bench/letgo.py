"""What must be let go of when the process ends: contacts that are closed, keys that are down.

A driver registers while it is open. At the interpreter's exit each one that is still here is released; an interrupt and
an error on the way are the drivers' own business. SIGKILL leaves contacts as they are: nothing here can help that.
"""

from __future__ import annotations

import atexit
import contextlib
import weakref
from collections.abc import Callable
from typing import Protocol

from kextrel.errors import BenchError

__all__ = ["forget", "remember", "surely"]


class _Releasable(Protocol):
    def release(self) -> None: ...


_held: weakref.WeakSet[_Releasable] = weakref.WeakSet()


def remember(driver: _Releasable) -> None:
    """From now on `driver.release()` is called at exit."""
    _held.add(driver)


def forget(driver: _Releasable) -> None:
    """`driver` was closed, and released by that."""
    _held.discard(driver)


def surely(let_go: Callable[[], None]) -> None:
    """Calls `let_go`; an interrupt in the middle of it goes on only after a second call."""
    try:
        let_go()
    except BenchError:
        raise
    except BaseException:
        let_go()
        raise


@atexit.register
def release_all() -> None:
    """Releases what is left; a port that went away releases by that, so its error is no news."""
    with contextlib.ExitStack() as stack:  # whatever one of them raises, the others are released
        stack.callback(_held.clear)
        for driver in list(_held):
            stack.callback(_let_go, driver)


def _let_go(driver: _Releasable) -> None:
    with contextlib.suppress(BenchError):
        driver.release()
