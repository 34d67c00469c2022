"""PiKVM's HTTP API in front of one virtual Mac: its picture, the picture's text, its keyboard, its power button.

Paths, parameters, headers and answers are those of kvmd 4 (docs.pikvm.org/api; kvmd's htserver.py and api/*.py): JSON
answers are `{"ok": BOOL, "result": {...}}`, and an error is the result `{"error": NAME, "error_msg": TEXT}`. Without
credentials it answers 401, with wrong ones 403, for a bad parameter 400, while the button is pressed already 409, and
without a video signal 503.

A Mac has no reset pins: of the ATX board only the power button's pair is connected, and the LED tells whether it is on.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import web

from kextrel.virtual.ui import painting
from kextrel.virtual.ui.keys import usage_of
from kextrel.virtual.wires.loopback import Loopback
from kextrel.virtual.wires.webkeys import WEB_KEYS

__all__ = ["Mac", "PiKvm"]

_MOST_BODY = 64 << 10  # bytes of a request's body
_PRINTED, _LONGEST_PRINT = 1024, 1 << 20  # characters of a print: without `limit`, and the highest limit
_SLOW, _SLOWEST = 0.02, 5.0  # wall seconds between the keys of a print: with `slow`, and at most
_CLICK, _LONG_CLICK = 0.5, 5.5  # Mac seconds: kvmd's click_delay and long_click_delay
_BOOLS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_FIRST_MODIFIER = 0xE0
_VERSION = "4.20"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Display(Protocol):
    @property
    def signal(self) -> bool: ...
    def text(self) -> str: ...
    def jpeg(self) -> bytes | None: ...


class Keys(Protocol):
    def key(self, down: bool, usage: int, modifiers: int) -> None: ...


class Hold(Protocol):
    def release(self) -> None: ...


class Clock(Protocol):
    async def sleep(self, seconds: float) -> None: ...
    def gesture(self) -> Hold: ...


class Button(Protocol):
    def switch(self, closed: bool) -> None: ...


class Faults(Protocol):
    def strikes(self, name: str) -> bool: ...


class Spec(Protocol):
    @property
    def name(self) -> str: ...


class Mac(Protocol):
    """The Mac behind the box. `environment` is "off" when its power LED is dark."""

    @property
    def spec(self) -> Spec: ...
    @property
    def environment(self) -> str: ...
    @property
    def display(self) -> Display: ...
    @property
    def keyboard(self) -> Keys: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def button(self) -> Button: ...
    @property
    def faults(self) -> Faults: ...


class _Refused(Exception):
    """An answer that is no success: kvmd's name for it, its words, the HTTP status."""

    def __init__(self, name: str, text: str, status: int) -> None:
        self.name, self.text, self.status = name, text, status
        super().__init__(text)


class PiKvm:
    """One server on 127.0.0.1, on a port that the system chooses; `url` is there after `start`."""

    def __init__(self, mac: Mac, *, user: str, password: str) -> None:
        self._mac, self._user, self._password = mac, user, password
        self._held: dict[int, Hold] = {}
        self._click: asyncio.Task[None] | None = None
        self._server = Loopback()

    @property
    def url(self) -> str:
        """Where it answers; "" before `start`."""
        return self._server.url

    async def start(self) -> None:
        """Listens."""
        application = web.Application(client_max_size=_MOST_BODY, middlewares=[self._guarded])
        application.add_routes(
            [
                web.get("/api/info", self._info, allow_head=False),
                web.get("/api/streamer/snapshot", self._snapshot, allow_head=False),
                web.get("/api/atx", self._atx, allow_head=False),
                web.post("/api/atx/power", self._power),
                web.post("/api/atx/click", self._click_button),
                web.post("/api/hid/print", self._print),
                web.post("/api/hid/events/send_key", self._send_key),
            ]
        )
        await self._server.open(application)

    async def close(self) -> None:
        """Takes the box away: the button's contacts open, all keys come up. Harmless the second time."""
        if self._click is not None:
            self._click.cancel()
            await asyncio.wait([self._click])
        for usage in list(self._held):
            self._up(usage)
        await self._server.close()

    # -- every request

    @web.middleware
    async def _guarded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            self._authorise(request)
            return await handler(request)
        except _Refused as refused:
            return _answer({"error": refused.name, "error_msg": refused.text}, refused.status)

    def _authorise(self, request: web.Request) -> None:
        user = request.headers.get("X-KVMD-User", "")
        if not user:
            raise _Refused("UnauthorizedError", "Unauthorized", 401)
        password = request.headers.get("X-KVMD-Passwd", "")
        given, known = f"{user}\n{password}".encode(errors="replace"), f"{self._user}\n{self._password}".encode()
        if not hmac.compare_digest(given, known):
            raise _Refused("ForbiddenError", "Forbidden", 403)

    # -- what it shows

    async def _info(self, _request: web.Request) -> web.Response:
        meta = {"server": {"host": self._mac.spec.name}}
        return _answer({"meta": meta, "system": {"kvmd": {"version": _VERSION}}})

    async def _snapshot(self, request: web.Request) -> web.Response:
        wants_text, allow_offline = _bool(request, "ocr"), _bool(request, "allow_offline")
        display, dark = self._mac.display, self._mac.faults.strikes("screen-dark")
        if not (dark or allow_offline or display.signal):
            raise _Refused("UnavailableError", "Service Unavailable", 503)
        if wants_text:
            return web.Response(text="" if dark else display.text(), content_type="text/plain")
        picture = None if dark else display.jpeg()
        return web.Response(body=picture or painting.black(), content_type="image/jpeg")

    # -- the power button

    async def _atx(self, _request: web.Request) -> web.Response:
        leds = {"power": self._is_on, "hdd": False}
        return _answer({"enabled": True, "busy": self._busy, "leds": leds})

    @property
    def _is_on(self) -> bool:
        return self._mac.environment != "off"

    @property
    def _busy(self) -> bool:
        return self._click is not None and not self._click.done()

    async def _power(self, request: web.Request) -> web.Response:
        """`on`, `off` and `off_hard` press the button only where the LED says that it would change something."""
        action = _choice(request, "action", ("on", "off", "off_hard", "reset_hard"))
        wanted_when = {"on": False, "off": True, "off_hard": True}.get(action)
        if wanted_when == self._is_on:
            await self._press(request, _LONG_CLICK if action == "off_hard" else _CLICK)
        return _answer({})

    async def _click_button(self, request: web.Request) -> web.Response:
        button = _choice(request, "button", ("power", "power_long", "reset"))
        if button != "reset":
            await self._press(request, _LONG_CLICK if button == "power_long" else _CLICK)
        return _answer({})

    async def _press(self, request: web.Request, mac_seconds: float) -> None:
        """Closes the contacts for that long; with `wait` the answer comes when they are open again."""
        wait = _bool(request, "wait")
        if self._busy:
            text = "Performing another ATX operation, please try again later"
            raise _Refused("AtxIsBusyError", text, 409)
        self._click = asyncio.get_running_loop().create_task(self._closed(mac_seconds))
        if wait:
            await asyncio.shield(self._click)

    async def _closed(self, mac_seconds: float) -> None:
        self._mac.button.switch(True)
        try:
            await self._mac.clock.sleep(mac_seconds)
        finally:
            self._mac.button.switch(False)

    # -- the keyboard

    async def _print(self, request: web.Request) -> web.Response:
        limit = _number(request, "limit", _PRINTED, most=_LONGEST_PRINT)
        delay = _number(request, "delay", _SLOW if _bool(request, "slow") else 0.0, most=_SLOWEST)
        text = await request.text()
        for character in text[: int(limit)] if limit else text:
            key = usage_of(character)
            if key is None:
                continue  # kvmd, too, passes over what its keymap does not have
            self._down(key[0], key[1])
            self._up(key[0])
            await asyncio.sleep(delay)
        return _answer({})

    async def _send_key(self, request: web.Request) -> web.Response:
        usage = WEB_KEYS[_choice(request, "key", tuple(WEB_KEYS))]
        down, up = True, True
        if "state" in request.query:
            down = _bool(request, "state")
            up = not down or _bool(request, "finish")
        if down:
            self._down(usage)
        if up:
            self._up(usage)
        return _answer({})

    @property
    def _modifiers(self) -> int:
        return sum(1 << usage - _FIRST_MODIFIER for usage in self._held if usage >= _FIRST_MODIFIER)

    def _down(self, usage: int, modifiers: int = 0) -> None:
        if usage not in self._held:
            self._held[usage] = self._mac.clock.gesture()
            self._mac.keyboard.key(True, usage, self._modifiers | modifiers)

    def _up(self, usage: int) -> None:
        hold = self._held.pop(usage, None)
        if hold is not None:
            self._mac.keyboard.key(False, usage, self._modifiers)
            hold.release()


def _answer(result: dict[str, object], status: int = 200) -> web.Response:
    text = json.dumps({"ok": status == 200, "result": result}, sort_keys=True, indent=4)
    return web.Response(text=text, status=status, content_type="application/json")


def _invalid(name: str, value: str) -> _Refused:
    return _Refused("ValidatorError", f"The argument {value!r} is not a valid {name}", 400)


def _bool(request: web.Request, name: str) -> bool:
    value = request.query.get(name, "0").strip().lower()
    if value not in _BOOLS:
        raise _invalid(name, value)
    return _BOOLS[value]


def _choice(request: web.Request, name: str, known: tuple[str, ...]) -> str:
    value = request.query.get(name, "")
    if value not in known:
        raise _invalid(name, value)
    return value


def _number(request: web.Request, name: str, default: float, *, most: float) -> float:
    value = request.query.get(name, str(default))
    try:
        number = float(value)
    except ValueError:
        raise _invalid(name, value) from None
    if not 0 <= number <= most:
        raise _invalid(name, value)
    return number
