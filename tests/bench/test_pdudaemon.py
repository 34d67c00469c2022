"""The real pdudaemon, where it is installed, with a command of its own in the place of a device."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kextrel.bench.netpower import Access, NetworkPower
from kextrel.bench.outlets import PdudaemonOutlet
from kextrel.errors import BenchError
from kextrel.evidence import EvidenceLog
from kextrel.testing import PowerConformance, PowerPeer
from kextrel.timing import Deadline
from loopback import free_port, until_listening

START = "import asyncio, pdudaemon; asyncio.set_event_loop(asyncio.new_event_loop()); pdudaemon.main()"
UNABLE = {"driver": "localcmdline", "cmd_on": "exit 3; : %s", "cmd_off": "exit 3; : %s"}


class Daemon:
    """pdudaemon on loopback; its device writes what it is told into a file."""

    def __init__(self, folder: Path) -> None:
        self.told, self.port = folder / "told", free_port()
        able = {f"cmd_{word}": f"echo {word} %s >>{self.told}" for word in ("on", "off")}
        daemon = {"hostname": "127.0.0.1", "port": self.port, "logging_level": "ERROR", "listener": "http"}
        pdus = {"pdu03": {"driver": "localcmdline", **able}, "unable": UNABLE}
        config = folder / "pdudaemon.conf"
        config.write_text(json.dumps({"daemon": daemon, "pdus": pdus}))
        self.process = subprocess.Popen([sys.executable, "-c", START, "--conf", str(config)])
        try:
            until_listening(self.port, 60)
        except BaseException:
            self.close()
            raise

    def power(self, hostname: str = "pdu03") -> NetworkPower:
        access = Access(f"http://127.0.0.1:{self.port}")
        return NetworkPower("mini.power", PdudaemonOutlet(hostname, "2"), access, EvidenceLog())

    def mains(self) -> list[bool]:
        lines = self.told.read_text().splitlines() if self.told.exists() else []
        assert all(line.endswith(" 2") for line in lines), lines
        return [line.startswith("on") for line in lines]

    def close(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    pytest.importorskip("pdudaemon", reason="pdudaemon is not installed here", exc_type=ImportError)
    made = Daemon(tmp_path)
    yield made
    made.close()


class TestPower(PowerConformance):
    @pytest.fixture
    def peer(self, daemon: Daemon) -> PowerPeer:
        return daemon


def test_its_own_command_that_fails_is_not_told(daemon: Daemon) -> None:
    unable: Any = daemon.power("unable")
    unable.on(deadline=Deadline.after(30, "the mains"))
    assert "neither port 2 of unable nor its effect is proved" in unable.check(deadline=Deadline.after(30, "the check"))
    unable.close()


def test_a_device_that_it_does_not_know_is_said(daemon: Daemon) -> None:
    stranger = daemon.power("pdu04")
    with pytest.raises(BenchError, match="pdudaemon does not switch port 2 of pdu04: it answers 500, 'Invalid request"):
        stranger.off(deadline=Deadline.after(30, "the mains"))
    stranger.close()
