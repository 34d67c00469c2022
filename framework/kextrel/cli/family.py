"""A process for each of several virtual Macs, so that two of them can think at the same time.

The processes are forks of this one, which keeps nothing but the list of them: it passes on what they have to say, ends
them when it is told to end, and ends with the first of them that breaks down. They end when it does, however it does.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

__all__ = ["end_with", "raise_family"]

_CHUNK = 1 << 16

Line = Mapping[str, Any]


def raise_family(
    members: Sequence[Callable[[Callable[[Line], None]], None]],
    on_ready: Callable[[Line], None],
    begun: Callable[[], None] | None = None,
) -> int:
    """Runs each of `members` in a process of its own until this one is told to end (SIGTERM, SIGINT): 0, or one of them
    has failed: its exit code. A member is called with what takes the line that it is to announce; `begun()` is called
    here when all of them have begun. Returns in this process only.
    """
    lifeline, held = os.pipe()
    children: dict[int, int] = {}
    for member in members:
        said, saying = os.pipe()
        pid = os.fork()
        if pid == 0:
            for other in (held, said, *children.values()):
                os.close(other)
            threading.Thread(target=end_with, args=(lifeline,), daemon=True).start()
            member(partial(_say, saying))
            os._exit(0)
        os.close(saying)
        children[pid] = said
    os.close(lifeline)
    if begun is not None:
        begun()
    return _listen(children, on_ready)


def end_with(descriptor: int) -> None:
    """Asks this process to end, as SIGTERM does, when nobody holds the other end of a pipe any more."""
    while os.read(descriptor, 4096):  # not sys.stdin: its lock, held by a daemon thread, would break Python's end
        continue
    os.kill(os.getpid(), signal.SIGTERM)


def _say(descriptor: int, line: Line) -> None:
    os.write(descriptor, json.dumps(line).encode() + b"\n")


def _listen(children: Mapping[int, int], on_ready: Callable[[Line], None]) -> int:
    """Passes on every line until a child ends, or this process is asked to; then ends all of them."""
    asked, asking = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: os.write(asking, b"!") and None)
    buffers = dict.fromkeys(children.values(), b"")
    with selectors.DefaultSelector() as waiting:
        for descriptor in (asked, *buffers):
            waiting.register(descriptor, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                data = b"" if key.fd == asked else os.read(key.fd, _CHUNK)
                if not data:
                    return _end_all(children)
                *lines, buffers[key.fd] = (buffers[key.fd] + data).split(b"\n")
                for line in lines:
                    on_ready(json.loads(line))


def _end_all(children: Mapping[int, int]) -> int:
    for pid in children:
        os.kill(pid, signal.SIGTERM)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    return next((code for code in codes if code > 0), 0)
