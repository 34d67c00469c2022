"""A server and Macs that enroll with it, on the loopback; the Macs have no other wires."""

from __future__ import annotations

import asyncio
import base64
import plistlib
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from kextrel.virtual.machine import Machine
from kextrel.virtual.mdm.client import assign
from kextrel.virtual.mdm.identity import about
from kextrel.virtual.mdm.server import Server
from kextrel.virtual.spec import MacSpec
from offline import Offline

KEXTS = "com.apple.syspolicy.kernel-extension-policy"
SYSTEM_EXTENSIONS = "com.apple.system-extension-policy"


def profile(identifier: str = "com.example.policy", *payloads: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A profile of those payloads, each completed with the common keys."""
    inside = [
        {"PayloadIdentifier": f"{identifier}.{number}", "PayloadUUID": f"U-{number}", "PayloadVersion": 1, **payload}
        for number, payload in enumerate(payloads)
    ]
    top = {"PayloadIdentifier": identifier, "PayloadUUID": "U", "PayloadType": "Configuration", "PayloadVersion": 1}
    return {**top, "PayloadContent": inside, **keys}


class Office:
    """A server, what its webhook told, and Macs."""

    def __init__(self) -> None:
        self.server = Server()
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._arrived = asyncio.Event()
        self._macs: list[Machine] = []
        self._number = 0

    async def start(self) -> None:
        await self.server.start()
        application = web.Application()
        application.router.add_post("/hook", self._event)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.hook = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        key = base64.b64encode(f"nanomdm:{self.server.api_key}".encode()).decode()
        self.http = aiohttp.ClientSession(headers={"Authorization": f"Basic {key}"})
        assert (await self.ask("PUT", "/v1/webhook", json={"url": self.hook}))[0] == 204

    async def close(self) -> None:
        for mac in self._macs:
            await mac.close()
            if mac.management.client is not None:
                await mac.management.client.close()
        await self.http.close()
        await self.server.close()
        await self._runner.cleanup()

    async def _event(self, request: web.Request) -> web.Response:
        self.events.append(await request.json())
        self.headers.append(dict(request.headers))
        self._arrived.set()
        return web.Response()

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        async with self.http.request(method, self.server.url + path, **more) as answer:
            return answer.status, await answer.text()

    async def until(self, done: Callable[[], Any]) -> Any:
        """What `done` gives as soon as it gives something; looks at every event, and every now and then."""
        async with asyncio.timeout(20):
            while not (found := done()):
                self._arrived.clear()
                await asyncio.sleep(0.005)
            return found

    async def mac(self, enrollment: str = "device", *, url: str = "", **fields: Any) -> Machine:
        """A Mac that is up, enrolled and has asked once."""
        spec = MacSpec("mini", prepared=True, enrollment=enrollment, **fields)
        machine = Machine(spec, Offline())
        self._macs.append(machine)
        settled = asyncio.Event()
        self.server.watch(self.name(machine), machine.faults)
        apns = None if url else self.server.apns
        assign(machine, url or self.server.device_url, apns).when_settled(settled.set)
        machine.switch_on()
        async with asyncio.timeout(20):
            await settled.wait()
        return machine

    def name(self, mac: Machine) -> str:
        return next(iter(about(mac, mac.spec.enrollment).values()))

    async def up(self, mac: Machine) -> None:
        """Until macOS runs and nothing is under way."""
        await self.until(lambda: mac.environment == "macos" and not mac.going_down)

    async def send(self, mac: Machine, kind: str, *, push: bool = True, **keys: Any) -> str:
        """Queues a command; its UUID."""
        self._number += 1
        uuid = f"C-{self._number}"
        body = plistlib.dumps({"CommandUUID": uuid, "Command": {"RequestType": kind, **keys}})
        status, text = await self.ask("PUT", f"/v1/enqueue/{self.name(mac)}" + ("" if push else "?nopush=1"), data=body)
        assert status == 200, text
        return uuid

    def reports(self, uuid: str) -> list[dict[str, Any]]:
        """The property lists that the Mac reported about a command."""
        found = [one["acknowledge_event"] for one in self.events if one["topic"] == "mdm.Connect"]
        return [
            plistlib.loads(base64.b64decode(one["raw_payload"])) for one in found if one.get("command_uuid") == uuid
        ]

    async def done(self, mac: Machine, kind: str, **keys: Any) -> dict[str, Any]:
        """Sends a command and waits for the first report about it."""
        uuid = await self.send(mac, kind, **keys)
        reports = await self.until(lambda: self.reports(uuid))
        first: dict[str, Any] = reports[0]
        return first

    async def install(self, mac: Machine, content: dict[str, Any]) -> dict[str, Any]:
        return await self.done(mac, "InstallProfile", Payload=plistlib.dumps(content))


@pytest.fixture
def office() -> Callable[[Callable[[Office], Awaitable[None]]], None]:
    """Plays a story in an office: `office(story)`."""

    def play(story: Callable[[Office], Awaitable[None]]) -> None:
        async def run() -> None:
            place = Office()
            await place.start()
            try:
                async with asyncio.timeout(30):
                    await story(place)
            finally:
                await place.close()

        asyncio.run(run())

    return play


@pytest.fixture
def make_profile() -> Callable[..., dict[str, Any]]:
    return profile
