"""PiKVM's API as a stranger speaks to it: httpx on the real socket."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from PIL import Image

from kextrel.virtual.faults import Fault, Faults
from kextrel.virtual.ui import painting
from kextrel.virtual.wires.pikvm import PiKvm

USER, PASSWORD = "admin", "only-for-this-run"
GOOD = {"X-KVMD-User": USER, "X-KVMD-Passwd": PASSWORD}
SNAPSHOT = "/api/streamer/snapshot"
Test = Callable[[httpx.AsyncClient], Awaitable[None]]


@dataclass
class Screen:
    """A display that shows one text, and writes down the keys that it gets."""

    shown: str | None = "Macintosh HD    Options"
    keys: list[tuple[bool, int, int]] = field(default_factory=list)

    @property
    def signal(self) -> bool:
        return self.shown is not None

    def text(self) -> str:
        return self.shown or ""

    def jpeg(self) -> bytes | None:
        return painting.jpeg(()) if self.signal else None

    def key(self, down: bool, usage: int, modifiers: int) -> None:
        self.keys.append((down, usage, modifiers))


@dataclass
class Hand:
    """Clock, button and gestures: `events` is what happened in its order."""

    events: list[object] = field(default_factory=list)
    gestures: int = 0
    held: asyncio.Event | None = None

    async def sleep(self, seconds: float) -> None:
        self.events.append(seconds)
        if self.held is not None:
            await self.held.wait()

    def gesture(self) -> Hand:
        self.gestures += 1
        return self

    def release(self) -> None:
        self.gestures -= 1

    def switch(self, closed: bool) -> None:
        self.events.append("closed" if closed else "open")


@pytest.fixture
def mac() -> Any:
    hand, screen = Hand(), Screen()
    return SimpleNamespace(
        spec=SimpleNamespace(name="mini"), environment="off", display=screen, keyboard=screen, clock=hand, button=hand,
        faults=Faults(),
    )  # fmt: skip


@asynccontextmanager
async def _client(mac: Any) -> AsyncIterator[httpx.AsyncClient]:
    box = PiKvm(mac, user=USER, password=PASSWORD)
    await box.start()
    try:
        async with httpx.AsyncClient(base_url=box.url, headers=GOOD, trust_env=False) as client:
            yield client
    finally:
        await box.close()


def talk(mac: Any, test: Test) -> None:
    async def run() -> None:
        async with _client(mac) as client:
            await test(client)

    asyncio.run(run())


def test_it_listens_on_loopback_only(mac: Any) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        assert client.base_url.host == "127.0.0.1"
        assert client.base_url.port not in (None, 0, 80)

    talk(mac, test)


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({"X-KVMD-User": "", "X-KVMD-Passwd": ""}, 401, "UnauthorizedError"),
        ({"X-KVMD-Passwd": "wrong"}, 403, "ForbiddenError"),
        ({"X-KVMD-User": "root"}, 403, "ForbiddenError"),
    ],
)
def test_strangers_are_told_apart_as_kvmd_does(mac: Any, headers: dict[str, str], status: int, error: str) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        for answer in (
            await client.get(SNAPSHOT, headers=headers),
            await client.post("/api/hid/print", headers=headers, content="x"),
            await client.get("/api/nothing", headers=headers),
        ):
            assert answer.status_code == status
            assert answer.json()["ok"] is False
            assert answer.json()["result"]["error"] == error

    talk(mac, test)
    assert mac.display.keys == []


def test_the_snapshot_is_a_jpeg(mac: Any) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        answer = await client.get(SNAPSHOT)
        assert answer.headers["content-type"] == "image/jpeg"
        with Image.open(io.BytesIO(answer.content)) as image:
            assert (image.format, image.size) == ("JPEG", (1280, 800))

    talk(mac, test)


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_its_text_is_plain_text(mac: Any, value: str) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        answer = await client.get(SNAPSHOT, params={"ocr": value})
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text == "Macintosh HD    Options"

    talk(mac, test)


def test_without_a_signal_it_is_unavailable(mac: Any) -> None:
    mac.display.shown = None

    async def test(client: httpx.AsyncClient) -> None:
        for params in ({}, {"ocr": "1"}):
            answer = await client.get(SNAPSHOT, params=params)
            assert answer.status_code == 503
            assert answer.json() == {
                "ok": False, "result": {"error": "UnavailableError", "error_msg": "Service Unavailable"}
            }  # fmt: skip
        assert (await client.get(SNAPSHOT, params={"allow_offline": "1"})).content == painting.black()

    talk(mac, test)


def test_the_fault_screen_dark_begins_with_its_snapshot(mac: Any) -> None:
    mac.faults = Faults([Fault("screen-dark", 3)])

    async def test(client: httpx.AsyncClient) -> None:
        texts = [(await client.get(SNAPSHOT, params={"ocr": "1"})).text for _ in range(3)]
        assert texts == ["Macintosh HD    Options", "Macintosh HD    Options", ""]
        mac.display.shown = None
        assert (await client.get(SNAPSHOT)).content == painting.black()

    talk(mac, test)


def test_info_says_what_it_is(mac: Any) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        result = (await client.get("/api/info")).json()["result"]
        assert result["system"]["kvmd"]["version"].startswith("4.")
        assert result["meta"]["server"]["host"] == "mini"

    talk(mac, test)


def _press(path: str, environment: str, expected: list[object]) -> Any:
    return pytest.param(path, environment, expected, id=f"{path.split('=')[1]} while {environment}")


@pytest.mark.parametrize(
    ("path", "environment", "expected"),
    [
        _press("/api/atx/click?button=power", "off", ["closed", 0.5, "open"]),
        _press("/api/atx/click?button=power_long", "macos", ["closed", 5.5, "open"]),
        _press("/api/atx/click?button=reset", "macos", []),
        _press("/api/atx/power?action=on", "off", ["closed", 0.5, "open"]),
        _press("/api/atx/power?action=on", "macos", []),
        _press("/api/atx/power?action=off", "macos", ["closed", 0.5, "open"]),
        _press("/api/atx/power?action=off_hard", "recovery", ["closed", 5.5, "open"]),
        _press("/api/atx/power?action=off_hard", "off", []),
        _press("/api/atx/power?action=reset_hard", "macos", []),
    ],
)
def test_the_button_is_pressed_for_kvmds_times_where_the_led_says_it_helps(
    mac: Any, path: str, environment: str, expected: list[object]
) -> None:
    mac.environment = environment

    async def test(client: httpx.AsyncClient) -> None:
        answer = await client.post(path + "&wait=1")
        assert answer.json() == {"ok": True, "result": {}}
        assert (await client.get("/api/atx")).json()["result"]["leds"]["power"] is (environment != "off")

    talk(mac, test)
    assert mac.clock.events == expected


def test_one_press_at_a_time_and_no_button_stays_pressed(mac: Any) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        mac.clock.held = asyncio.Event()
        assert (await client.post("/api/atx/click?button=power_long")).status_code == 200
        busy = await client.post("/api/atx/click?button=power")
        assert busy.status_code == 409
        assert "IsBusyError" in busy.json()["result"]["error"]
        assert (await client.get("/api/atx")).json()["result"]["busy"] is True

    talk(mac, test)
    assert mac.clock.events == ["closed", 5.5, "open"]


def test_text_is_typed_key_by_key(mac: Any) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        assert (await client.post("/api/hid/print", params={"limit": 0}, content=b"aB1\n")).is_success

    talk(mac, test)
    downs = [(usage, modifiers) for down, usage, modifiers in mac.display.keys if down]
    assert downs == [(0x04, 0), (0x05, 0x02), (0x1E, 0), (0x28, 0)]
    assert [usage for down, usage, _ in mac.display.keys if not down] == [usage for usage, _ in downs]
    assert mac.clock.gestures == 0


def test_a_print_is_cut_at_1024_characters_unless_it_is_told_not_to(mac: Any) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        await client.post("/api/hid/print", content="x" * 1030)
        assert len(mac.display.keys) == 2 * 1024
        await client.post("/api/hid/print?limit=3", content="é" + "x" * 1030)
        assert len(mac.display.keys) == 2 * (1024 + 2)

    talk(mac, test)


def test_keys_are_held_together_and_let_go_when_the_box_goes(mac: Any) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        for key in ("MetaLeft", "ShiftLeft"):
            await client.post("/api/hid/events/send_key", params={"key": key, "state": "1"})
        await client.post("/api/hid/events/send_key", params={"key": "KeyT"})
        await client.post("/api/hid/events/send_key", params={"key": "ShiftLeft", "state": "0"})
        assert mac.clock.gestures == 1

    talk(mac, test)
    assert mac.display.keys == [
        (True, 0xE3, 0x08), (True, 0xE1, 0x0A), (True, 0x17, 0x0A), (False, 0x17, 0x0A), (False, 0xE1, 0x08),
        (False, 0xE3, 0x00),
    ]  # fmt: skip
    assert mac.clock.gestures == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", SNAPSHOT + "?ocr=perhaps", 400),
        ("POST", "/api/hid/events/send_key?key=KeyNone", 400),
        ("POST", "/api/hid/print?limit=-1", 400),
        ("POST", "/api/hid/print?limit=inf", 400),
        ("POST", "/api/hid/print?delay=nan", 400),
        ("POST", "/api/atx/click?button=", 400),
        ("POST", "/api/atx/power", 400),
        ("GET", "/api/atx/click?button=power", 405),
        ("GET", "/api/streamer", 404),
    ],
)
def test_what_it_does_not_know_it_refuses(mac: Any, method: str, path: str, status: int) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        assert (await client.request(method, path)).status_code == status

    talk(mac, test)
    assert mac.clock.events == []
    assert mac.display.keys == []


def test_a_body_without_end_is_refused(mac: Any) -> None:
    async def test(client: httpx.AsyncClient) -> None:
        assert (await client.post("/api/hid/print?limit=0", content=b"x" * (1 << 20))).status_code == 413

    talk(mac, test)
    assert mac.display.keys == []
