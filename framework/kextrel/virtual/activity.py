"""What a machine is doing: one thing at a time, which the next one ends, and a power cut with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["Activity"]

Work = Coroutine[Any, Any, None]


class Activity:
    """One machine's. `name` is for the log; `failed` is told the error that something broke down with."""

    def __init__(self, name: str, failed: Callable[[BaseException], None]) -> None:
        self._name, self._failed = name, failed
        self._task: asyncio.Task[None] | None = None
        self._overtaken: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None

    def run(self, work: Work) -> None:
        """Does `work` in place of what was done before."""
        self._cancel()
        self._task = self._begin(work)

    def cut(self) -> None:
        """Ends what is being done, at once; `clean_up` waits until it has ended."""
        task = self._cancel()
        self._overtaken = {one for one in (task, self._ending) if one is not None}

    def clean_up(self, work: Callable[[], Work]) -> None:
        """Does `work()` when what the last cut has overtaken is over, an earlier one's cleaning up with it."""
        self._ending = self._begin(self._after(self._overtaken, work))

    async def settled(self) -> None:
        """Until nothing is left to clean up."""
        if self._ending is not None:
            await self._ending

    async def _after(self, overtaken: set[asyncio.Task[None]], work: Callable[[], Work]) -> None:
        if overtaken:
            await asyncio.wait(overtaken)
        await work()

    def _begin(self, work: Work) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=self._name)
        task.add_done_callback(self._finished)
        return task

    def _cancel(self) -> asyncio.Task[None] | None:
        """Ends what is being done, unless that is what is running here; returns it."""
        task, self._task = self._task, None
        if task is None or task is asyncio.current_task():
            return None
        task.cancel()
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed(error)
