"""Brings virtual Macs up on their wires and keeps them there until somebody ends it."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from kextrel.virtual.faults import Fault
from kextrel.virtual.machine import Machine
from kextrel.virtual.mdm.identity import about
from kextrel.virtual.spec import Endpoints, MacSpec
from kextrel.virtual.wires.keyboard import HidInjector
from kextrel.virtual.wires.relay import MAINS, RelayBoard

if TYPE_CHECKING:
    from kextrel.virtual.mdm.client import Client
    from kextrel.virtual.mdm.server import Server

__all__ = ["Place", "run", "serve"]

_KVM_USER = "admin"


def serve(specs: Sequence[MacSpec], *, faults: Sequence[Fault] = (), on_ready: Callable[[Endpoints], None]) -> None:
    """Runs the Macs in `specs`, each with `faults` besides its own, until SIGTERM or SIGINT; then returns.

    `on_ready` gets a Mac's endpoints as soon as it answers on SSH (or, without Remote Login, is up).
    """
    asyncio.run(_until_told(specs, faults, on_ready))


async def run(
    specs: Sequence[MacSpec],
    *,
    faults: Sequence[Fault] = (),
    on_ready: Callable[[Endpoints], None],
    stop: asyncio.Event,
) -> None:
    """As `serve`, inside a running event loop and until `stop` is set. A Mac that breaks down raises here."""
    broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack:
        mdm = await _mdm_server(specs, stack)
        for spec in specs:
            place = Place(spec.with_faults(tuple(faults)), broken, mdm)
            stack.push_async_callback(place.close)
            await place.start(on_ready)
        ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(stop.wait()), broken]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        ends[0].cancel()
    if broken.done():
        broken.result()
    broken.cancel()


async def _until_told(specs: Sequence[MacSpec], faults: Sequence[Fault], on_ready: Callable[[Endpoints], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(specs, faults=faults, on_ready=on_ready, stop=stop)


async def _mdm_server(specs: Sequence[MacSpec], stack: AsyncExitStack) -> Server | None:
    """The server that these Macs enroll with, for as long as `stack`; None when none of them needs it."""
    if not any(spec.enrollment != "none" and not spec.mdm_url for spec in specs):
        return None
    from kextrel.virtual.assembly import Server

    server = Server()
    stack.push_async_callback(server.close)
    await server.start()
    return server


def _break(broken: asyncio.Future[None], error: BaseException) -> None:
    if not broken.done():
        broken.set_exception(error)


class Place:
    """One place on the bench: a Mac and the boards that are wired to it. `broken` gets the error of one that fails.

    `mdm`: the server that is served with the Macs.
    """

    def __init__(self, spec: MacSpec, broken: asyncio.Future[None], mdm: Server | None = None) -> None:
        from kextrel.virtual.assembly import Parts, PiKvm

        self.machine = machine = Machine(spec, Parts())
        self._mdm = mdm
        self._client: Client | None = None
        machine.on_failure = partial(_break, broken)
        self.relay = RelayBoard(machine.rail, machine.button, machine.faults, machine.clock)
        self.injector = HidInjector(
            machine.keyboard, lambda: machine.environment != "off", machine.clock, machine.faults
        )
        self._kvm_password = secrets.token_urlsafe(12)
        self.kvm = PiKvm(machine, user=_KVM_USER, password=self._kvm_password)

    async def start(self, on_ready: Callable[[Endpoints], None]) -> None:
        """Wires it up and switches it on; `on_ready` is called once, when macOS is up."""
        await self.machine.sshd.prepare()
        await self.kvm.start()
        self._client = self._managed()
        if self._client is not None:
            self._client.when_settled(lambda: on_ready(self.endpoints()))
        else:
            self._when_up(lambda: on_ready(self.endpoints()))
        self.relay.states[MAINS] = True
        self.machine.switch_on()

    def _when_up(self, ready: Callable[[], None]) -> None:
        told = False

        def entered(environment: str) -> None:
            nonlocal told
            if environment == "macos" and not told:
                told = True
                ready()

        self.machine.watch(entered)

    def _managed(self) -> Client | None:
        """The client of a Mac that is to be managed, with its server told apart from the bench's way to it."""
        from kextrel.virtual.mdm.client import assign

        spec = self.machine.spec
        if spec.enrollment == "none":
            return None
        if spec.mdm_url or self._mdm is None:
            return assign(self.machine, spec.mdm_url, None)
        self._mdm.watch(self._mdm_id, self.machine.faults)
        return assign(self.machine, self._mdm.device_url, self._mdm.apns)

    @property
    def _mdm_id(self) -> str:
        """How the server's API names the Mac."""
        return next(iter(about(self.machine, self.machine.spec.enrollment).values()))

    def _mdm_url(self) -> str | None:
        """Where the server is, None for a Mac that is not to be managed."""
        spec = self.machine.spec
        return None if spec.enrollment == "none" else spec.mdm_url or (self._mdm.url if self._mdm else None)

    def _mdm_access(self) -> dict[str, Any] | None:
        """What a bench needs to send the Mac commands; None where the server is not ours, or there is none."""
        spec = self.machine.spec
        if spec.enrollment == "none" or spec.mdm_url or self._mdm is None:
            return None
        return {"udid": self._mdm_id, "user": self._mdm.user, "api_key": self._mdm.api_key}

    async def close(self) -> None:
        """Takes it all away."""
        await self.machine.close()
        if self._client is not None:
            await self._client.close()
        await self.kvm.close()
        self.injector.close()
        self.relay.close()
        self.machine.serial.close()

    def endpoints(self) -> Endpoints:
        """Where it answers."""
        machine, spec = self.machine, self.machine.spec
        admin, sshd = spec.administrator, machine.sshd
        return Endpoints(
            name=spec.name,
            architecture=spec.architecture,
            macos=spec.macos,
            ssh={
                "host": sshd.host,
                "port": sshd.port,
                "user": admin.name,
                "password": admin.password,
                "host_key": sshd.host_key,
            },
            console=machine.serial.path,
            relay=self.relay.port.path,
            keyboard=self.injector.port.path,
            screen={"url": self.kvm.url, "user": _KVM_USER, "password": self._kvm_password},
            mdm=self._mdm_url(),
            mdm_access=self._mdm_access(),
            accounts=tuple(
                {"name": one.name, "full_name": one.full_name, "admin": one.admin, "password": one.password}
                for one in spec.accounts
            ),
        )
