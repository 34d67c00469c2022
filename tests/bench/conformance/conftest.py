"""Peers for the suites of kextrel.testing: virtual Macs on their own wires, and virtual boards without a Mac."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from kextrel.bench.power import RelayPower
from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Login
from kextrel.evidence import EvidenceLog
from kextrel.testing.patience import Patient
from kextrel.timing import Deadline
from kextrel.virtual.clock import Clock
from kextrel.virtual.faults import Faults
from kextrel.virtual.mdm.identity import about
from kextrel.virtual.service import run
from kextrel.virtual.spec import Endpoints, MacSpec
from kextrel.virtual.wires.keyboard import HidInjector
from kextrel.virtual.wires.relay import RelayBoard

Patient.patience = 120.0  # pyserial takes RFC 2217 byte by byte, and a busy machine its time for that


class Changes:
    """What happened on a thread, for those who wait on another."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self._changed = threading.Condition()

    def add(self, change: Any) -> None:
        with self._changed:
            self.seen.append(change)
            self._changed.notify_all()

    def after(self, count: int) -> list[Any]:
        """All of them, once there are `count`."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.seen) >= count, 30), self.seen
            return list(self.seen)


class Contacts:
    """One relay's contacts."""

    def __init__(self) -> None:
        self.changes = Changes()

    def switch(self, on: bool, /) -> None:
        self.changes.add(on)


class Keys:
    """The Mac's USB side: what is down after each event, as (modifier byte, usages)."""

    def __init__(self) -> None:
        self.changes = Changes()
        self._down: set[int] = set()

    def key(self, down: bool, usage: int, modifiers: int) -> None:
        (self._down.add if down else self._down.discard)(usage)
        bits = sum(1 << usage - 0xE0 for usage in self._down if usage >= 0xE0)
        self.changes.add((bits, frozenset(usage for usage in self._down if usage < 0xE0)))

    def pointer(self, x: int, y: int, buttons: int) -> None:
        self.changes.add(("pointer", x, y, buttons))


class Bench:
    """An event loop on a thread of its own, with the virtual Mac's boards on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._boards: list[Any] = []
        self._running: list[Future[None]] = []
        self._stop: asyncio.Event | None = None

    def make(self, board: Callable[[], Any]) -> Any:
        """What `board()` makes in the loop; it is taken away at the end."""

        async def made() -> Any:
            return board()

        self._boards.append(asyncio.run_coroutine_threadsafe(made(), self._loop).result(30))
        return self._boards[-1]

    def serve(self, spec: MacSpec) -> Endpoints:
        """Runs a virtual Mac in the loop until the end; where it answers, once it does."""
        ready: Future[Endpoints] = Future()

        async def story() -> None:
            self._stop = self._stop or asyncio.Event()
            await run([spec], on_ready=ready.set_result, stop=self._stop)

        running = asyncio.run_coroutine_threadsafe(story(), self._loop)
        self._running.append(running)
        wait([ready, running], 120, FIRST_COMPLETED)
        if running.done():
            running.result()  # why it ended before it was ready
        return ready.result(0)

    def wait_for(self, story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What `story()` comes to in the loop."""
        return asyncio.run_coroutine_threadsafe(story(), self._loop).result(30)

    def close(self) -> None:
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        for running in self._running:
            running.result(30)
        for board in self._boards:
            self.wait_for(partial(_closed, board))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


async def _closed(board: Any) -> None:
    """Some boards must be waited for."""
    ending = board.close()
    if ending is not None:
        await ending


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


class OnMains:
    """A virtual Mac on the loop of a Bench, a shell that has met it, and its mains."""

    def __init__(self, bench: Bench, spec: MacSpec) -> None:
        self.spec = spec
        self.udid = next(iter(about(SimpleNamespace(spec=spec), spec.enrollment).values()))
        self.line: dict[str, Any] = bench.serve(spec).as_dict()
        self.shell = self.another_shell()
        self.shell.wait_for_boot(deadline=Deadline.after(60))

    def another_shell(self, host_key: str = "") -> SshShell:
        """One that was told that host key, the Mac's own where none is given."""
        ssh, admin = self.line["ssh"], self.spec.administrator
        login = Login(admin.name, password=admin.password)
        keys = [host_key or ssh["host_key"]]
        return SshShell("mini.shell", ssh["host"], ssh["port"], login, keys, EvidenceLog())

    def off(self) -> None:
        with closing(self._mains()) as mains:
            mains.off(deadline=Deadline.after(60))
        self.shell.wait_until_gone(deadline=Deadline.after(60))

    def on(self) -> None:
        with closing(self._mains()) as mains:
            mains.on(deadline=Deadline.after(60))

    def _mains(self) -> RelayPower:
        """Opened when it is needed: a run that a test starts wants the port for itself."""
        return RelayPower("mini.power", self.line["relay"], 1, EvidenceLog())


@pytest.fixture(scope="module")
def virtual_mac_of() -> Iterator[Callable[[MacSpec], OnMains]]:
    """Runs the virtual Mac of a spec: `virtual_mac_of(MacSpec("mini", prepared=True))`."""
    bench, macs = Bench(), list[OnMains]()

    def made(spec: MacSpec) -> OnMains:
        macs.append(OnMains(bench, spec))
        return macs[-1]

    yield made
    for mac in macs:
        mac.shell.close()
    bench.close()


class VirtualRelays:
    """The virtual Mac's relay board: `told(channel)` is what a channel's contacts were told."""

    def __init__(self, bench: Bench) -> None:
        self._contacts = {1: Contacts(), 2: Contacts()}
        self._board = bench.make(lambda: RelayBoard(self._contacts[1], self._contacts[2], Faults(), Clock()))
        self._asked = 0
        self.port: str = self._board.port.path

    def told(self, channel: int) -> list[bool]:
        """Waits for what is under way: frames are carried out in order, so a last one for the other channel tells."""
        self._asked += 1
        other = 3 - channel
        frame = bytes([0xA0, other, 0, 0xA0 + other])
        descriptor = os.open(self.port, os.O_WRONLY | os.O_NOCTTY)
        os.write(descriptor, frame)
        os.close(descriptor)
        self._contacts[other].changes.after(self._asked)
        return list(self._contacts[channel].changes.seen)


@pytest.fixture
def virtual_relays(bench: Bench) -> VirtualRelays:
    return VirtualRelays(bench)


class VirtualInjector:
    """The virtual Mac's USB-HID board, and what arrives behind it."""

    def __init__(self, bench: Bench) -> None:
        self.keys = Keys()
        self._board = bench.make(lambda: HidInjector(self.keys, lambda: True, Clock()))
        self.port: str = self._board.port.path


@pytest.fixture
def virtual_injector(bench: Bench) -> VirtualInjector:
    return VirtualInjector(bench)
