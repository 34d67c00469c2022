"""The end that others ask for: SIGTERM and SIGHUP become an exception, so that everything that is open is let go of.

Python's default for both ends the process on the spot: no `finally` runs and no atexit; a relay would keep a button
pressed, and a Mac that is half-way through a walk would look like a good one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["SECONDS_TO_LET_GO", "Ended", "as_interrupts"]

SECONDS_TO_LET_GO = 60.0
"""Wall seconds that a process has for its Macs when it has been asked to end."""

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Ended(KeyboardInterrupt):
    """What Control-C does, asked for by the signal `number`."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


@contextmanager
def as_interrupts() -> Iterator[None]:
    """Inside, the first SIGTERM or SIGHUP raises Ended in the main thread; later ones find the end under way.

    A signal that somebody else handles or ignores (nohup) stays theirs. In another thread than the main one, which
    gets no signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise Ended(number)

    ours = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) is end:
                signal.signal(number, signal.SIG_DFL)
