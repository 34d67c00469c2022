"""The beacon wire: an HTTP listener for a Mac that has curl and no shell, as recoveryOS.

A ticket is an unguessable URL. GET hands out its script; PUT or POST to it is a report. Everything else is 404, and
what a stranger may send is bounded: requests at a time, bytes, seconds.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import socket
import socketserver
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kextrel.bench.protocols import Ticket
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["HttpBeacon"]

REPORT_MARK = "@REPORT@"
LIMIT = 1 << 20  # bytes of one report
WAITING = 64  # reports that wait to be received on one ticket
AT_A_TIME = 16  # connections
PATIENCE = 30.0  # wall seconds that a client may be silent


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
        self._server = _listening(listen, port, self, name)
        self._url = f"http://{_bracketed(host or listen)}:{self._server.server_address[1]}"
        self._thread: threading.Thread | None = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name=f"beacon {name}", daemon=True
        )
        self._thread.start()

    @property
    def name(self) -> str:
        return self._name

    def offer(self, script: str) -> Ticket:
        if self._thread is None:
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
        address = self._server.server_address
        try:
            socket.create_connection((str(address[0]), int(address[1])), timeout=deadline.remaining).close()
        except OSError as error:
            raise BenchError(f"it does not listen: {error.strerror}", wire=self._name) from error
        return f"listens, the Mac is sent to {self._url}"

    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
            self._server.hang_up()
            self._offers.clear()

    def script_of(self, token: str) -> bytes | None:
        """For the listener: the script of a ticket, None for a stranger."""
        offer = self._offers.get(token)
        if offer is None:
            return None
        self._sink.record(self._wire, "fetched", url=offer.ticket.url)
        return offer.script

    def take(self, token: str, body: bytes) -> bool:
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], beacon: HttpBeacon) -> None:
        self.beacon = beacon
        self._free = threading.BoundedSemaphore(AT_A_TIME)
        self._open: set[socket.socket] = set()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)
            self._free.release()

    def hang_up(self) -> None:
        """Ends the connections of clients that are still there, and with each the thread that waits for it."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of our own name, which may ask a name server and wait for it."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        """A client that hangs up in the middle is evidence, and stderr is not ours to write on."""
        self.beacon.note("failed", f"{client_address}: {sys.exception()!r}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "kextrel", ""
    timeout = PATIENCE
    server: _Server

    def do_GET(self) -> None:
        script = self.server.beacon.script_of(self._token())
        self._answer(404 if script is None else 200, script or b"")

    def do_PUT(self) -> None:
        if not self.server.beacon.expects(self._token()):
            self._answer(404)
            return
        body = self._body()
        if body is None:
            self._answer(413)
        else:
            self._answer(204 if self.server.beacon.take(self._token(), body) else 429)

    def do_POST(self) -> None:
        self.do_PUT()

    def handle_expect_100(self) -> bool:
        """`curl -T` asks before it sends much: a stranger is told no before he sends anything."""
        if self.server.beacon.expects(self._token()):
            return super().handle_expect_100()
        self._answer(404)
        return False

    def log_message(self, format: str, *args: Any) -> None:
        self.server.beacon.note("request", f"{self.client_address[0]}: {format % args}")

    def _token(self) -> str:
        return self.path.partition("?")[0].strip("/")

    def _body(self) -> bytes | None:
        """The report, or None when it is longer than LIMIT or its length is nonsense."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > LIMIT:
            return None
        body = self.rfile.read(int(length))
        return body if len(body) == int(length) else None

    def _chunks(self) -> bytes | None:
        """`command | curl -T - URL` does not know its length. RFC 9112, 7.1; trailers are dropped."""
        body = bytearray()
        while True:
            head = self.rfile.readline(64).partition(b";")[0].strip()
            try:
                size = int(head, 16)
            except ValueError:
                return None
            if size == 0:
                while self.rfile.readline(1024).strip():
                    continue
                return bytes(body)
            if size < 0 or len(body) + size > LIMIT:
                return None
            body += self.rfile.read(size)
            self.rfile.readline(8)

    def _answer(self, code: int, body: bytes = b"") -> None:
        self.close_connection = True
        self.send_response(code)
        if code != 204:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _listening(listen: str, port: int, beacon: HttpBeacon, wire: str) -> _Server:
    try:
        return _Server((listen, port), beacon)
    except OSError as error:
        hint = "look at listen and port of the beacon in the profile"
        raise BenchError(f"cannot listen on {listen}:{port}: {error.strerror}", wire=wire, hint=hint) from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
