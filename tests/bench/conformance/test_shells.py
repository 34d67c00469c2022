"""One suite, three servers that share no line of code: OpenSSH's sshd, dropbear, and the virtual Mac."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from kextrel.bench.power import RelayPower
from kextrel.bench.shell import SshShell
from kextrel.bench.sshlink import Login
from kextrel.evidence import EvidenceLog
from kextrel.testing import ShellConformance, ShellPeer
from kextrel.timing import Deadline

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

    mac: dict[str, Any]
    mains: RelayPower
    scratch = "/private/tmp"

    def __post_init__(self) -> None:
        self.watcher = self.shell()
        self.watcher.wait_for_boot(deadline=Deadline.after(20))

    def shell(self) -> SshShell:
        return self._shell(self.mac["wires"]["shell"]["host_keys"])

    def stranger(self) -> SshShell:
        return self._shell([OTHER_KEY])

    def cut(self) -> None:
        self.mains.off(deadline=Deadline.after(5))
        self.watcher.wait_until_gone(deadline=Deadline.after(20))

    def boot(self) -> None:
        self.mains.on(deadline=Deadline.after(5))

    def _shell(self, keys: list[str]) -> SshShell:
        wire, admin = self.mac["wires"]["shell"], self.mac["accounts"]["admin"]
        login = Login(admin["user"], password=admin["password"])
        return SshShell("mini.shell", wire["host"], wire["port"], login, keys, EvidenceLog())


class TestVirtualMac(ShellConformance):
    @pytest.fixture
    def peer(self, virtual_mac: dict[str, Any]) -> Iterator[ShellPeer]:
        power = virtual_mac["wires"]["power"]
        mains = RelayPower("mini.power", power["port"], power["channel"], EvidenceLog())
        mac = VirtualMac(virtual_mac, mains)
        yield mac
        mac.watcher.close()
        mains.close()
