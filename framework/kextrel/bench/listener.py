"""An HTTP listener for what strangers may reach: bounded in requests at a time, bytes and seconds.

What it is for is its guest's to say: the beacon hands out scripts and takes reports, the MDM's webhook takes answers.
What the guest does not expect is 404.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from kextrel.errors import BenchError
from kextrel.timing import Deadline

__all__ = ["AT_A_TIME", "LIMIT", "Guest", "Listener"]

LIMIT = 1 << 20  # bytes of one request's body
AT_A_TIME = 16  # connections
PATIENCE = 30.0  # wall seconds that a client may be silent


class Guest(Protocol):
    """Who uses a listener. Called from its threads; `token` is the path without its slashes at the ends."""

    def script_of(self, token: str) -> bytes | None:
        """What GET answers; None is 404."""
        ...

    def expects(self, token: str) -> bool:
        """Whether a body may be sent there; else 404."""
        ...

    def take(self, token: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """Takes a body; False is 429. Header names are in small letters."""
        ...

    def note(self, event: str, what: str) -> None:
        """What would else go to stderr."""
        ...


class Listener:
    """Listens on `listen`:`port` (0: any free one) for `guest`; `taken` is the status of a body that was taken.

    Raises BenchError with `hint` for an address that cannot be had.
    """

    def __init__(self, listen: str, port: int, guest: Guest, wire: str, *, taken: int, hint: str) -> None:
        self._wire = wire
        try:
            self._server = _Server((listen, port), guest, taken)
        except OSError as error:
            raise BenchError(f"cannot listen on {listen}:{port}: {error.strerror}", wire=wire, hint=hint) from error
        self._thread: threading.Thread | None = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name=f"listener {wire}", daemon=True
        )
        self._thread.start()

    @property
    def open(self) -> bool:
        return self._thread is not None

    def url(self, host: str) -> str:
        """Its address for somebody who calls this machine `host`."""
        return f"http://{_bracketed(host)}:{self._server.server_address[1]}"

    def check(self, *, deadline: Deadline) -> None:
        """Connects to itself. Raises BenchError where nothing listens."""
        deadline.check(self._wire)
        address = self._server.server_address
        try:
            socket.create_connection((str(address[0]), int(address[1])), timeout=deadline.remaining).close()
        except OSError as error:
            raise BenchError(f"it does not listen: {error.strerror}", wire=self._wire) from error

    def close(self) -> None:
        """Ends it, and hangs up on who is still there. Harmless the second time."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
            self._server.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], guest: Guest, taken: int) -> None:
        self.guest, self.taken = guest, taken
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
        self.guest.note("failed", f"{client_address}: {sys.exception()!r}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "kextrel", ""
    timeout = PATIENCE
    server: _Server

    def do_GET(self) -> None:
        script = self.server.guest.script_of(self._token())
        self._answer(404 if script is None else 200, script or b"")

    def do_PUT(self) -> None:
        if not self.server.guest.expects(self._token()):
            self._answer(404)
            return
        body = self._body()
        if body is None:
            self._answer(413)
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(self.server.taken if self.server.guest.take(self._token(), body, headers) else 429)

    def do_POST(self) -> None:
        self.do_PUT()

    def handle_expect_100(self) -> bool:
        """`curl -T` asks before it sends much: a stranger is told no before he sends anything."""
        if self.server.guest.expects(self._token()):
            return super().handle_expect_100()
        self._answer(404)
        return False

    def log_message(self, format: str, *args: Any) -> None:
        self.server.guest.note("request", f"{self.client_address[0]}: {format % args}")

    def _token(self) -> str:
        return self.path.partition("?")[0].strip("/")

    def _body(self) -> bytes | None:
        """The body, or None when it is longer than LIMIT or its length is nonsense."""
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


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
