"""The SSH of macOS 26 before the boot: it unlocks FileVault, and does nothing else.

As a session with 26.0.1 shows it (github.com/shoon/fv-ssh-unlock, tools/mock-fv-ssh-server): the host key of macOS, a
banner, three methods that can continue. Keys lie on the volume that is locked, so each is refused; the hidden question
of keyboard-interactive is what takes a password. The right one is acknowledged by a message without a question, the
authentication fails all the same, and the connection ends. The method `password` is listed; that it takes none is a
choice, for nobody was seen to unlock a Mac by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import asyncssh

from kextrel.virtual.unix.host import Vault

__all__ = ["LOCKED", "UNLOCKED", "Connections", "Unlocking"]

LOCKED = (
    "This system is locked. To unlock it, use a local\r\naccount name and password. Once successfully\r\n"
    "unlocked, you will be able to connect normally.\r\n"
)
UNLOCKED = "System successfully unlocked.\nYou may now use SSH to authenticate normally.\n"
_QUESTION = ("", "", "", [("Password:", False)])

_Challenge = tuple[str, str, str, list[tuple[str, bool]]]


class Connections(Protocol):
    """The server that it is a connection of."""

    def connected(self, connection: asyncssh.SSHServerConnection) -> None: ...
    def disconnected(self, connection: asyncssh.SSHServerConnection) -> None: ...


class Unlocking(asyncssh.SSHServer):
    """One client, who is told no more than whether the volume is unlocked now."""

    def __init__(self, server: Connections, vault: Vault) -> None:
        self._server, self._vault = server, vault
        self._connection: asyncssh.SSHServerConnection | None = None
        self._right = False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """The TCP connection is there."""
        self._connection = conn
        self._server.connected(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It is gone; a client may end it as soon as it has read that the volume is unlocked."""
        if self._connection is not None:
            self._server.disconnected(self._connection)
        self._open()

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        """Everybody is told what this is before they are asked anything."""
        if self._connection is not None:
            self._connection.send_auth_banner(LOCKED)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """No: whose key it is stands on the volume that is locked."""
        return False

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:  # noqa: ARG002
        return False

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> _Challenge:  # noqa: ARG002
        return _QUESTION

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> _Challenge | bool:
        """The password, and then the answer to a message that asks nothing; nobody is ever let in."""
        if self._right:
            asyncio.get_running_loop().call_soon(self._open)  # once the refusal is on its way
            return False
        self._right = len(responses) == 1 and self._vault.takes(username, responses[0])
        return ("", UNLOCKED, "", []) if self._right else False

    def _open(self) -> None:
        if self._right:
            self._vault.open()
