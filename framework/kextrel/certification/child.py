"""pytest as the child of a certification: it ends when its parent has ended, however that was, with all its workers.

A parent that is killed says nothing, but the pipe to our standard input ends with it. What it killed is killed here
too: an end that is asked for would put the Macs aside, and the next run shall take them as they are.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

__all__ = ["main"]


def main() -> int:
    """Runs pytest with our own arguments; its exit code."""
    import pytest

    parent = os.dup(sys.stdin.fileno())  # pytest takes standard input away from its tests
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    sys.argv[0] = "pytest"
    try:
        code = int(pytest.main())
        sys.stdout.flush()
    except BrokenPipeError:  # nobody listens any more; else the interpreter complains at its end, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _end_with(parent: int) -> None:
    """Waits for the parent's end, then kills this process, and its workers where it leads the group that they are in;
    virtual Macs have a session of their own, and a pipe to this process."""
    while os.read(parent, 4096):
        continue
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
