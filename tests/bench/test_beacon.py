"""The beacon against curl, which is what recoveryOS has, and against strangers."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from kextrel.bench import beacon as room
from kextrel.bench.beacon import HttpBeacon
from kextrel.bench.listener import AT_A_TIME
from kextrel.bench.protocols import Beacon
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.timing import Deadline

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "the report")


@pytest.fixture
def beacon(log) -> Iterator[HttpBeacon]:  # type: ignore[no-untyped-def]
    made = HttpBeacon("mini.beacon", "127.0.0.1", 0, log)
    yield made
    made.close()


def ask(url: str, method: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), int(parts.port or 0), timeout=30)
    connection.request(method, parts.path, body, headers or {})
    answer = connection.getresponse()
    result = answer.status, answer.read()
    connection.close()
    return result


@needs_curl
def test_a_script_goes_out_and_its_report_comes_back(beacon: Beacon) -> None:
    ticket = beacon.offer("echo from $(uname -s) | curl -sS -T - @REPORT@; echo second | curl -s -d @- @REPORT@")
    done = subprocess.run(["sh", "-c", f"curl -sSf {ticket.url} | sh"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert beacon.receive(ticket, deadline=soon()).startswith(b"from ")
    assert beacon.receive(ticket, deadline=soon()) == b"second"


@needs_curl
def test_a_long_report_that_asks_first_arrives_whole(beacon: Beacon, tmp_path) -> None:  # type: ignore[no-untyped-def]
    ticket = beacon.offer("")
    (tmp_path / "long").write_bytes(bytes(range(256)) * 4096)
    subprocess.run(["curl", "-sSf", "-H", "Expect: 100-continue", "-T", str(tmp_path / "long"), ticket.url], check=True)
    assert beacon.receive(ticket, deadline=soon()) == bytes(range(256)) * 4096


def test_a_receiver_wakes_with_the_report(beacon: Beacon) -> None:
    ticket = beacon.offer("")
    threading.Timer(0.2, ask, [ticket.url, "PUT", b"now"]).start()
    assert beacon.receive(ticket, deadline=soon()) == b"now"
    with pytest.raises(DeadlineExceeded, match="the report: no report came in time; can the Mac reach http://127"):
        beacon.receive(ticket, deadline=soon(0.1))


def test_tickets_are_unguessable_and_apart(beacon: Beacon) -> None:
    first, second = beacon.offer("one"), beacon.offer("two")
    assert first.token != second.token
    assert len(first.token) >= 20
    ask(second.url, "POST", b"for two")
    assert ask(first.url, "GET") == (200, b"one")
    assert beacon.receive(second, deadline=soon()) == b"for two"
    with pytest.raises(DeadlineExceeded):
        beacon.receive(first, deadline=soon(0.05))


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_strangers_get_404(beacon: Beacon, method: str) -> None:
    ticket = beacon.offer("secret script")
    base = ticket.url.rsplit("/", 1)[0]
    for path in ("/", "/x", "/../etc/passwd", f"/{ticket.token[:-1]}", f"/{ticket.token}/x"):
        assert ask(base + path, method, None if method == "GET" else b"x") == (404, b"")
    assert ask(ticket.url, "DELETE")[0] == 501


def test_a_withdrawn_ticket_is_a_stranger(beacon: Beacon) -> None:
    ticket = beacon.offer("x")
    beacon.withdraw(ticket)
    beacon.withdraw(ticket)
    assert ask(ticket.url, "GET")[0] == 404
    assert ask(ticket.url, "PUT", b"x")[0] == 404
    with pytest.raises(UsageError, match="withdrawn"):
        beacon.receive(ticket, deadline=soon())


def chunked(size: int) -> bytes:
    return b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"


def test_reports_are_bounded(beacon: Beacon) -> None:
    ticket = beacon.offer("")
    path = urlsplit(ticket.url).path
    port = int(urlsplit(ticket.url).port or 0)
    for head, body in (
        (b"Content-Length: 1048577", b""),
        (b"Content-Length: -1", b""),
        (b"Content-Length: ten", b""),
        (b"Transfer-Encoding: chunked", b"100001\r\n"),
        (b"Transfer-Encoding: chunked", b"-5\r\n"),
        (b"Transfer-Encoding: chunked", b"nonsense\r\n"),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as stranger:
            stranger.sendall(b"PUT " + path.encode() + b" HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n" + body)
            assert stranger.recv(100).startswith(b"HTTP/1.1 413"), head
    assert ask(ticket.url, "PUT", b"x" * (1 << 20))[0] == 204
    for _ in range(room.WAITING - 1):
        assert ask(ticket.url, "PUT", b"x")[0] == 204
    assert ask(ticket.url, "PUT", b"x")[0] == 429


def test_silent_clients_do_not_keep_others_out(beacon: Beacon) -> None:
    ticket = beacon.offer("script")
    port = int(urlsplit(ticket.url).port or 0)
    silent = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(AT_A_TIME + 4)]
    for one in silent:
        one.close()
    limit = soon()
    while not limit.expired:
        try:
            assert ask(ticket.url, "GET") == (200, b"script")
            break
        except (ConnectionError, http.client.HTTPException):
            continue
    assert not limit.expired


def test_everything_is_evidence(beacon: Beacon, log) -> None:  # type: ignore[no-untyped-def]
    ticket = beacon.offer("csrutil status")
    ask(ticket.url, "GET")
    ask(ticket.url, "PUT", b"enabled")
    beacon.receive(ticket, deadline=soon())
    events = [r.event for r in log.records if r.event != "request"]
    assert events == ["offer", "fetched", "report"]


def test_close_is_idempotent_and_ends_it(log, capfd) -> None:  # type: ignore[no-untyped-def]
    beacon = HttpBeacon("mini.beacon", "127.0.0.1", 0, log)
    ticket = beacon.offer("x")
    assert "listens" in beacon.check(deadline=soon())
    beacon.close()
    beacon.close()
    with pytest.raises(ConnectionRefusedError):
        ask(ticket.url, "GET")
    with pytest.raises(BenchError, match="closed"):
        beacon.offer("y")
    assert capfd.readouterr().err == ""


def test_an_address_that_is_taken_or_not_ours_is_said(log) -> None:  # type: ignore[no-untyped-def]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BenchError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            HttpBeacon("b", "127.0.0.1", port, log)
    with pytest.raises(BenchError, match=r"cannot listen on 192\.0\.2\.1:0"):
        HttpBeacon("b", "192.0.2.1", 0, log)


def test_a_machine_that_listens_everywhere_says_which_address_to_use(log) -> None:  # type: ignore[no-untyped-def]
    beacon = HttpBeacon("b", "127.0.0.1", 0, log, host="bench.example")
    assert beacon.offer("x").url.startswith("http://bench.example:")
    beacon.close()


def test_close_hangs_up_on_a_client_in_the_middle_of_a_report(log) -> None:  # type: ignore[no-untyped-def]
    beacon = HttpBeacon("mini.beacon", "127.0.0.1", 0, log)
    ticket = beacon.offer("x")
    url = urlsplit(ticket.url)
    with socket.create_connection(("127.0.0.1", int(url.port or 0)), timeout=30) as half:
        half.sendall(f"PUT {url.path} HTTP/1.1\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n".encode())
        assert half.recv(100).startswith(b"HTTP/1.1 100")
        half.sendall(b"half of")
        beacon.close()
        half.settimeout(5)
        while half.recv(4096):
            continue
    assert [r.event for r in log.records if r.event == "report"] == []


def test_half_a_report_is_none(beacon: Beacon, log) -> None:  # type: ignore[no-untyped-def]
    ticket = beacon.offer("x")
    url = urlsplit(ticket.url)
    with socket.create_connection(("127.0.0.1", int(url.port or 0)), timeout=30) as cut:
        cut.sendall(f"PUT {url.path} HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf of".encode())
        cut.shutdown(socket.SHUT_WR)
        assert cut.recv(100).startswith(b"HTTP/1.1 413")
    assert ask(ticket.url, "PUT", b"whole")[0] == 204
    assert beacon.receive(ticket, deadline=soon()) == b"whole"
