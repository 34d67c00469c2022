"""A Mac just large enough to run a shell on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from kextrel.virtual.clock import Clock
from kextrel.virtual.faults import Faults
from kextrel.virtual.spec import MacSpec
from kextrel.virtual.unix.disk import new_disk
from kextrel.virtual.unix.system import Finished, System


def booted() -> System:
    host = SimpleNamespace(spec=MacSpec("mini", prepared=True), clock=Clock(), faults=Faults())
    host.in_force = host.console_user = None
    host.disk = new_disk(host)
    host.system = System(host)
    return host.system


@pytest.fixture
def virtual() -> Callable[[str], Finished]:
    """Runs a text as `sh -c` in an empty directory of a fresh virtual Mac; ten wall seconds are its limit."""

    async def run(text: str) -> Finished:
        system = booted()
        system.fs.mkdir("/private/tmp/work")
        command = ["/bin/sh", "-c", 'cd /tmp/work; exec sh -c "$0"', text]
        return await asyncio.wait_for(system.run(command), 10)

    return lambda text: asyncio.run(run(text))
