"""The SSH before the boot, asked by strangers: OpenSSH's client and paramiko."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paramiko
import pytest

from kextrel.virtual.faults import Faults
from kextrel.virtual.wires.ssh import SshServer

BANNER = "This system is locked. To unlock it, use a local\r\naccount name and password."
SAID = "System successfully unlocked.\nYou may now use SSH to authenticate normally.\n"
PATIENCE = 60.0


class Vault:
    """Takes one password, and ends when it is opened as the Mac does: its SSH goes."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, str]] = []
        self.opened = threading.Event()
        self.server: SshServer | None = None

    def takes(self, user: str, password: str) -> bool:
        self.tried.append((user, password))
        return (user, password) == ("admin", "swordfish")

    def open(self) -> None:
        self.opened.set()
        assert self.server is not None
        self.closing = asyncio.get_running_loop().create_task(self.server.close(orderly=True))


class Locked:
    """A Mac that waits, on an event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.vault = Vault()
        self.server: SshServer = self.do(self._begin())
        self.vault.server = self.server

    async def _begin(self) -> SshServer:
        server = SshServer(SimpleNamespace(faults=Faults(), filevault=self.vault, system=None))
        await server.open_before_boot()
        return server

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def client(self) -> paramiko.Transport:
        transport = paramiko.Transport(socket.create_connection((self.server.host, self.server.port), PATIENCE))
        transport.start_client(timeout=PATIENCE)
        transport.auth_timeout = PATIENCE
        return transport

    def stop(self) -> None:
        self.do(self.server.close(orderly=False))
        self.server.release()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


@pytest.fixture
def mac() -> Iterator[Locked]:
    locked = Locked()
    yield locked
    locked.stop()


def refused(does: Callable[[], object]) -> paramiko.AuthenticationException:
    with pytest.raises(paramiko.AuthenticationException) as caught:
        does()
    return caught.value


def test_it_says_what_it_is_before_it_asks_anything_with_the_host_key_of_macos(mac: Locked) -> None:
    client = mac.client()
    assert client.get_remote_server_key().get_base64() == mac.server.host_key.split()[1]
    refusal = refused(lambda: client.auth_none("admin"))
    assert isinstance(refusal, paramiko.BadAuthenticationType)
    assert sorted(refusal.allowed_types) == ["keyboard-interactive", "password", "publickey"]
    assert (client.get_banner() or b"").decode().startswith(BANNER)


def test_no_key_and_no_password_outside_the_question_opens_it(mac: Locked) -> None:
    key = paramiko.ECDSAKey.generate()
    refused(lambda: mac.client().auth_publickey("admin", key))
    refused(lambda: mac.client().auth_password("admin", "swordfish", fallback=False))
    assert mac.vault.tried == []
    assert not mac.vault.opened.is_set()


@pytest.mark.parametrize("answers", [["wrong"], ["swordfish", "swordfish"]])
def test_a_wrong_answer_opens_nothing(mac: Locked, answers: list[str]) -> None:
    client = mac.client()
    refused(lambda: client.auth_interactive("admin", lambda *_: answers))
    assert not mac.vault.opened.is_set()


def test_the_right_one_is_acknowledged_and_lets_nobody_in(mac: Locked) -> None:
    heard: list[tuple[str, list[Any]]] = []

    def answer(title: str, instructions: str, prompts: list[Any]) -> list[str]:
        heard.append((instructions, prompts))
        return ["swordfish" for _ in prompts]

    client = mac.client()
    refused(lambda: client.auth_interactive("admin", answer))
    assert heard == [("", [("Password:", False)]), (SAID, [])]
    assert mac.vault.opened.wait(PATIENCE)
    client.join(PATIENCE)
    assert not client.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((mac.server.host, mac.server.port), PATIENCE)


def test_a_client_that_leaves_with_the_acknowledgement_has_unlocked_it(mac: Locked) -> None:
    client = mac.client()

    def leave(title: str, instructions: str, prompts: list[Any]) -> list[str]:
        if not prompts:
            client.sock.shutdown(socket.SHUT_RDWR)
        return ["swordfish" for _ in prompts]

    refused(lambda: client.auth_interactive("admin", leave))
    assert mac.vault.opened.wait(PATIENCE)


@pytest.mark.skipif(not shutil.which("ssh"), reason="OpenSSH's ssh is not on this machine")
def test_openssh_shows_what_it_shows_of_a_real_one(mac: Locked, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{mac.server.port} {mac.server.host_key}\n")
    ask = tmp_path / "ask"
    ask.write_text("#!/bin/sh\necho swordfish\n")
    ask.chmod(0o700)
    done = subprocess.run(
        ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={tmp_path}/known_hosts", "-o", "StrictHostKeyChecking=yes",
         "-o", "NumberOfPasswordPrompts=1", "-o", "PubkeyAuthentication=no", "-p", str(mac.server.port),
         "admin@127.0.0.1"],
        env={**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": "none"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 255
    assert "This system is locked." in done.stderr
    assert "System successfully unlocked." in done.stderr
    assert mac.vault.opened.wait(PATIENCE)
