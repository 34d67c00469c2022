"""The beacon wire: an HTTP listener for a Mac that has curl and no shell, as recoveryOS.

A ticket is an unguessable URL. GET hands out its script; PUT or POST to it is a report. Everything else is 404, and
what a stranger may send is bounded (see listener).
"""

from __future__ import annotations

import queue
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from kextrel.bench.listener import Listener
from kextrel.bench.protocols import Ticket
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["HttpBeacon"]

REPORT_MARK = "@REPORT@"
WAITING = 64  # reports that wait to be received on one ticket
_HINT = "look at listen and port of the beacon in the profile"


@dataclass
class _Offer:
    ticket: Ticket
    script: bytes
    reports: queue.Queue[bytes] = field(default_factory=lambda: queue.Queue(WAITING))


class HttpBeacon:
    """protocols.Beacon: listens on `listen`:`port` (0: any free one).

    `host` is the address that the Mac uses, for a machine that listens on all of its own ("0.0.0.0").
    """

    def __init__(
        self, name: str, listen: str, port: int, sink: Sink, *, host: str | None = None, wire: str = "beacon"
    ) -> None:
        self._name, self._sink, self._wire = name, sink, wire
        self._offers: dict[str, _Offer] = {}
        self._listener = Listener(listen, port, self, name, taken=204, hint=_HINT)
        self._url = self._listener.url(host or listen)

    @property
    def name(self) -> str:
        return self._name

    def offer(self, script: str) -> Ticket:
        if not self._listener.open:
            raise BenchError("the beacon is closed", wire=self._name)
        token = secrets.token_urlsafe(16)
        ticket = Ticket(f"{self._url}/{token}", token)
        self._offers[token] = _Offer(ticket, script.replace(REPORT_MARK, ticket.url).encode())
        self._sink.record(self._wire, "offer", url=ticket.url, script=script)
        return ticket

    def receive(self, ticket: Ticket, *, deadline: Deadline) -> bytes:
        offer = self._offers.get(ticket.token)
        if offer is None:
            raise UsageError("this ticket of the beacon was withdrawn")
        try:
            return offer.reports.get(timeout=deadline.remaining)
        except queue.Empty:
            hint = f"can the Mac reach {self._url}?"
            raise DeadlineExceeded(f"{deadline.what}: no report came in time", wire=self._name, hint=hint) from None

    def withdraw(self, ticket: Ticket) -> None:
        self._offers.pop(ticket.token, None)

    def check(self, *, deadline: Deadline) -> str:
        """For health: connects to itself. Whether a Mac can is seen from the Mac only."""
        self._listener.check(deadline=deadline)
        return f"listens, the Mac is sent to {self._url}"

    def close(self) -> None:
        self._listener.close()
        self._offers.clear()

    def script_of(self, token: str) -> bytes | None:
        """For the listener: the script of a ticket, None for a stranger."""
        offer = self._offers.get(token)
        if offer is None:
            return None
        self._sink.record(self._wire, "fetched", url=offer.ticket.url)
        return offer.script

    def take(self, token: str, body: bytes, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - a guest's
        """For the listener: files a report; False when too many wait."""
        offer = self._offers.get(token)
        if offer is None:
            return False
        self._sink.record(self._wire, "report", url=offer.ticket.url, body=body)
        try:
            offer.reports.put_nowait(body)
        except queue.Full:
            return False
        return True

    def note(self, event: str, what: str) -> None:
        """For the listener: what would else go to stderr."""
        self._sink.record(self._wire, event, text=what)

    def expects(self, token: str) -> bool:
        """For the listener: whether a ticket is open."""
        return token in self._offers
