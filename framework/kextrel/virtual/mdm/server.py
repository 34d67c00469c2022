"""A small MDM server with NanoMDM's API, for the Macs of one `serve`: real HTTP on the loopback.

    PUT  /mdm                 devices: check-in and connect, told apart by Content-Type (also at /checkin)
    PUT  /v1/enqueue/ID[,ID]  a command's property list; `?nopush=1` tells the Mac nothing
    PUT  /v1/push/ID[,ID]     (or GET) tells Macs to ask for commands
    GET  /v1/queue/ID         what waits for a Mac; DELETE /v1/queue/ID[,ID] forgets it
    PUT  /v1/webhook          {"url": …, "hmac_key": …}: events go there; DELETE takes it back. Ours: NanoMDM has a flag
    GET  /version

The API wants HTTP Basic, user `nanomdm`. Sources: NanoMDM, http/api and api; Apple's schema for check-in messages.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ipaddress
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from aiohttp import web

from kextrel.virtual.macos.plists import BadPlist, Plist, mapping, text
from kextrel.virtual.mdm.apns import Apns
from kextrel.virtual.mdm.queue import Command, Device
from kextrel.virtual.mdm.webhook import Webhooks, event
from kextrel.virtual.mdm.wire import CHECKIN, LIMIT, encoded
from kextrel.virtual.wires.loopback import Loopback

__all__ = ["LATE", "USER", "Server"]

USER = "nanomdm"
LATE = 4.0
"""Wall seconds by which `mdm-late` holds an answer back."""
_VERSION = "v0.8.0"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Faults(Protocol):
    """The faults of the wire between the bench and this server, for one Mac."""

    def strikes(self, name: str) -> bool: ...
    def active(self, name: str) -> bool: ...


class _Cut(Exception):
    """The connection ends without an answer."""


class Server:
    """One server on 127.0.0.1, on a port that the system chooses; `url` is there after `start`.

    `user`: who its API wants, with the `api_key`.
    """

    user = USER

    def __init__(self) -> None:
        self.api_key = secrets.token_urlsafe(24)
        self.apns = Apns()
        self.devices: dict[str, Device] = {}
        self.webhooks = Webhooks()
        self._faults: dict[str, Faults] = {}
        self._server = Loopback()

    @property
    def url(self) -> str:
        """Where it answers; "" before `start`."""
        return self._server.url

    @property
    def device_url(self) -> str:
        """Where Macs check in."""
        return f"{self.url}/mdm"

    def watch(self, identifier: str, faults: Faults) -> None:
        """What the bench does to the Mac of that enrollment ID passes by `faults`."""
        self._faults[identifier] = faults

    async def start(self) -> None:
        """Listens."""
        application = web.Application(client_max_size=LIMIT, middlewares=[self._guarded])
        routes = [web.put(path, self._device) for path in ("/mdm", "/checkin")]
        routes += [web.route(method, "/v1/enqueue/{ids}", self._enqueue) for method in ("PUT", "POST")]
        routes += [web.route(method, "/v1/push/{ids}", self._push) for method in ("PUT", "POST", "GET")]
        routes += [web.get("/v1/queue/{ids}", self._queue), web.delete("/v1/queue/{ids}", self._clear)]
        routes += [web.route(method, "/v1/webhook", self._webhook) for method in ("PUT", "DELETE")]
        routes += [web.get("/version", self._version)]
        application.add_routes(routes)
        await self._server.open(application)

    async def close(self) -> None:
        """Takes it away. Harmless the second time."""
        await self.webhooks.close()
        await self._server.close()

    # -- every request

    @web.middleware
    async def _guarded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            if request.path.startswith("/v1/"):
                self._authorise(request)
            return await handler(request)
        except BadPlist as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        except _Cut:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)

    def _authorise(self, request: web.Request) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            words = base64.b64decode(given, validate=True) if scheme.lower() == "basic" else b""
        except binascii.Error:
            words = b""
        if not hmac.compare_digest(words, f"{USER}:{self.api_key}".encode()):
            raise web.HTTPUnauthorized(text="Unauthorized\n", headers={"WWW-Authenticate": 'Basic realm="nanomdm"'})

    async def _version(self, _request: web.Request) -> web.Response:
        if self._faults and all(faults.active("mdm-down") for faults in self._faults.values()):
            raise _Cut
        return web.json_response({"version": _VERSION})

    # -- the API

    def _addressed(self, request: web.Request) -> list[str]:
        """The enrollment IDs of a request; one of a Mac whose way here is broken gets no answer at all."""
        identifiers = request.match_info["ids"].split(",")
        for one in identifiers:
            faults = self._faults.get(one)
            if faults is not None:
                faults.strikes("mdm-late")
                if faults.strikes("mdm-down"):
                    raise _Cut
        return identifiers

    async def _enqueue(self, request: web.Request) -> web.Response:
        identifiers = self._addressed(request)
        body = await request.read()
        try:
            command = Command.parse(body)
        except BadPlist as error:
            return _result({"command_error": f"decoding command: {error}"}, 500)
        status: dict[str, dict[str, str]] = {one: {} for one in identifiers}
        for one in identifiers:
            try:
                self._device_of(one).enqueue(Command(command.uuid, command.request_type, body))
            except (LookupError, OverflowError) as error:
                status[one]["command_error"] = str(error.args[0])
        told = {"command_uuid": command.uuid, "request_type": command.request_type}
        if request.query.get("nopush", ""):
            return _reported({"no_push": True, **told}, status, silent=True)
        return _reported(told, self._pushed(status))

    async def _push(self, request: web.Request) -> web.Response:
        return _reported({}, self._pushed({one: {} for one in self._addressed(request)}))

    async def _queue(self, request: web.Request) -> web.Response:
        waiting = [
            one for name in self._addressed(request) if name in self.devices for one in self.devices[name].commands
        ]
        rows = [{"command_uuid": one.uuid, "request_type": one.request_type} for one in waiting]
        return _result({"commands": rows}, 200)

    async def _clear(self, request: web.Request) -> web.Response:
        for one in self._addressed(request):
            if one in self.devices:
                self.devices[one].commands.clear()
        return web.Response(status=204)

    def _pushed(self, status: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for one, result in status.items():
            try:
                device = self._device_of(one)
                result["push_result"] = self.apns.push(device.token or b"", device.magic)
            except LookupError as error:
                result["push_error"] = str(error.args[0])
        return status

    def _device_of(self, identifier: str) -> Device:
        device = self.devices.get(identifier)
        if device is None or device.token is None:
            raise LookupError(f"enrollment {identifier!r} is not known or not enabled")
        return device

    async def _webhook(self, request: web.Request) -> web.Response:
        try:
            wanted = await request.json()
            url, key = wanted["url"], wanted.get("hmac_key", "")
            if not (isinstance(url, str) and isinstance(key, str) and _loopback(url)):
                raise ValueError("url is not an http URL on this computer's loopback")
            if request.method == "DELETE":
                self.webhooks.remove(url)
            else:
                self.webhooks.add(url, key.encode())
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            raise web.HTTPBadRequest(text=f'a webhook is {{"url": "http://127.0.0.1:…"}}: {error}\n') from error
        return web.Response(status=204)

    # -- devices

    async def _device(self, request: web.Request) -> web.Response:
        body = await request.read()
        content = mapping(body)
        identifier = text(content, "UDID") or text(content, "EnrollmentID")
        if not identifier:
            raise BadPlist("neither UDID nor EnrollmentID is given")
        if request.content_type == CHECKIN:
            return self._checkin(identifier, content, body)
        return self._connect(identifier, content, body)

    def _checkin(self, identifier: str, content: Plist, raw: bytes) -> web.Response:
        kind = text(content, "MessageType")
        handlers: Mapping[str, Callable[[Device, Plist], dict[str, Any]]] = {
            "Authenticate": _authenticate,
            "TokenUpdate": _token_update,
            "CheckOut": _check_out,
            "SetBootstrapToken": _set_bootstrap_token,
            "GetBootstrapToken": _get_bootstrap_token,
        }
        if kind not in handlers:
            raise BadPlist(f"MessageType {kind!r} is not known")
        if kind != "Authenticate" and identifier not in self.devices:
            raise BadPlist(f"{kind} of an enrollment that did not authenticate")
        answer = handlers[kind](self.devices.setdefault(identifier, Device()), content)
        extra = answer.pop("event", {})
        self.webhooks.tell(event(f"mdm.{kind}", "checkin_event", {**_names(content), **extra}, raw))
        return web.Response(body=encoded(answer) if answer else b"", content_type="application/xml")

    def _connect(self, identifier: str, content: Plist, raw: bytes) -> web.Response:
        device = self.devices.get(identifier)
        if device is None or device.token is None:
            raise BadPlist("a report of an enrollment that did not send its token")
        status = text(content, "Status")
        told = {**_names(content), "status": status}
        if text(content, "CommandUUID"):
            told["command_uuid"] = text(content, "CommandUUID")
        self.webhooks.tell(event("mdm.Connect", "acknowledge_event", told, raw), due=self._due(identifier))
        command = device.answered(content)
        return web.Response(body=command.raw if command else b"", content_type="application/xml")

    def _due(self, identifier: str) -> float:
        """When the bench may hear of an answer, in the event loop's time."""
        faults = self._faults.get(identifier)
        late = faults is not None and faults.active("mdm-late")
        return asyncio.get_running_loop().time() + LATE if late else 0.0


def _names(content: Plist) -> dict[str, str]:
    known = {"udid": text(content, "UDID"), "enrollment_id": text(content, "EnrollmentID")}
    return {name: value for name, value in known.items() if value}


def _authenticate(device: Device, _content: Plist) -> dict[str, Any]:
    device.forget()
    return {}


def _token_update(device: Device, content: Plist) -> dict[str, Any]:
    token, magic = content.get("Token"), text(content, "PushMagic")
    if not isinstance(token, bytes) or not token or not magic:
        raise BadPlist("a TokenUpdate has Token and PushMagic")
    device.token, device.magic = token, magic
    device.updates += 1
    return {"event": {"token_update_tally": device.updates}}


def _check_out(device: Device, _content: Plist) -> dict[str, Any]:
    device.forget()
    return {}


def _set_bootstrap_token(device: Device, content: Plist) -> dict[str, Any]:
    token = content.get("BootstrapToken")
    device.bootstrap_token = token if isinstance(token, bytes) and token else None
    return {}


def _get_bootstrap_token(device: Device, _content: Plist) -> dict[str, Any]:
    return {"BootstrapToken": device.bootstrap_token} if device.bootstrap_token else {}


def _reported(told: dict[str, Any], status: dict[str, dict[str, str]], *, silent: bool = False) -> web.Response:
    """NanoMDM's answer: 200 when all went well, 500 when nothing did, 207 for some of each."""
    failed = sum(any(key.endswith("_error") for key in result) for result in status.values())
    code = 200 if not failed else 500 if failed == len(status) else 207
    shown = {one: result for one, result in status.items() if result or not silent}
    return _result({**({"status": shown} if shown else {}), **told}, code)


def _result(content: dict[str, Any], code: int) -> web.Response:
    return web.Response(text=json.dumps(content, indent="\t") + "\n", status=code, content_type="application/json")


def _loopback(url: str) -> bool:
    parts = urlsplit(url)
    try:
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.scheme == "http" and parts.hostname == "localhost"
