"""One SSH connection: our own socket, a pinned host key, an authenticated transport.

The socket is opened here because paramiko's own has no TCP_NODELAY (44 ms a command against 0.45 ms) and no keepalive
of the kernel's, which is what notices a Mac whose mains were cut: it says nothing any more, and answers nothing.
"""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from kextrel.bench.hostkey import HostKey
from kextrel.bench.retry import Transient
from kextrel.bench.sshlibrary import paramiko
from kextrel.errors import BenchError
from kextrel.timing import Deadline

__all__ = ["Locked", "Login", "LoginRefused", "SshTransport", "Unreachable", "connect", "met", "offered_key", "request"]

# paramiko logs the tracebacks of lost connections; without a handler Python would print them on stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

ONE_ATTEMPT = 10.0  # wall seconds for one connection, from the first packet to the login
_UNHEARD = {
    "timeout": "the login was not answered in time",
    "transport shut down": "the connection ended in the login",
}
"""What paramiko calls a failed login, too, by its words: nobody said no."""
_LOCKED = "this system is locked. to unlock it"  # a company's banner may begin so, too
_SIGNALS = {f"{s.name.removeprefix('SIG')}": int(s) for s in signal.Signals}
_RSA_TYPES = ("rsa-sha2-512", "rsa-sha2-256")


class Unreachable(Transient):
    """Nobody speaks SSH there: no route, a refused connection, silence."""


class LoginRefused(BenchError):
    """The Mac's sshd answers, is the pinned one, and does not let this user in."""


class Locked(Transient):
    """What answers is the SSH before the boot, which lets nobody in [apple_ssh_and_filevault(7)]."""

    def __init__(self, *, wire: str, refused: str = "") -> None:
        what = "FileVault is locked, and macOS waits for its password"
        hint = "type it at the Mac; the bench does that where the profile says filevault: true"
        super().__init__(f"{refused}, or {what}" if refused else what, wire=wire, hint=hint)


@dataclass(frozen=True)
class Login:
    """Who logs in: with a password, or with the private key in a file."""

    user: str
    password: str | None = field(default=None, repr=False)
    key: Path | None = None


class SshTransport(paramiko.Transport):
    """paramiko's transport, which also knows `exit-signal`: a channel's exit status is 128 + n then.

    paramiko drops that message, so that a killed command looks like a lost connection.
    """

    _channel_handler_table: ClassVar[dict[int, Any]] = {
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        paramiko.common.MSG_CHANNEL_REQUEST: lambda channel, message: _channel_request(channel, message),
    }


def _channel_request(channel: paramiko.Channel, message: paramiko.Message) -> None:
    if message.get_text() == "exit-signal":
        message.get_boolean()
        channel.exit_status = 128 + _SIGNALS.get(message.get_text(), 0)
        channel.status_event.set()
        return
    message.rewind()
    message.get_int()  # the channel's number, which was read before
    channel._handle_request(message)  # type: ignore[attr-defined]


def request(transport: SshTransport, channel: paramiko.Channel, kind: str, what: bytes) -> None:
    """Starts a command (`exec`) or a `subsystem` on a channel without waiting for the server's answer.

    That saves a round trip, and a wait that has no limit in paramiko. A server that refuses closes the channel.
    """
    message = paramiko.Message()
    message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string(kind)
    message.add_boolean(True)
    message.add_string(what)
    transport._send_user_message(message)  # type: ignore[attr-defined]


def connect(
    host: str, port: int, login: Login, pins: Sequence[HostKey], *, wire: str, deadline: Deadline
) -> SshTransport:
    """One attempt. Raises Transient when nobody answers, BenchError when the wrong one does or the login fails."""
    deadline = deadline.within(ONE_ATTEMPT, "the SSH connection")
    transport = met(host, port, pins, wire=wire, deadline=deadline)
    try:
        _authenticate(transport, login, wire, deadline)
    except BaseException:
        transport.close()
        raise
    return transport


def met(host: str, port: int, pins: Sequence[HostKey], *, wire: str, deadline: Deadline) -> SshTransport:
    """One attempt at a connection to who has a pinned host key; nobody is logged in yet. Raises as `connect`."""
    deadline = deadline.within(ONE_ATTEMPT, "the SSH connection")
    deadline.check(wire)
    sock = _dial(host, port, wire, deadline)
    transport = None
    try:
        transport = SshTransport(sock)
        _handshake(transport, pins, wire, deadline)
    except BaseException:
        (transport or sock).close()
        raise
    return transport


def offered_key(host: str, port: int, pins: Sequence[HostKey], *, wire: str, deadline: Deadline) -> HostKey:
    """The host key of who answers there, one of a kind in `pins` if it has one; nobody logs in.

    Raises Unreachable when nobody answers. The key is not to be trusted before a person has compared it.
    """
    deadline = deadline.within(ONE_ATTEMPT, "the SSH handshake")
    deadline.check(wire)
    with closing(_dial(host, port, wire, deadline)) as sock, closing(SshTransport(sock)) as transport:
        return _negotiated(transport, pins, wire, deadline)


def _dial(host: str, port: int, wire: str, deadline: Deadline) -> socket.socket:
    try:
        sock = socket.create_connection((host, port), timeout=max(deadline.remaining, 0.01))
    except OSError as error:
        hint = "is the Mac running, and Remote Login on?"
        raise Unreachable(f"no SSH connection: {error.strerror or error}", wire=wire, hint=hint) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"  # the latter on macOS
    for option, value in ((idle, 3), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 4), ("TCP_USER_TIMEOUT", 11_000)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return sock


def _handshake(transport: SshTransport, pins: Sequence[HostKey], wire: str, deadline: Deadline) -> None:
    key = _negotiated(transport, pins, wire, deadline)
    if key not in pins:
        raise BenchError(_unpinned(key, pins), wire=wire, hint=_how_to_pin(key))


def _negotiated(transport: SshTransport, pins: Sequence[HostKey], wire: str, deadline: Deadline) -> HostKey:
    """The host key that the server proves to have: one of a pinned kind if it can."""
    options = transport.get_security_options()
    pinned = [kind for pin in pins for kind in (_RSA_TYPES if pin.kind == "ssh-rsa" else (pin.kind,))]
    offered = list(options.key_types)
    first = [kind for kind in dict.fromkeys(pinned) if kind in offered]
    options.key_types = first + [kind for kind in offered if kind not in first]
    transport.banner_timeout = transport.handshake_timeout = max(deadline.remaining, 0.01)
    try:
        transport.start_client(timeout=max(deadline.remaining, 0.01))
        key = transport.get_remote_server_key()  # start_client ends silently when its time is up, this does not
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise Unreachable(f"the SSH handshake ended: {str(error) or 'closed'}", wire=wire) from error
    return HostKey(key.get_name(), key.asbytes())


def _unpinned(key: HostKey, pins: Sequence[HostKey]) -> str:
    seen = f"its host key is {key.kind} {key.fingerprint}"
    if not pins:
        return f"{seen}, and none is pinned"
    return f"{seen}, which is not one of the {len(pins)} pinned; it was reinstalled, is in recovery, or is another host"


def _how_to_pin(key: HostKey) -> str:
    return (
        "compare it with 'ssh-keygen -lf' of the .pub files in /etc/ssh at the Mac, then pin it: "
        f"by `kextrel lab pin`, or add '{key.line}' to host_keys in the profile"
    )


def _authenticate(transport: SshTransport, login: Login, wire: str, deadline: Deadline) -> None:
    transport.auth_timeout = max(deadline.remaining, 0.01)
    try:
        if login.key is not None:
            transport.auth_publickey(login.user, _private_key(login.key, wire))
        else:
            transport.auth_password(login.user, login.password or "")
    except paramiko.AuthenticationException as error:
        unheard = next((said for words, said in _UNHEARD.items() if words in str(error)), None)
        if unheard is not None:
            raise Transient(unheard, wire=wire) from error
        if _is_locked(transport):
            raise Locked(wire=wire) from error
        way = f"the key {login.key}" if login.key else "the password"
        hint = "look at user, password and key in the profile"
        raise LoginRefused(f"'{login.user}' cannot log in with {way}", wire=wire, hint=hint) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise Transient(f"the connection ended in the login: {str(error) or 'closed'}", wire=wire) from error


def _is_locked(transport: SshTransport) -> bool:
    """Whether the banner that came with the first answer says so. One server was seen without one."""
    banner = transport.get_banner() or b""
    return _LOCKED in " ".join(banner.decode(errors="replace").casefold().split())


def _private_key(path: Path, wire: str) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except (OSError, paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError, TypeError) as error:
        hint = "it must be readable and without a passphrase"
        raise BenchError(f"cannot use the private key {path}: {error}", wire=wire, hint=hint) from error
