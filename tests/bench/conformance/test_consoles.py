"""A console on a local port, and on the same port behind ser2net, by RFC 2217; and a virtual Mac's login behind it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kextrel.bench.console import SerialConsole
from kextrel.errors import BenchError
from kextrel.evidence import EvidenceLog
from kextrel.testing import ConsoleConformance, ConsolePeer
from kextrel.timing import Deadline
from kextrel.virtual.spec import MacSpec
from loopback import free_port

BAUD = 115_200


@dataclass
class Line:
    """A board on a pseudo-terminal, reached at `port`."""

    board: Any
    port: str
    hang_up: Callable[[], None]
    _heard: int = 0

    def console(self) -> SerialConsole:
        return SerialConsole("mini.console", self.port, BAUD, EvidenceLog())

    def say(self, data: bytes) -> None:
        self.board.say(data)

    def hear(self, count: int) -> bytes:
        self._heard += count
        heard: bytes = self.board.until(lambda heard: len(heard) >= self._heard)
        return heard[self._heard - count : self._heard]


class TestOnAPort(ConsoleConformance):
    @pytest.fixture
    def peer(self, board: Any) -> ConsolePeer:
        return Line(board, board.port, board.hang_up)


@dataclass
class Ser2net:
    """A running ser2net for one local port."""

    folder: Path
    port: str
    at: int
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        """ign_set_control: a pseudo-terminal has no modem lines to confirm."""
        return f"rfc2217://127.0.0.1:{self.at}?ign_set_control"

    def start(self) -> None:
        config = self.folder / "ser2net.yaml"
        config.write_text(
            f"connection: &console\n  accepter: telnet(rfc2217),tcp,127.0.0.1,{self.at}\n"
            f"  connector: serialdev,{self.port},{BAUD}n81,local\n"
        )
        command = ["ser2net", "-n", "-u", "-c", str(config), "-P", str(self.folder / "pid")]
        self.process = subprocess.Popen(command)

    def until_listening(self) -> None:
        """As the system has it: whoever connects to find out is the port's owner for a while."""
        limit, listens = Deadline.after(30, "ser2net's start"), f" 0100007F:{self.at:04X} 00000000:0000 0A "
        while listens not in Path("/proc/net/tcp").read_text():
            limit.check("ser2net")
            os.sched_yield()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@pytest.fixture
def behind(tmp_path: Path, lacks: Callable[[str], None]) -> Iterator[Any]:
    """Puts a port behind a ser2net: `behind("/dev/pts/4")`."""
    if shutil.which("ser2net") is None:
        lacks("ser2net is not installed here")
    started: list[Ser2net] = []

    def put(port: str) -> Ser2net:
        server = Ser2net(tmp_path, port, free_port())
        server.start()
        started.append(server)
        server.until_listening()
        return server

    yield put
    for server in started:
        server.stop()


class TestBehindSer2net(ConsoleConformance):
    @pytest.fixture
    def peer(self, board: Any, behind: Any) -> ConsolePeer:
        server = behind(board.port)
        return Line(board, server.url, server.stop)


def test_a_virtual_macs_console_behind_ser2net(virtual_mac_of: Any, behind: Any) -> None:
    mac = virtual_mac_of(MacSpec("mini", prepared=True))
    admin = mac.spec.administrator
    console = SerialConsole("mini.console", behind(mac.line["console"]).url, BAUD, EvidenceLog())
    limit = Deadline.after(30, "the console's login")
    console.write(b"\r", deadline=limit)
    console.read_until(rb"login: $", deadline=limit)
    console.write(admin.name.encode() + b"\r", deadline=limit)
    console.read_until(rb"Password:\s*$", deadline=limit)
    console.write(admin.password.encode() + b"\r", deadline=limit)
    console.read_until(rb"[%$] $", deadline=limit)
    console.write(b"sw_vers -productVersion\r", deadline=limit)
    assert b"14.5" in console.read_until(rb"14\.\d\s", deadline=limit)
    console.close()


def test_the_second_at_a_ser2net_is_told_what_to_look_for(board: Any, behind: Any) -> None:
    url = behind(board.port).url
    console = SerialConsole("mini.console", url, BAUD, EvidenceLog())
    with pytest.raises(BenchError, match="nobody there speaks RFC 2217 to us; a port has one owner") as refused:
        SerialConsole("other.console", url, BAUD, EvidenceLog())
    console.close()
    assert "\n" not in str(refused.value)
