"""A real SSH server on loopback whose commands a test carries out itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh

_PATIENCE = 30.0


class SshServer:
    """An asyncssh server in a thread of its own. It takes one name and password; `carry_out` gets each command's
    process, in the server's event loop."""

    def __init__(
        self, port: int, login: tuple[str, str], host_key: Any, carry_out: Callable[[Any], Awaitable[None]]
    ) -> None:
        self.port, self._login, self._host_key, self._carry_out = port, login, host_key, carry_out
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._acceptor: asyncssh.SSHAcceptor | None = None

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_PATIENCE)

    def stop(self) -> None:
        """Ends the server and what it is doing; harmless the second time."""
        if self._acceptor is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(self._acceptor), self._loop).result(_PATIENCE)
        self._acceptor = None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    async def _listen(self) -> None:
        login = self._login

        class Users(asyncssh.SSHServer):
            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                return (username, password) == login

        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=Users,
            server_host_keys=[self._host_key],
            process_factory=self._carry_out,
            encoding=None,
        )

    async def _end(self, acceptor: asyncssh.SSHAcceptor) -> None:
        acceptor.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
