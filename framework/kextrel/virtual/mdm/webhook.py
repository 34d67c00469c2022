"""What happens on the server, told to whoever asked for it: NanoMDM's webhook.

Events are POSTed as JSON, in order, each with `topic`, `event_id`, `created_at` and `checkin_event` or
`acknowledge_event`; with a key the body's HMAC-SHA256 stands in `X-Hmac-Signature`, base64. A receiver that cannot be
reached is dropped: it can ask again. Source: NanoMDM, service/webhook.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp

__all__ = ["MOST_RECEIVERS", "Webhooks", "event"]

log = logging.getLogger("kextrel.virtual")

MOST_RECEIVERS = 16
_MOST_WAITING = 10_000
_PATIENCE = 10.0
"""Wall seconds that a receiver may take for one event."""


def event(topic: str, kind: str, content: Mapping[str, Any], raw: bytes) -> dict[str, Any]:
    """An event; `kind` is "checkin_event" or "acknowledge_event", `raw` the body that the Mac sent."""
    return {
        "topic": topic,
        "event_id": str(uuid.uuid4()),
        "created_at": datetime.now(UTC).isoformat(),
        kind: {**content, "raw_payload": base64.b64encode(raw).decode()},
    }


class _Receiver:
    def __init__(self, url: str, key: bytes) -> None:
        self.url, self.key = url, key
        self.events: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue(_MOST_WAITING)
        self.task: asyncio.Task[None] | None = None


class Webhooks:
    """Everybody who asked to be told. Each gets every event; `due` is the event loop's time before which it is held."""

    def __init__(self) -> None:
        self._receivers: dict[str, _Receiver] = {}

    def add(self, url: str, key: bytes = b"") -> None:
        """Tells `url` of every event from now on. OverflowError when there are too many already."""
        if url not in self._receivers and len(self._receivers) >= MOST_RECEIVERS:
            raise OverflowError(f"there are {MOST_RECEIVERS} webhooks already")
        self.remove(url)
        receiver = self._receivers[url] = _Receiver(url, key)
        receiver.task = asyncio.get_running_loop().create_task(self._serve(receiver))

    def remove(self, url: str) -> None:
        """Tells `url` nothing any more."""
        receiver = self._receivers.pop(url, None)
        if receiver is not None and receiver.task is not None:
            receiver.task.cancel()

    def tell(self, what: dict[str, Any], *, due: float = 0.0) -> None:
        """Sends an event on its way to everybody, each in the order in which events came."""
        for receiver in list(self._receivers.values()):
            try:
                receiver.events.put_nowait((due, what))
            except asyncio.QueueFull:
                log.warning("webhook %s does not take its events: it is told nothing any more", receiver.url)
                self.remove(receiver.url)

    async def close(self) -> None:
        """Tells nobody anything any more."""
        tasks = [one.task for one in self._receivers.values() if one.task is not None]
        for url in list(self._receivers):
            self.remove(url)
        if tasks:
            await asyncio.wait(tasks)

    async def _serve(self, receiver: _Receiver) -> None:
        limit = aiohttp.ClientTimeout(total=_PATIENCE)
        loop = asyncio.get_running_loop()
        async with aiohttp.ClientSession(timeout=limit, trust_env=False) as session:
            while True:
                due, what = await receiver.events.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                try:
                    await _post(session, receiver, json.dumps(what).encode())
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    log.info("webhook %s is gone: %s", receiver.url, error)
                    if self._receivers.get(receiver.url) is receiver:
                        del self._receivers[receiver.url]
                    return


async def _post(session: aiohttp.ClientSession, receiver: _Receiver, body: bytes) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if receiver.key:
        signature = hmac.new(receiver.key, body, hashlib.sha256).digest()
        headers["X-Hmac-Signature"] = base64.b64encode(signature).decode()
    async with session.post(receiver.url, data=body, headers=headers, allow_redirects=False) as answer:
        if answer.status != 200:
            log.warning("webhook %s answered %s to %s", receiver.url, answer.status, "an event")
