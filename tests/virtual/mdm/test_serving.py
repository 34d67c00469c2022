"""Enrolled Macs as `virtual.serve` brings them up: the endpoints say where their server is."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import aiohttp
import pytest

from kextrel.virtual.service import run
from kextrel.virtual.spec import Endpoints, MacSpec


def _served(*specs: MacSpec) -> list[dict[str, Any]]:
    """The lines of Macs that came up; each enrolled one's server was asked for its version and its queue."""
    lines: list[dict[str, Any]] = []

    async def story() -> None:
        stop = asyncio.Event()

        def ready(endpoints: Endpoints) -> None:
            lines.append(json.loads(json.dumps(endpoints.as_dict())))
            if len(lines) == len(specs):
                asked.append(asyncio.get_running_loop().create_task(ask()))

        async def ask() -> None:
            async with aiohttp.ClientSession() as http:
                for line in (one for one in lines if one["mdm_access"]):
                    access = line["mdm_access"]
                    key = base64.b64encode(f"{access['user']}:{access['api_key']}".encode()).decode()
                    url = f"{line['mdm']}/v1/queue/{access['udid']}"
                    async with http.get(url, headers={"Authorization": f"Basic {key}"}) as answer:
                        line["waits"] = (await answer.json())["commands"]
            stop.set()

        asked: list[asyncio.Task[None]] = []
        async with asyncio.timeout(30):
            await run(specs, on_ready=ready, stop=stop)
        asked[0].result()

    asyncio.run(story())
    return sorted(lines, key=lambda one: one["name"])


def test_an_enrolled_mac_names_its_server_and_the_key_of_this_run():
    enrolled, free = _served(MacSpec("a", prepared=True, enrollment="device"), MacSpec("b", prepared=True))
    assert enrolled["mdm"].startswith("http://127.0.0.1:")
    assert enrolled["waits"] == []
    assert (free["mdm"], free["mdm_access"]) == (None, None)


def test_the_key_does_not_show_in_what_is_printed_of_the_endpoints():
    shown: list[str] = []

    async def story() -> None:
        stop = asyncio.Event()

        def ready(endpoints: Endpoints) -> None:
            shown.append(repr(endpoints))
            assert endpoints.mdm_access is not None
            shown.append(endpoints.mdm_access["api_key"])
            stop.set()

        await run([MacSpec("a", prepared=True, enrollment="user")], on_ready=ready, stop=stop)

    asyncio.run(story())
    assert shown[1] not in shown[0]


@pytest.mark.parametrize("enrollment", ["none", "device"])
def test_a_mac_of_another_server_comes_up_without_it(enrollment: str):
    spec = MacSpec("a", prepared=True, enrollment=enrollment, mdm_url="http://127.0.0.1:9/mdm")
    (line,) = _served(spec)
    assert line["mdm"] == (None if enrollment == "none" else spec.mdm_url)
    assert line["mdm_access"] is None
