"""Brings virtual Macs up on their wires and keeps them there until somebody ends it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence

from kextrel.virtual.faults import Fault
from kextrel.virtual.spec import Endpoints, MacSpec

__all__ = ["run", "serve"]


def serve(specs: Sequence[MacSpec], *, faults: Sequence[Fault] = (), on_ready: Callable[[Endpoints], None]) -> None:
    """Runs the Macs in `specs`, each with `faults` besides its own, until SIGTERM or SIGINT; then returns.

    `on_ready` gets a Mac's endpoints as soon as it answers on SSH (or, without Remote Login, is up).
    """
    asyncio.run(_until_told(specs, faults, on_ready))


async def _until_told(specs: Sequence[MacSpec], faults: Sequence[Fault], on_ready: Callable[[Endpoints], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(specs, faults=faults, on_ready=on_ready, stop=stop)


async def run(
    specs: Sequence[MacSpec],
    *,
    faults: Sequence[Fault] = (),
    on_ready: Callable[[Endpoints], None],
    stop: asyncio.Event,
) -> None:
    """As `serve`, inside a running event loop and until `stop` is set. A Mac that breaks down raises here."""
    raise NotImplementedError
