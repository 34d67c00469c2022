"""mdmclient: enrolls the Mac and does what its server asks, over HTTP with property lists.

It runs only while macOS does. It asks the server after every boot and after every push; a server that pushes nobody of
ours (one that was not started with these Macs) is asked every `POLL` wall seconds. A server that does not answer is
asked again, later and later, for as long as macOS runs. Source: Apple's device-management schema.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp

from kextrel.virtual.macos.plists import BadPlist, Plist, mapping
from kextrel.virtual.mdm.apns import Apns
from kextrel.virtual.mdm.commands import Commands
from kextrel.virtual.mdm.identity import about, described
from kextrel.virtual.mdm.signing import Identity
from kextrel.virtual.mdm.store import Enrolled
from kextrel.virtual.mdm.wire import CHECKIN, CONNECT, LIMIT, encoded

if TYPE_CHECKING:
    from kextrel.virtual.machine import Machine
    from kextrel.virtual.mdm.management import Management

__all__ = ["POLL", "TOPIC", "Client", "assign"]

log = logging.getLogger("kextrel.virtual")

TOPIC = "com.apple.mgmt.External.kextrel"
POLL = 1.0
"""Wall seconds between two questions to a server without pushes of ours."""
_TIMEOUT = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_IDLE: Plist = {"Status": "Idle"}


class _NoAnswer(Exception):
    """The server could not be reached, or said something that is no answer."""


class _Unwanted(Exception):
    """The server knows nothing of this Mac any more: HTTP 401 ends an enrollment."""


def assign(mac: Machine, url: str, apns: Apns | None) -> Client:
    """The Mac belongs to who has the server at `url`: it enrolls there when it first starts, as its MacSpec says."""
    client = Client(mac, mac.management, url, apns)
    mac.management.assigned(client, enrolls=mac.spec.enrollment != "none")
    mac.watch(client.entered)
    return client


class Client:
    """One Mac's mdmclient. `url`: where the server takes check-ins. `apns`: who brings its pushes, None for nobody."""

    def __init__(self, mac: Machine, management: Management, url: str, apns: Apns | None) -> None:
        self._mac, self._management = mac, management
        self.url, self._apns = url, apns
        self._identity = Identity(mac.spec.mdm_identity) if mac.spec.mdm_identity else None
        self._commands = Commands(mac, management, self._fetch_token)
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._http: aiohttp.ClientSession | None = None
        self._settled: list[Callable[[], None]] = []

    # -- coming and going with macOS

    def entered(self, environment: str) -> None:
        """The Mac's environment is another one."""
        if environment == "macos":
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"mdmclient {self._mac.spec.name}")
            self._task.add_done_callback(self._ended)
        else:
            self.stop()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._mac.on_failure(error)

    def stop(self) -> None:
        """Ends it, in the middle of whatever it does."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def close(self) -> None:
        """Ends it and waits until it has."""
        self.stop()
        if self._task is not None:
            await asyncio.wait([self._task])
            self._task = None

    def wake(self) -> None:
        """There is something to do."""
        self._woken.set()

    def when_settled(self, callback: Callable[[], None]) -> None:
        """Calls `callback` once: when the Mac has been enrolled and asked for commands, or has found no server."""
        self._settled.append(callback)

    # -- its work

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        limit = aiohttp.ClientTimeout(total=_TIMEOUT)
        async with aiohttp.ClientSession(timeout=limit, trust_env=False) as self._http:
            while not self._mac.going_down:
                self._woken.clear()
                try:
                    await self._turn()
                    pause, wait = _FIRST_PAUSE, POLL if self._apns is None else None
                except _NoAnswer as error:
                    log.info("mdmclient on %s: %s", self._mac.spec.name, error)
                    pause, wait = min(pause * 2, _LONGEST_PAUSE), pause
                except _Unwanted:
                    self._management.unenrolled()
                    wait = None
                self._settle()
                await self._waiting(wait)

    async def _waiting(self, seconds: float | None) -> None:
        """Until something wakes it, or for so many wall seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    def _settle(self) -> None:
        callbacks, self._settled = self._settled, []
        for callback in callbacks:
            callback()

    async def _turn(self) -> None:
        management = self._management
        if management.leaving:
            await self._check_out()
        if management.wanted and management.store.enrolled() is None:
            await self._enroll()
        enrolled = management.store.enrolled()
        if enrolled is not None:
            self._listen(enrolled)
            await self._serve(enrolled)

    async def _serve(self, enrolled: Enrolled) -> None:
        """Asks for commands and answers them until there is none left."""
        report = _IDLE
        self._commands.unheard()
        while True:
            content = {**about(self._mac, enrolled.kind), **report}
            answer = await self._put(enrolled.url, CONNECT, content)
            if report.get("Status") == "Acknowledged":
                self._commands.acknowledged()
            if not answer or self._management.store.enrolled() is None:
                return
            report = await self._commands.perform(answer)

    def _listen(self, enrolled: Enrolled) -> None:
        def wake(magic: str) -> None:
            if magic == enrolled.magic:
                self.wake()

        if self._apns is not None:
            self._apns.register(enrolled.token, wake)

    # -- check-in

    async def _enroll(self) -> None:
        kind = self._mac.spec.enrollment
        enrolled = Enrolled(kind, self.url, TOPIC, secrets.token_urlsafe(18), secrets.token_bytes(32))
        who = {**about(self._mac, kind), "Topic": TOPIC}
        await self._check_in("Authenticate", {**who, **described(self._mac, kind)})
        tokens = {"Token": enrolled.token, "PushMagic": enrolled.magic, "AwaitingConfiguration": False}
        self._listen(enrolled)
        await self._check_in("TokenUpdate", {**who, **tokens})
        if self._mac.spec.escrows:
            token = self._bootstrap_token()
            await self._check_in("SetBootstrapToken", {**about(self._mac, kind), "BootstrapToken": token})
        self._management.enrolled(replace(enrolled, escrowed=self._mac.spec.escrows))

    def _bootstrap_token(self) -> bytes:
        """A new one. On Apple silicon the Secure Enclave knows it, and takes it in place of a person's password."""
        silicon = self._mac.spec.architecture == "apple-silicon"
        return self._mac.sep.escrow() if silicon else secrets.token_bytes(32)

    async def _check_out(self) -> None:
        """Tells the server that the Mac leaves it; a server that does not hear it is left all the same."""
        kind, self._management.leaving = self._management.leaving, ""
        await self._check_in("CheckOut", {**about(self._mac, kind), "Topic": TOPIC})

    async def _check_in(self, message: str, content: dict[str, Any]) -> Plist:
        return await self._put(self.url, CHECKIN, {"MessageType": message, **content})

    async def _fetch_token(self) -> bytes | None:
        """The bootstrap token as the server keeps it."""
        enrolled = self._management.store.enrolled()
        if enrolled is None or not enrolled.escrowed:
            return None
        answer = await self._check_in("GetBootstrapToken", about(self._mac, enrolled.kind))
        token = answer.get("BootstrapToken")
        return token if isinstance(token, bytes) else None

    def _headers(self, kind: str, body: bytes) -> dict[str, str]:
        signed = {"Mdm-Signature": self._identity.signature(body)} if self._identity is not None else {}
        return {"Content-Type": kind, "User-Agent": "MDM-OSX/1.0 mdmclient/1", **signed}

    async def _put(self, url: str, kind: str, content: dict[str, Any]) -> Plist:
        """One request; the property list in its answer, {} for none."""
        if self._http is None:
            raise _NoAnswer("mdmclient does not run")
        sent = encoded(content)
        with self._mac.clock.busy():
            try:
                async with self._http.put(
                    url, data=sent, headers=self._headers(kind, sent), allow_redirects=False
                ) as answer:
                    body = await answer.content.read(LIMIT + 1)
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                raise _NoAnswer(f"{url} does not answer: {error}") from error
        if status == 401:
            raise _Unwanted
        if status != 200:
            raise _NoAnswer(f"{url} answers {status} to {content.get('MessageType') or content.get('Status')}")
        try:
            return mapping(body) if body.strip() else {}
        except BadPlist as error:
            raise _NoAnswer(f"{url} answers what is no property list: {error}") from error
