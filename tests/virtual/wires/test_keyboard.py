from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from kextrel.virtual.clock import Clock
from kextrel.virtual.faults import Fault, Faults
from kextrel.virtual.wires.keyboard import HidInjector

COMMAND_R = bytes.fromhex("57AB00020808001500000000 0029")
RELEASE = bytes.fromhex("57AB000208" + "00" * 8 + "0C")
LEFT_COMMAND, R, SHIFT = 0xE3, 0x15, 0xE1


def frame(command: int, data: bytes, *, address: int = 0) -> bytes:
    head = bytes([0x57, 0xAB, address, command, len(data)]) + data
    return head + bytes([sum(head) & 0xFF])


class Desk:
    """An injector, what the Mac saw of it, and a client that stays connected."""

    def __init__(self, *faults: str) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.connected = True
        self.clock = Clock()
        self.injector = HidInjector(self, lambda: self.connected, self.clock, Faults(map(Fault.parse, faults)))
        self._port = os.open(self.injector.port.path, os.O_RDWR | os.O_NOCTTY)

    def key(self, down: bool, usage: int, modifiers: int) -> None:
        self.seen.append((down, usage, modifiers))

    def pointer(self, x: int, y: int, buttons: int) -> None:
        self.seen.append(("pointer", x, y, buttons))

    async def answer(self) -> bytes:
        """One whole frame."""
        head = await self._read(5)
        return head + await self._read(head[4] + 1)

    async def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            read = asyncio.get_running_loop().run_in_executor(None, os.read, self._port, count - len(data))
            data += await asyncio.wait_for(read, 30)
        return data

    async def ask(self, data: bytes) -> bytes:
        os.write(self._port, data)
        return await self.answer()

    def close(self) -> None:
        os.close(self._port)
        self.injector.close()


def tell(story: Callable[[Desk], Any], *faults: str) -> None:
    async def whole() -> None:
        desk = Desk(*faults)
        try:
            await story(desk)
        finally:
            desk.close()

    asyncio.run(whole())


def test_keys_go_down_and_up_with_their_modifiers():
    async def story(desk: Desk) -> None:
        assert await desk.ask(COMMAND_R) == bytes.fromhex("57AB0082010085")
        assert desk.seen == [(True, LEFT_COMMAND, 8), (True, R, 8)]
        assert not desk.clock.jumping
        assert await desk.ask(RELEASE) == bytes.fromhex("57AB0082010085")
        assert desk.seen[2:] == [(False, R, 0), (False, LEFT_COMMAND, 0)]
        assert desk.clock.jumping

    tell(story)


def test_keys_that_are_lost_are_taken_and_none_stays_down():
    async def story(desk: Desk) -> None:
        ok = bytes.fromhex("57AB0082010085")
        assert [await desk.ask(COMMAND_R) for _ in range(2)] == [ok, ok]
        assert desk.seen == [(True, LEFT_COMMAND, 8), (True, R, 8), (False, R, 0), (False, LEFT_COMMAND, 0)]
        assert desk.clock.jumping
        assert [await desk.ask(one) for one in (RELEASE, COMMAND_R)] == [ok, ok]
        assert len(desk.seen) == 4

    tell(story, "keys-lost@2")


def test_only_what_changed_is_an_event():
    async def story(desk: Desk) -> None:
        await desk.ask(frame(2, bytes([2, 0, 4, 0, 0, 0, 0, 0])))
        await desk.ask(frame(2, bytes([2, 0, 4, 5, 0, 0, 0, 0])))
        assert desk.seen == [(True, SHIFT, 2), (True, 4, 2), (True, 5, 2)]

    tell(story)


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (COMMAND_R[:-1] + b"\x00", (0xC2, 0xE4)),
        (frame(0x42, b""), (0xC0 | 0x42, 0xE3)),
        (frame(2, bytes(7)), (0xC2, 0xE5)),
        (frame(2, bytes([0, 1]) + bytes(6)), (0xC2, 0xE5)),
        (frame(4, bytes([1]) + bytes(6)), (0xC4, 0xE5)),
        (frame(4, bytes([2, 0, 0, 0x10, 0, 0, 0])), (0xC4, 0xE5)),
        (b"\x57\xab\x00\x02\xff", (0xC2, 0xE5)),
        (COMMAND_R[:9], (0xC2, 0xE1)),
        (b"\x57", (0xC0, 0xE1)),
        (b"hello", (0xC0, 0xE2)),
    ],
    ids=[
        "sum",
        "command",
        "short",
        "reserved",
        "mouse-mode",
        "mouse-far",
        "length",
        "unfinished",
        "half-head",
        "noise",
    ],
)
def test_a_frame_that_is_wrong_is_refused_with_its_code_and_does_nothing(sent, answered):
    async def story(desk: Desk) -> None:
        assert await desk.ask(sent) == frame(answered[0], bytes([answered[1]]))
        assert desk.seen == []
        assert await desk.ask(COMMAND_R) == frame(0x82, b"\x00")

    tell(story)


def test_noise_before_a_frame_is_refused_and_the_frame_taken():
    async def story(desk: Desk) -> None:
        assert await desk.ask(b"\x00\x57\x00" + COMMAND_R) == frame(0xC0, b"\xe2")
        assert await desk.answer() == frame(0x82, b"\x00")
        assert len(desk.seen) == 2

    tell(story)


def test_a_frame_may_come_in_pieces():
    async def story(desk: Desk) -> None:
        for byte in COMMAND_R:
            desk.injector.received(bytes([byte]))
        assert await desk.answer() == frame(0x82, b"\x00")
        assert len(desk.seen) == 2

    tell(story)


def test_information_says_version_and_whether_a_mac_is_there():
    async def story(desk: Desk) -> None:
        assert await desk.ask(frame(1, b"")) == frame(0x81, bytes([0x30, 1, 0, 0, 0, 0, 0, 0]))
        desk.connected = False
        assert await desk.ask(frame(1, b"")) == frame(0x81, bytes([0x30, 0, 0, 0, 0, 0, 0, 0]))

    tell(story)


def test_without_a_mac_keys_are_not_taken_but_all_up_is():
    async def story(desk: Desk) -> None:
        desk.connected = False
        assert await desk.ask(COMMAND_R) == frame(0xC2, b"\xe6")
        assert await desk.ask(RELEASE) == frame(0x82, b"\x00")
        assert desk.seen == []

    tell(story)


def test_the_mouse_is_told_of():
    async def story(desk: Desk) -> None:
        position = bytes([2, 1]) + (4095).to_bytes(2, "little") + (7).to_bytes(2, "little") + b"\x00"
        assert await desk.ask(frame(4, position)) == frame(0x84, b"\x00")
        assert await desk.ask(frame(5, bytes([1, 0, 1, 1, 0]))) == frame(0x85, b"\x00")
        assert desk.seen == [("pointer", 4095, 7, 1)]

    tell(story)


def test_a_reset_lets_go_of_every_key():
    async def story(desk: Desk) -> None:
        await desk.ask(COMMAND_R)
        assert await desk.ask(frame(0x0F, b"")) == frame(0x8F, b"\x00")
        assert desk.seen[2:] == [(False, R, 0), (False, LEFT_COMMAND, 0)]
        assert desk.clock.jumping

    tell(story)


def test_a_broadcast_is_done_and_not_answered():
    async def story(desk: Desk) -> None:
        both = frame(2, COMMAND_R[5:-1], address=0xFF) + frame(1, b"")
        assert await desk.ask(both) == frame(0x81, bytes([0x30, 1, 0, 0, 0, 0, 0, 0]))
        assert len(desk.seen) == 2

    tell(story)
