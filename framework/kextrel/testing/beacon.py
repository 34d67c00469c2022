"""What every driver of `protocols.Beacon` promises, as tests; the Mac's part, curl's, is done here over HTTP."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from urllib.parse import urlsplit

import pytest

from kextrel.bench.protocols import Beacon
from kextrel.errors import BenchError, DeadlineExceeded, KextrelError
from kextrel.testing.difference import difference
from kextrel.testing.patience import Patient

__all__ = ["BeaconConformance", "BeaconPeer"]

MOST = 1 << 20
"""Bytes of one report."""
_NOT_FOUND = 404


class BeaconPeer(Protocol):
    """Where a beacon is opened."""

    def beacon(self) -> Beacon:
        """Opens a driver of yours, which this machine can reach as the Mac would."""
        ...


class BeaconConformance(Patient):
    """Give it a fixture `peer` that makes a BeaconPeer."""

    @pytest.fixture
    def beacon(self, peer: BeaconPeer) -> Iterator[Beacon]:
        """A driver."""
        wire = peer.beacon()
        yield wire
        wire.close()

    def test_a_script_goes_out_with_its_own_address(self, beacon: Beacon) -> None:
        ticket = beacon.offer("report to @REPORT@, and again @REPORT@ ünïcode")
        status, script = self._ask(ticket.url, "GET")
        assert (status, script.decode()) == (200, f"report to {ticket.url}, and again {ticket.url} ünïcode")

    @pytest.mark.parametrize("method", ["PUT", "POST"])
    def test_a_report_comes_in_as_it_was_sent(self, beacon: Beacon, method: str) -> None:
        ticket = beacon.offer("")
        report = bytes(range(256)) * (MOST // 256)
        assert self._ask(ticket.url, method, report)[0] // 100 == 2
        assert difference(beacon.receive(ticket, deadline=self.soon()), report) == ""

    def test_reports_come_in_order_and_each_to_its_ticket(self, beacon: Beacon) -> None:
        first, second = beacon.offer("one"), beacon.offer("two")
        for ticket, body in ((first, b"1"), (second, b"2"), (first, b"3")):
            self._ask(ticket.url, "PUT", body)
        assert beacon.receive(second, deadline=self.soon()) == b"2"
        assert [beacon.receive(first, deadline=self.soon()) for _ in range(2)] == [b"1", b"3"]

    def test_a_report_that_is_awaited_wakes_its_waiter(self, beacon: Beacon) -> None:
        ticket = beacon.offer("")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(beacon.receive, ticket, deadline=self.soon())
            self._ask(ticket.url, "PUT", b"here")
            assert waiting.result() == b"here"

    def test_silence_ends_with_the_deadline(self, beacon: Beacon) -> None:
        with pytest.raises(DeadlineExceeded) as late:
            beacon.receive(beacon.offer(""), deadline=self.briefly())
        assert late.value.wire == beacon.name

    def test_tickets_cannot_be_guessed(self, beacon: Beacon) -> None:
        tickets = [beacon.offer("the same") for _ in range(50)]
        assert len({ticket.token for ticket in tickets}) == len(tickets)
        assert min(len(ticket.token) for ticket in tickets) >= 16
        assert all(ticket.token in ticket.url for ticket in tickets)
        for stranger in (tickets[0].url[:-1], tickets[0].url + "x", tickets[0].url.removesuffix(tickets[0].token)):
            assert self._ask(stranger, "GET")[0] == _NOT_FOUND

    def test_a_withdrawn_ticket_is_unknown(self, beacon: Beacon) -> None:
        ticket, other = beacon.offer("gone"), beacon.offer("stays")
        beacon.withdraw(ticket)
        beacon.withdraw(ticket)
        assert self._ask(ticket.url, "GET")[0] == _NOT_FOUND
        assert self._ask(ticket.url, "PUT", b"late")[0] == _NOT_FOUND
        assert self._ask(other.url, "GET") == (200, b"stays")
        with pytest.raises(KextrelError):
            beacon.receive(ticket, deadline=self.briefly())

    def test_more_than_the_limit_is_refused(self, beacon: Beacon) -> None:
        ticket = beacon.offer("")
        assert self._ask(ticket.url, "PUT", b"", {"Content-Length": str(MOST + 1)})[0] // 100 == 4
        self._ask(ticket.url, "PUT", b"short")
        assert beacon.receive(ticket, deadline=self.soon()) == b"short"

    def test_check_says_something_and_close_is_the_end(self, beacon: Beacon) -> None:
        ticket = beacon.offer("x")
        assert beacon.check(deadline=self.soon()).strip()
        beacon.close()
        beacon.close()
        with pytest.raises(OSError, match=r"refused|reset|timed out"):
            self._ask(ticket.url, "GET")
        with pytest.raises(BenchError):
            beacon.offer("after the end")

    def _ask(
        self, url: str, method: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(str(parts.hostname), int(parts.port or 80), timeout=self.patience)
        try:
            connection.request(method, parts.path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
