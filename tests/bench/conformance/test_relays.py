"""Mains and power button on two relay boards: one written from its documentation, and the virtual Mac's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from kextrel.bench.button import RelayButton
from kextrel.bench.power import RelayPower
from kextrel.bench.relayboards import BOARDS
from kextrel.evidence import EvidenceLog
from kextrel.testing import ButtonConformance, ButtonPeer, PowerConformance, PowerPeer
from kextrel.timing import Clock

MAINS, BUTTON, NOBODY = 1, 2, 8


@dataclass
class Documented:
    """A board that only listens."""

    board: Any
    asked: int = 0

    @property
    def port(self) -> str:
        found: str = self.board.port
        return found

    def told(self, channel: int) -> list[bool]:
        """Waits for what is under way: a last frame, for a channel where nothing is, tells."""
        self.asked += 1
        descriptor = os.open(self.port, os.O_WRONLY | os.O_NOCTTY)
        os.write(descriptor, bytes([0xA0, NOBODY, 0, 0xA0 + NOBODY]))
        os.close(descriptor)
        self.board.until(lambda heard: len(self._frames(heard, NOBODY)) == self.asked)
        return self._frames(bytes(self.board.heard), channel)

    @staticmethod
    def _frames(heard: bytes, channel: int) -> list[bool]:
        frames = [heard[at : at + 4] for at in range(0, len(heard) - 3, 4)]
        assert all(frame[0] == 0xA0 and sum(frame[:3]) & 0xFF == frame[3] for frame in frames), heard.hex(" ")
        return [bool(frame[2]) for frame in frames if frame[1] == channel]


@dataclass
class Relay:
    """Both wires on one board."""

    board: Any

    def power(self) -> RelayPower:
        return RelayPower("mini.power", self.board.port, MAINS, EvidenceLog())

    def mains(self) -> list[bool]:
        told: list[bool] = self.board.told(MAINS)
        return told

    def button(self, clock: Clock) -> RelayButton:
        return RelayButton("mini.button", self.board.port, BUTTON, clock, EvidenceLog())

    def contacts(self) -> list[bool]:
        told: list[bool] = self.board.told(BUTTON)
        return told


@dataclass
class Answering:
    """Both wires on a board that answers, by its driver and its relays: after a switch it has heard all of it."""

    kind: str
    board: Any

    def power(self) -> RelayPower:
        return RelayPower("mini.power", self.board.port, MAINS, EvidenceLog(), acquire=self._acquire())

    def mains(self) -> list[bool]:
        return [on for relay, on in self.board.told if relay == MAINS]

    def button(self, clock: Clock) -> RelayButton:
        return RelayButton("mini.button", self.board.port, BUTTON, clock, EvidenceLog(), acquire=self._acquire())

    def contacts(self) -> list[bool]:
        return [on for relay, on in self.board.told if relay == BUTTON]

    def _acquire(self) -> Any:
        driver, relays = self.kind.split()
        return partial(BOARDS[driver], relays=int(relays))


KINDS = ["kmtronic 2", "kmtronic 8", "devantech 0", "numato 32"]


class TestPowerOnABoardThatAnswers(PowerConformance):
    @pytest.fixture(params=KINDS)
    def peer(self, request: pytest.FixtureRequest, answering: Any) -> PowerPeer:
        return Answering(request.param, answering[request.param]())


class TestButtonOnABoardThatAnswers(ButtonConformance):
    @pytest.fixture(params=KINDS)
    def peer(self, request: pytest.FixtureRequest, answering: Any) -> ButtonPeer:
        return Answering(request.param, answering[request.param]())


class TestPowerOnADocumentedBoard(PowerConformance):
    @pytest.fixture
    def peer(self, relays: Any) -> PowerPeer:
        return Relay(Documented(relays))


class TestPowerOnTheVirtualBoard(PowerConformance):
    @pytest.fixture
    def peer(self, virtual_relays: Any) -> PowerPeer:
        return Relay(virtual_relays)


class TestButtonOnADocumentedBoard(ButtonConformance):
    @pytest.fixture
    def peer(self, relays: Any) -> ButtonPeer:
        return Relay(Documented(relays))


class TestButtonOnTheVirtualBoard(ButtonConformance):
    @pytest.fixture
    def peer(self, virtual_relays: Any) -> ButtonPeer:
        return Relay(virtual_relays)
