"""PikvmScreen before the virtual Mac's PiKVM, whose display shows what it is told; HttpBeacon for whoever asks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from kextrel.bench.beacon import HttpBeacon
from kextrel.bench.screen import PikvmScreen
from kextrel.evidence import EvidenceLog
from kextrel.testing import BeaconConformance, BeaconPeer, ScreenConformance, ScreenPeer
from kextrel.virtual.clock import Clock
from kextrel.virtual.faults import Faults
from kextrel.virtual.wires.pikvm import PiKvm


class Shown:
    """A display."""

    def __init__(self) -> None:
        self.lines: Sequence[str] | None = []

    @property
    def signal(self) -> bool:
        return self.lines is not None

    def text(self) -> str:
        return "\n".join(self.lines or [])

    def jpeg(self) -> bytes | None:
        if self.lines is None:
            return None
        picture = io.BytesIO()
        Image.new("RGB", (64, 48)).save(picture, "JPEG")
        return picture.getvalue()


class Kvm:
    """The virtual Mac's PiKVM, without the Mac."""

    def __init__(self, bench: Any) -> None:
        self._shown = Shown()
        machine = SimpleNamespace(display=self._shown, faults=Faults(), clock=Clock(), environment="macos")
        self._kvm = bench.make(lambda: PiKvm(machine, user="lab", password="s3cret"))
        bench.wait_for(self._kvm.start)

    def screen(self) -> PikvmScreen:
        return PikvmScreen("mini.screen", self._kvm.url, "lab", "s3cret", EvidenceLog(), poll=0.01)

    def show(self, lines: Sequence[str] | None) -> None:
        self._shown.lines = lines


class TestVirtualPiKvm(ScreenConformance):
    @pytest.fixture
    def peer(self, bench: Any) -> ScreenPeer:
        return Kvm(bench)


class Anybody:
    def beacon(self) -> HttpBeacon:
        return HttpBeacon("mini.beacon", "127.0.0.1", 0, EvidenceLog())


class TestHttpBeacon(BeaconConformance):
    @pytest.fixture
    def peer(self) -> BeaconPeer:
        return Anybody()
