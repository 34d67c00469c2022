"""An HTTP server on the loopback, as every box beside a virtual Mac has one: the system chooses its port."""

from __future__ import annotations

from aiohttp import web

__all__ = ["Loopback"]

_ADDRESS = "127.0.0.1"
_SECONDS_TO_END = 0.5
"""How long open requests may go on at `close`, in wall seconds."""


class Loopback:
    """One server; `url` is there after `open`."""

    def __init__(self) -> None:
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def open(self, application: web.Application) -> None:
        """Listens for `application`."""
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SECONDS_TO_END)
        await self._runner.setup()
        await web.TCPSite(self._runner, _ADDRESS, 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def close(self) -> None:
        """Takes it away. Harmless the second time."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
