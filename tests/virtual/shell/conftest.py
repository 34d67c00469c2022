"""Scripts on a virtual Mac."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kextrel.virtual.clock import Clock
from kextrel.virtual.unix.system import Finished, System


@pytest.fixture
def virtual(unix_of: Callable[..., System]) -> Callable[[str], Finished]:
    """Runs a text as `sh -c` in an empty directory of a fresh virtual Mac; ten wall seconds are its limit."""

    async def run(text: str) -> Finished:
        system = unix_of()
        system.fs.mkdir("/private/tmp/work")
        command = ["/bin/sh", "-c", 'cd /tmp/work; exec sh -c "$0"', text]
        return await asyncio.wait_for(system.run(command), 30)

    return lambda text: asyncio.run(run(text))


@pytest.fixture
def timed(
    unix_of: Callable[..., System],
    play: Callable[[Coroutine[Any, Any, Any]], Any],
    clock_of_loop: Callable[[], Clock],
) -> Callable[..., tuple[Finished, float]]:
    """Runs a text in a shell on a loop that never waits: what it did, and the Mac seconds that it took."""

    async def run(text: str, shell: str) -> tuple[Finished, float]:
        clock = clock_of_loop()
        system = unix_of(clock)
        before = clock.now()
        done = await system.run([f"/bin/{shell}", "-c", text])
        assert not system.processes
        assert not system.load.running
        return done, clock.now() - before

    return lambda text, shell="sh": play(run(text, shell))
