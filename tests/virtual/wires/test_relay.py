from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kextrel.virtual.clock import Clock
from kextrel.virtual.faults import Fault, Faults
from kextrel.virtual.wires.relay import RelayBoard

MAINS_ON, MAINS_OFF = bytes.fromhex("A00101A2"), bytes.fromhex("A00100A1")
PRESS, RELEASE = bytes.fromhex("A00201A3"), bytes.fromhex("A00200A2")


class Contact:
    def __init__(self, name: str, log: asyncio.Queue[tuple[str, bool, float]]) -> None:
        self.name, self.log = name, log

    def switch(self, on: bool) -> None:
        self.log.put_nowait((self.name, on, asyncio.get_running_loop().time()))


class Bench:
    """A relay board and a client of its port."""

    def __init__(self, *faults: str) -> None:
        self.log: asyncio.Queue[tuple[str, bool, float]] = asyncio.Queue()
        known = Faults(Fault.parse(fault) for fault in faults)
        self.board = RelayBoard(Contact("mains", self.log), Contact("button", self.log), known, Clock())

    def send(self, data: bytes) -> None:
        """Opens the port, writes and closes it again, as a careless client does."""
        port = os.open(self.board.port.path, os.O_RDWR | os.O_NOCTTY)
        os.write(port, data)
        os.close(port)

    async def switched(self) -> tuple[str, bool]:
        return (await asyncio.wait_for(self.log.get(), 30))[:2]


Story = Callable[[Bench], Coroutine[Any, Any, None]]


def tell(story: Story, *faults: str) -> None:
    async def whole() -> None:
        bench = Bench(*faults)
        try:
            await story(bench)
        finally:
            bench.board.close()

    asyncio.run(whole())


def test_frames_switch_their_channel():
    async def story(bench: Bench) -> None:
        for frame, expected in [(MAINS_ON, ("mains", True)), (PRESS, ("button", True)), (RELEASE, ("button", False))]:
            bench.send(frame)
            assert await bench.switched() == expected
        bench.send(MAINS_OFF)
        assert await bench.switched() == ("mains", False)
        assert bench.board.states == {1: False, 2: False}

    tell(story)


@pytest.mark.parametrize(
    "noise",
    ["00", "A00201", "A0020100", "A00201A2", "A00301A4", "A00202A4", "A00001A1", "5A", "A0A0A0", "57AB00"],
    ids=[
        "zero",
        "cut",
        "bad-sum",
        "off-by-one",
        "channel-3",
        "state-2",
        "channel-0",
        "other-board",
        "heads",
        "keyboard",
    ],
)
def test_noise_switches_nothing_and_the_next_frame_counts(noise):
    async def story(bench: Bench) -> None:
        bench.send(bytes.fromhex(noise))
        bench.send(MAINS_ON)
        assert await bench.switched() == ("mains", True)
        assert bench.log.empty()

    tell(story)


def test_a_frame_may_come_in_pieces():
    async def story(bench: Bench) -> None:
        for byte in PRESS[:3]:
            bench.board.received(bytes([byte]))
        assert bench.log.empty()
        bench.board.received(PRESS[3:])
        assert await bench.switched() == ("button", True)

    tell(story)


def test_two_frames_read_at_once_are_as_far_apart_as_the_line_has_them():
    async def story(bench: Bench) -> None:
        bench.send(PRESS + RELEASE)
        _, pressed, began = await asyncio.wait_for(bench.log.get(), 30)
        _, released, ended = await asyncio.wait_for(bench.log.get(), 30)
        assert (pressed, released) == (True, False)
        assert ended - began >= 4 * 10 / 9600 - 0.001

    tell(story)


def test_the_query_is_answered_in_text():
    async def story(bench: Bench) -> None:
        bench.send(MAINS_ON)
        assert await bench.switched() == ("mains", True)
        port = os.open(bench.board.port.path, os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(port, b"\xff")
            loop = asyncio.get_running_loop()
            answer = await asyncio.wait_for(loop.run_in_executor(None, os.read, port, 100), 30)
        finally:
            os.close(port)
        assert answer == b"CH1:ON \r\nCH2:OFF \r\n"

    tell(story)


def test_a_stuck_relay_takes_frames_and_leaves_the_button_open():
    async def story(bench: Bench) -> None:
        bench.send(PRESS)
        assert await bench.switched() == ("button", True)
        bench.send(MAINS_OFF)
        assert await bench.switched() == ("button", False)
        bench.send(PRESS)
        while not bench.board.states[2] or bench.board.states[1]:
            await asyncio.sleep(0)
        assert bench.log.empty()
        assert bench.board.states == {1: False, 2: True}

    tell(story, "relay-stuck@2")


def test_contacts_that_slip_open_too_early_and_only_those_of_the_button():
    async def story(bench: Bench) -> None:
        for frame in (MAINS_ON, PRESS, RELEASE, PRESS):
            bench.send(frame)
        switched = [await bench.switched() for _ in range(5)]
        assert switched == [("mains", True), *[("button", on) for on in (True, False, True, False)]]
        assert bench.board.states == {1: True, 2: True}

    tell(story, "button-short@2")
