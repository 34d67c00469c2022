"""State of its own for every test, and profiles with real wires on pseudo-terminals."""

from __future__ import annotations

import os
import pty
import select
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from kextrel.evidence import EvidenceLog


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leases and quarantines of a test stay with it."""
    folder = tmp_path / "state"
    monkeypatch.setenv("KEXTREL_STATE", str(folder))
    monkeypatch.setenv("LAB_PASSWORD", "correct horse")
    return folder


@pytest.fixture
def log() -> EvidenceLog:
    return EvidenceLog("mini")


class Terminal:
    """A pseudo-terminal whose board side is read by the test."""

    def __init__(self) -> None:
        self.side, self._other = pty.openpty()
        tty.setraw(self._other)
        self.port = os.ttyname(self._other)

    def heard(self) -> bytes:
        """What has arrived until now."""
        data = b""
        while select.select([self.side], [], [], 0)[0]:
            data += os.read(self.side, 4096)
        return data

    def close(self) -> None:
        os.close(self.side)
        os.close(self._other)


@pytest.fixture
def relay() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


@pytest.fixture
def console() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


def profile_text(relay: str, console: str) -> str:
    return f"""
schema: kextrel/lab/v1
name: test bench
macs:
  mini:
    architecture: apple-silicon
    macos: "14.5"
    accounts: {{admin: {{user: admin, full_name: Lab Admin, password: "env:LAB_PASSWORD"}}}}
    wires:
      console: {{driver: serial, port: {console}}}
      power: {{driver: lcus, port: {relay}, channel: 1}}
      button: {{driver: lcus, port: {relay}, channel: 2}}
      beacon: {{driver: http, listen: 127.0.0.1}}
"""


@pytest.fixture
def profile(tmp_path: Path, relay: Terminal, console: Terminal) -> Path:
    """A lab file of one Mac with a console, a relay board and a beacon."""
    path = tmp_path / "lab.yaml"
    path.write_text(profile_text(relay.port, console.port))
    return path
