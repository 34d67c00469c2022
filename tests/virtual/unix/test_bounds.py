"""What a hostile script can take: not the thread that all Macs share, not this computer's memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from kextrel.virtual.unix.process import MOST_PROCESSES
from kextrel.virtual.unix.system import System

A = "a" * 60


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        (f"echo {A}c | grep -E '(a+)+b'", 2, "too complex"),
        (f"echo {A}c | sed -E 's/(a*)*b/x/'", 2, "too complex"),
        (f"case {A} in *a*a*a*a*a*a*a*a*a*a*b) echo yes;; *) exit 3;; esac", 3, ""),
        ("x=0123456789abcdef; while :; do x=$x$x; done", 1, "cannot allocate"),
        ("x=$(yes); echo no", 1, "Cannot allocate memory"),
        ("printf %999999999d 1", 1, "Cannot allocate memory"),
        ("tail -n 1 /dev/zero", 1, "Cannot allocate memory"),
        ("sort /dev/zero", 1, "Cannot allocate memory"),
        ("head -c 300000000 /dev/zero | cmp -s - /dev/null; exit 4", 4, ""),
    ],
)
def test_a_greedy_command_ends(run: Callable[..., Any], line: str, status: int, said: str) -> None:
    before = time.process_time()
    done = run(line)
    assert done.status == status, done.err
    assert said in done.err
    assert time.process_time() - before < 8


def test_a_fork_bomb_is_held_and_the_thread_stays_free(unix_of: Callable[..., System]) -> None:
    """Another task of the same loop (another Mac) goes on, and the end of the session ends every process."""

    async def story() -> None:
        system = unix_of()
        bomb = system.spawn(["/bin/sh", "-c", "f(){ f|f& };f"])
        turns, end = 0, asyncio.get_running_loop().time() + 1.5
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0)
            assert len(system.processes) <= MOST_PROCESSES
            turns += 1
        assert turns > 5
        system.signal_session(bomb.session, 9)
        await system.stop(orderly=False)
        assert not system.processes

    asyncio.run(story())
