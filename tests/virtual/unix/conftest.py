"""Commands on a virtual Mac, without a wire."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kextrel.virtual.clock import Clock
from kextrel.virtual.unix.system import Finished, System


@pytest.fixture
def run(
    unix_of: Callable[..., System],
    play: Callable[[Coroutine[Any, Any, Any]], Any],
    clock_of_loop: Callable[[], Clock],
) -> Callable[..., Finished]:
    """`run(line, user="root", input=b"", **spec)`: one shell line on a fresh Mac, on a loop that never waits."""

    async def story(line: str, user: str, data: bytes, spec: dict[str, Any]) -> Finished:
        system = unix_of(clock_of_loop(), **spec)
        return await system.run(line, user=user, input=data)

    def once(line: str, user: str = "root", input: bytes = b"", **spec: Any) -> Finished:
        return play(story(line, user, input, spec))

    return once
