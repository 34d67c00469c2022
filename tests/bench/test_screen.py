"""PikvmScreen against a real HTTP server with a script of answers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from kextrel.bench.protocols import Screen
from kextrel.bench.screen import PikvmScreen
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.evidence import EvidenceLog
from kextrel.timing import Deadline
from loopback import serving
from until import until

NO_SIGNAL = (503, json.dumps({"ok": False, "result": {"error": "UnavailableError", "error_msg": "no signal"}}))
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "looking")


class Kvm:
    """A PiKVM: `shows` is (status, text) of each OCR look in turn, the last one stays."""

    def __init__(self) -> None:
        self.shows: list[tuple[int, str]] = [(200, "Finder  File  Edit")]
        self.looks = 0
        self.picture = (200, JPEG, "image/jpeg")
        self.pictures = 0
        kvm = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body, kind = kvm.answer(self.path, dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server, self.url = serving(Handler)

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, bytes, str]:
        given = {key.lower(): value for key, value in headers.items()}
        if (given.get("x-kvmd-user"), given.get("x-kvmd-passwd")) != ("lab", "s3cret"):
            return 403, b'{"ok": false, "result": {"error": "ForbiddenError"}}', "application/json"
        status, text = self.shows[min(self.looks, len(self.shows) - 1)]
        if path == "/api/streamer/snapshot?ocr=1":
            self.looks += 1
            return status, text.encode(), "text/plain; charset=utf-8"
        assert path == "/api/streamer/snapshot"
        self.pictures += 1
        return self.picture if status == 200 else (status, text.encode(), "application/json")


@pytest.fixture
def kvm() -> Iterator[Kvm]:
    made = Kvm()
    yield made
    made.server.shutdown()
    made.server.server_close()


def screen_of(kvm: Kvm, sink: EvidenceLog, password: str = "s3cret") -> PikvmScreen:
    return PikvmScreen("mini.screen", kvm.url, "lab", password, sink, poll=0.01)


@pytest.fixture
def screen(kvm: Kvm, log: EvidenceLog) -> Iterator[PikvmScreen]:
    made = screen_of(kvm, log)
    yield made
    made.close()


def test_text_and_picture(screen: Screen, kvm: Kvm) -> None:
    kvm.shows = [(200, "Macintosh HD    Options\r\nShut Down    Restart\n\n")]
    assert screen.text(deadline=soon()) == "Macintosh HD    Options\nShut Down    Restart"
    assert screen.picture(deadline=soon()) == JPEG


def test_no_signal_is_an_answer(screen: Screen, kvm: Kvm) -> None:
    kvm.shows = [NO_SIGNAL]
    assert screen.text(deadline=soon()) == ""
    assert screen.picture(deadline=soon()) is None


def test_a_wait_ends_with_what_was_awaited(screen: Screen, kvm: Kvm) -> None:
    kvm.shows = [NO_SIGNAL, (200, ""), (500, "oops"), (200, "Continue holding"), (200, "Macintosh HD  Options")]
    text = screen.wait(lambda shown: "Options" in shown, deadline=soon(), what="the startup options")
    assert text == "Macintosh HD  Options"


@pytest.mark.parametrize(
    ("shows", "said"),
    [
        ((200, "Finder  File"), "the startup options was not seen in time; it showed 'Finder  File'"),
        ((200, ""), "it stayed dark or empty"),
        (NO_SIGNAL, "it stayed dark or empty"),
    ],
)
def test_a_wait_in_vain_quotes_the_screen(screen: Screen, kvm: Kvm, shows: tuple[int, str], said: str) -> None:
    kvm.shows = [shows]
    after_three_looks = until(lambda: kvm.looks == 3)
    with pytest.raises(DeadlineExceeded) as caught:
        screen.wait(lambda shown: "Options" in shown, deadline=after_three_looks, what="the startup options")
    assert said in str(caught.value)
    assert caught.value.wire == "mini.screen"


def test_a_last_look_that_our_own_time_cut_off_does_not_hide_what_was_seen(screen: Screen, kvm: Kvm) -> None:
    kvm.shows = [(200, "Finder  File"), (502, "Bad Gateway")]
    with pytest.raises(DeadlineExceeded, match="the login window was not seen in time; it showed 'Finder  File'"):
        screen.wait(lambda shown: False, deadline=until(lambda: kvm.looks == 2), what="the login window")


def test_a_wait_without_any_time_says_so(screen: Screen, kvm: Kvm) -> None:
    with pytest.raises(DeadlineExceeded, match="the desktop was not seen in time; there was no time to look"):
        screen.wait(lambda shown: True, deadline=soon(0), what="the desktop")
    assert kvm.looks == 0


def test_what_was_seen_was_seen_even_if_its_picture_does_not_come(kvm: Kvm, tmp_path: Path) -> None:
    with contextlib.closing(EvidenceLog("mini", tmp_path / "evidence.jsonl")) as log:
        screen = screen_of(kvm, log)
        kvm.picture = (500, b"oops", "text/plain")
        seen = screen.wait(lambda shown: True, deadline=until(lambda: kvm.pictures == 1), what="the desktop")
        screen.close()
    assert seen == "Finder  File  Edit"
    assert [r.data for r in log.records if r.event == "no picture"] == [{"why": "PiKVM answers 500"}]


def test_wrong_credentials_are_said_without_them(kvm: Kvm, log: EvidenceLog) -> None:
    screen = screen_of(kvm, log, password="wr0ng")
    with pytest.raises(BenchError, match=r"PiKVM refuses us \(403\); look at user and password") as caught:
        screen.wait(lambda shown: True, deadline=soon(), what="anything")
    assert "wr0ng" not in str(caught.value)
    screen.close()


def test_nobody_there_is_a_bench_error_in_time(log: EvidenceLog) -> None:
    screen = PikvmScreen("mini.screen", "http://127.0.0.1:1", "lab", "s3cret", log, poll=0.01)
    with pytest.raises(BenchError, match="PiKVM does not answer"):
        screen.text(deadline=soon(0.4))
    with pytest.raises(DeadlineExceeded, match="the desktop was not seen in time; PiKVM does not answer"):
        screen.wait(lambda shown: True, deadline=soon(1), what="the desktop")
    screen.close()


def test_a_server_that_came_back_is_asked_again(kvm: Kvm, screen: Screen) -> None:
    kvm.shows = [(502, "starting"), (200, "Finder")]
    assert screen.text(deadline=soon()) == "Finder"


def test_evidence_has_texts_when_they_change_and_pictures_as_files(kvm: Kvm, tmp_path: Path) -> None:
    log = EvidenceLog("mini", tmp_path / "evidence.jsonl")
    screen = screen_of(kvm, log)
    kvm.shows = [(200, "one"), (200, "one"), (200, "two")]
    screen.wait(lambda shown: shown == "two", deadline=soon(), what="two")
    assert [r.data["text"] for r in log.records if r.event == "text"] == ["one", "two"]
    (picture,) = [r.data for r in log.records if r.event == "picture"]
    assert picture["sha256"] == hashlib.sha256(JPEG).hexdigest()
    assert Path(picture["file"]).read_bytes() == JPEG
    assert Path(picture["file"]).parent == tmp_path / "pictures"
    assert "s3cret" not in (tmp_path / "evidence.jsonl").read_text()
    screen.close()
    log.close()


def test_without_a_folder_the_hash_is_kept(screen: Screen, log: EvidenceLog) -> None:
    screen.picture(deadline=soon())
    assert [r.data["file"] for r in log.records if r.event == "picture"] == [None]


def test_private_keeps_nothing_and_quotes_nothing(kvm: Kvm, tmp_path: Path) -> None:
    log = EvidenceLog("mini", tmp_path / "evidence.jsonl")
    screen = screen_of(kvm, log)
    kvm.shows = [(200, "Password: hunter2")]
    with screen.private():
        with screen.private():
            assert "hunter2" in screen.text(deadline=soon())
        screen.picture(deadline=soon())
        screen.wait(lambda shown: True, deadline=soon(), what="the field")
        with pytest.raises(DeadlineExceeded) as caught:
            screen.wait(lambda shown: False, deadline=until(lambda: kvm.looks == 4), what="the desktop")
    assert "what it showed is not kept" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert log.records == []
    assert not (tmp_path / "pictures").exists()
    screen.text(deadline=soon())
    assert len(log.records) == 1
    screen.close()


def test_health_asks_for_a_picture(screen: PikvmScreen, kvm: Kvm) -> None:
    assert screen.check(deadline=soon()) == f"a picture of {len(JPEG)} bytes"
    kvm.shows = [NO_SIGNAL]
    assert screen.check(deadline=soon()) == "answers, no signal from the Mac"


def test_a_bad_certificate_file_is_said(tmp_path: Path, log: EvidenceLog) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(BenchError, match="cannot use the certificate"):
        PikvmScreen("s", "https://127.0.0.1:1", "u", "p", log, certificate=tmp_path / "ca.pem")


class Dripping:
    """A server that begins an answer and then sends the same piece again and again, until its client hangs up."""

    def __init__(self, piece: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.piece, self.sent = piece, 0
        self._thread = threading.Thread(target=self._drip)
        self._thread.start()

    def _drip(self) -> None:
        connection, _ = self.listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            while True:
                connection.sendall(self.piece)
                self.sent += 1

    def close(self) -> None:
        """Once its client has hung up. A thread that still accepted would take the next server's connections: that may
        have the same descriptor, and a call that was interrupted is begun again."""
        self._thread.join(30)
        assert not self._thread.is_alive(), "nobody hung up"
        self.listener.close()


@pytest.mark.parametrize(("piece", "said"), [(b"x", "does not end"), (b"x" * (1 << 20), "more than")])
def test_an_answer_that_does_not_end_is_ended(log: EvidenceLog, piece: bytes, said: str) -> None:
    server = Dripping(piece)
    screen = PikvmScreen("mini.screen", server.url, "lab", "s3cret", log, poll=0.01)
    with pytest.raises(BenchError, match=said) as failed:
        screen.text(deadline=soon() if len(piece) > 1 else until(lambda: server.sent > 10))
    assert failed.value.wire == "mini.screen"
    screen.close()
    server.close()
