"""What is written in one turn of the event loop leaves together, in its order, and nothing is lost at the end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import asyncssh
import pytest

from kextrel.virtual.wires.gathering import gather


class Wire(asyncio.Transport):
    """Keeps what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.told.append(bytes(data))

    def close(self) -> None:
        self.told.append("closed")

    def abort(self) -> None:
        self.told.append("cut")


@pytest.fixture
def wire() -> Wire:
    return Wire()


def gathered(wire: Wire) -> asyncio.Transport:
    connection = SimpleNamespace(_transport=wire)
    gather(cast("asyncssh.SSHServerConnection", connection))
    return cast("Any", connection)._transport  # type: ignore[no-any-return]


def test_a_turn_is_one_write_and_the_next_turn_another(wire: Wire) -> None:
    async def talk() -> None:
        transport = gathered(wire)
        for packet in (b"ignore", b"success", b"data"):
            transport.write(packet)
        assert wire.told == []
        await asyncio.sleep(0)
        transport.write(b"exit")
        await asyncio.sleep(0)

    asyncio.run(talk())
    assert wire.told == [b"ignoresuccessdata", b"exit"]


def test_what_was_written_before_the_end_goes_first_and_a_cut_wire_takes_nothing(wire: Wire) -> None:
    async def talk() -> None:
        transport = gathered(wire)
        transport.write(b"goodbye")
        transport.close()
        transport.write(b"too late")
        transport.abort()
        await asyncio.sleep(0)

    asyncio.run(talk())
    assert wire.told == [b"goodbye", "closed", "cut"]
