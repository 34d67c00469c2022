"""One suite, three servers that share no line of code: OpenSSH's sshd, dropbear, and the virtual Mac."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from kextrel.bench.shell import SshShell
from kextrel.testing import ShellConformance, ShellPeer
from kextrel.virtual.spec import MacSpec

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@dataclass
class Server:
    """A real server on this machine, whose boot time is a file."""

    server: Any
    boots: Iterator[int] = field(default_factory=lambda: count(1_800_000_000))

    @property
    def scratch(self) -> str:
        return str(self.server.folder)

    def shell(self) -> SshShell:
        made: SshShell = self.server.shell()
        return made

    def stranger(self) -> SshShell:
        made: SshShell = self.server.shell(keys=[OTHER_KEY])
        return made

    def cut(self) -> None:
        self.server.stop()

    def boot(self) -> None:
        self.server.boot(f"{{ sec = {next(self.boots)}, usec = 5 }} Sat Sep 12 01:00:00 2026")
        self.server.start()


class TestOpenSsh(ShellConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def peer(cls, servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShellPeer]:
        yield from _running(servers["openssh"](tmp_path_factory.mktemp("openssh")))


class TestDropbear(ShellConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def peer(cls, servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShellPeer]:
        yield from _running(servers["dropbear"](tmp_path_factory.mktemp("dropbear")))


def _running(server: Any) -> Iterator[Server]:
    server.start()
    yield Server(server)
    server.stop()


@dataclass
class VirtualMac:
    """A virtual Mac, cut off at its mains; it starts by itself when they are back."""

    mac: Any
    scratch = "/private/tmp"

    def shell(self) -> SshShell:
        made: SshShell = self.mac.another_shell()
        return made

    def stranger(self) -> SshShell:
        made: SshShell = self.mac.another_shell(OTHER_KEY)
        return made

    def cut(self) -> None:
        self.mac.off()

    def boot(self) -> None:
        self.mac.on()


class TestVirtualMac(ShellConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def peer(cls, virtual_mac_of: Any) -> ShellPeer:
        return VirtualMac(virtual_mac_of(MacSpec("mini", prepared=True)))
