"""A sound driver, and some that break one promise each."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kextrel.bench import beacon as room
from kextrel.bench.beacon import HttpBeacon
from kextrel.bench.protocols import Ticket
from kextrel.errors import DeadlineExceeded
from kextrel.evidence import EvidenceLog
from kextrel.testing import BeaconConformance
from kextrel.timing import Deadline


class Sound(HttpBeacon):
    breaks = ""

    def __init__(self) -> None:
        super().__init__("memory.beacon", "127.0.0.1", 0, EvidenceLog())


class Literal(Sound):
    breaks = "test_a_script_goes_out_with_its_own_address"

    def offer(self, script: str) -> Ticket:
        return super().offer(script.replace(room.REPORT_MARK, "@@", 1))


class Cutting(Sound):
    breaks = "test_a_report_comes_in_as_it_was_sent"

    def take(self, token: str, body: bytes, headers: Mapping[str, str]) -> bool:
        return super().take(token, body[:1000], headers)


class Mixing(Sound):
    breaks = "test_reports_come_in_order_and_each_to_its_ticket"

    def receive(self, ticket: Ticket, *, deadline: Deadline) -> bytes:
        waiting = [one for one in self._offers.values() if not one.reports.empty()]
        return super().receive(waiting[0].ticket if waiting else ticket, deadline=deadline)


class Silent(Sound):
    breaks = "test_silence_ends_with_the_deadline"

    def receive(self, ticket: Ticket, *, deadline: Deadline) -> bytes:
        try:
            return super().receive(ticket, deadline=deadline)
        except DeadlineExceeded:
            return b""


class Keeping(Sound):
    breaks = "test_a_withdrawn_ticket_is_unknown"

    def withdraw(self, ticket: Ticket) -> None:
        self.offer("another")


class Undead(Sound):
    breaks = "test_check_says_something_and_close_is_the_end"

    def close(self) -> None:
        self.check(deadline=Deadline.after(5))


class Peer:
    def __init__(self, kind: type[Sound]) -> None:
        self.kind = kind

    def beacon(self) -> Sound:
        return self.kind()


@pytest.mark.parametrize(
    "kind", [Sound, Literal, Cutting, Mixing, Silent, Keeping, Undead], ids=lambda kind: kind.__name__
)
class TestBeacon(BeaconConformance):
    patience = 2.0
    brief = 0.05

    @pytest.fixture
    def peer(self, kind: type[Sound]) -> Peer:
        return Peer(kind)
