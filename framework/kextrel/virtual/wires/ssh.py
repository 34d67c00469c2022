"""Remote Login of one virtual Mac: an SSH server on loopback with its own host key, by asyncssh.

The port is chosen once and kept by a socket that is bound but does not listen: while Remote Login is off, a client is
refused, and nobody else can take the port.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from weakref import WeakSet

import asyncssh

from kextrel.virtual.unix.fs import KERNEL
from kextrel.virtual.unix.host import Host
from kextrel.virtual.unix.users import User
from kextrel.virtual.wires.gathering import gather
from kextrel.virtual.wires.preboot import Unlocking
from kextrel.virtual.wires.session import Session

__all__ = ["SshServer"]

ADDRESS = "127.0.0.1"
VERSION = "OpenSSH_9.6"
DROP, STALL = "ssh-drop", "ssh-stall"
MAX_SESSIONS, MAX_STARTUPS = 10, 100
"""sshd_config(5)'s defaults: open sessions of one connection, connections that have not proved yet who they are."""


class SshServer:
    """sshd of one Mac. `prepare` once, then `open` and `close` as often as the Mac starts and stops."""

    def __init__(self, host: Host, *, address: str = ADDRESS) -> None:
        self._mac, self.host, self.port = host, address, 0
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._place: socket.socket | None = None
        self._listener: asyncssh.SSHAcceptor | None = None
        self._options: dict[type[asyncssh.SSHServer], asyncssh.SSHServerConnectionOptions] = {}
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._strangers: set[asyncssh.SSHServerConnection] = set()
        host.faults.when(DROP, self._cut)

    @property
    def host_key(self) -> str:
        """`ssh-ed25519 AAAA…`, no comment."""
        return " ".join(self._key.export_public_key("openssh").decode().split()[:2])

    @property
    def listening(self) -> bool:
        """Whether a client would be answered now."""
        return self._listener is not None

    async def prepare(self) -> None:
        """Chooses the port; it refuses until `open`."""
        if self._place is None:
            self._place = socket.socket()
            self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._place.bind((self.host, 0))
            self.port = self._place.getsockname()[1]

    async def open(self) -> None:
        """Listens. When the wire is cut (a fault of the bench) the port keeps refusing."""
        await self._listen(_Login, lambda: _Login(self))

    async def open_before_boot(self) -> None:
        """Listens as macOS 26 does while FileVault is locked: with the same host key, and for its password only."""
        await self._listen(Unlocking, lambda: Unlocking(self, self._mac.filevault))

    async def _listen(self, kind: type[asyncssh.SSHServer], made: Callable[[], asyncssh.SSHServer]) -> None:
        await self.prepare()
        if self._listener is None and not self._mac.faults.active(DROP):
            self._listener = await asyncssh.listen(
                self.host, self.port, reuse_port=True, options=self._options_of(kind, made)
            )

    def _options_of(
        self, kind: type[asyncssh.SSHServer], made: Callable[[], asyncssh.SSHServer]
    ) -> asyncssh.SSHServerConnectionOptions:
        """They are dear to make, so each kind's are made once."""
        if kind not in self._options:
            self._options[kind] = asyncssh.SSHServerConnectionOptions(
                server_factory=made,
                server_host_keys=[self._key],
                server_version=VERSION,
                encoding=None,
                line_editor=False,
                allow_scp=True,
                agent_forwarding=False,
                authorized_client_keys=None,
            )
        return self._options[kind]

    async def close(self, *, orderly: bool) -> None:
        """The port refuses again; connections end as when sshd goes, or are cut when not `orderly`."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        connections = list(self._connections)
        for connection in connections:
            _end(connection, orderly=orderly)
        if connections:
            await asyncio.gather(*(connection.wait_closed() for connection in connections))

    def release(self) -> None:
        """Gives the port back, at the end of the Mac's life."""
        if self._place is not None:
            self._place.close()
            self._place = None

    # -- for the connections

    @property
    def mac(self) -> Host:
        return self._mac

    def connected(self, connection: asyncssh.SSHServerConnection) -> None:
        """A client is there. One too many that nobody knows yet is dropped."""
        self._connections.add(connection)
        self._strangers.add(connection)
        if len(self._strangers) > MAX_STARTUPS:
            connection.abort()

    def known(self, connection: asyncssh.SSHServerConnection) -> None:
        """A client has proved who it is."""
        self._strangers.discard(connection)

    def disconnected(self, connection: asyncssh.SSHServerConnection) -> None:
        """It is gone."""
        self._connections.discard(connection)
        self._strangers.discard(connection)

    def command_begins(self) -> bool:
        """Counts one command or transfer; whether it may begin. On a wire that is cut everything is dropped instead, on
        one that stalls it never begins, and nothing is said of that."""
        dropped, stalled = self._mac.faults.strikes(DROP), self._mac.faults.strikes(STALL)
        return not (dropped or stalled)

    def _cut(self) -> None:
        """The wire is cut: the port refuses, connections are reset."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for connection in list(self._connections):
            _end(connection, orderly=False)


def _end(connection: asyncssh.SSHServerConnection, *, orderly: bool) -> None:
    """Orderly: closed as by a daemon that ends; the client says "closed by remote host"."""
    sock = connection.get_extra_info("socket")
    if orderly and sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            connection.abort()
    else:
        connection.abort()


class _Login(asyncssh.SSHServer):
    """One client: who it is, and what it asks for."""

    def __init__(self, server: SshServer) -> None:
        self._server = server
        self._connection: asyncssh.SSHServerConnection | None = None
        self._name = ""
        self._sessions: WeakSet[Session] = WeakSet()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """The TCP connection is there."""
        self._connection = conn
        gather(conn)
        self._server.connected(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It is gone."""
        if self._connection is not None:
            self._server.disconnected(self._connection)

    def begin_auth(self, username: str) -> bool:
        """Everybody must prove who they are."""
        self._name = username
        return True

    def auth_completed(self) -> None:
        """The client is who it says."""
        if self._connection is not None:
            self._server.known(self._connection)

    def password_auth_supported(self) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Whether it is that account's."""
        system = self._server.mac.system
        return system is not None and self._user(username) is not None and system.users.check(username, password)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the key is in the account's ~/.ssh/authorized_keys, and nobody else may write there."""
        system, user = self._server.mac.system, self._user(username)
        if system is None or user is None:
            return False
        files, path = system.fs.seen_by(KERNEL), f"{user.home}/.ssh/authorized_keys"
        try:
            strict = all(files.stat(name).mode & 0o022 == 0 for name in (user.home, f"{user.home}/.ssh", path))
            lines = files.read_text(path).splitlines()
        except OSError:
            return False
        wanted = key.export_public_key("openssh").split()[:2]
        return strict and any(wanted[1].decode() in line.split() for line in lines if not line.startswith("#"))

    def _user(self, name: str) -> User | None:
        """An account that may log in: a person's."""
        system = self._server.mac.system
        user = system.users.get(name) if system is not None else None
        return user if user in (system.users.people() if system else []) else None

    def session_requested(self) -> Session | bool:
        """A session channel, while the Mac is up."""
        system, user = self._server.mac.system, self._user(self._name)
        if system is None or user is None or system.stopped or self._connection is None:
            return False
        if sum(session.is_open for session in self._sessions) >= MAX_SESSIONS:
            return False
        session = Session(system, user, self._server.command_begins, self._origin())
        self._sessions.add(session)
        return session

    def _origin(self) -> dict[str, str]:
        assert self._connection is not None
        peer, here = (self._connection.get_extra_info(name) for name in ("peername", "sockname"))
        return {
            "SSH_CLIENT": f"{peer[0]} {peer[1]} {here[1]}",
            "SSH_CONNECTION": f"{peer[0]} {peer[1]} {here[0]} {here[1]}",
        }
