"""What the tests of several rooms need of servers on loopback."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from kextrel.timing import Deadline

SSHD = Path("/usr/sbin/sshd")

_ports = itertools.count(20_000 + os.getpid() % 1_000 * 10)


def free_port() -> int:
    """Another at each call, below those that the system gives to callers: a server that stops finds it free again."""
    while (port := next(_ports)) < 32_000:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


def until_listening(port: int, seconds: float = 10) -> None:
    """Returns once somebody takes connections there."""
    deadline = Deadline.after(seconds)
    while not deadline.expired:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            os.sched_yield()
    raise AssertionError(f"nothing listens on {port}")


def serving(handler: type[BaseHTTPRequestHandler]) -> tuple[ThreadingHTTPServer, str]:
    """An HTTP server that answers by `handler`, and its url; whoever asked for it shuts it down and closes it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"
