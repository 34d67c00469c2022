"""Serial ports have one owner, block on the descriptor, and also live behind RFC 2217."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from queue import Queue
from typing import Any

import pytest

from kextrel.bench import serialport
from kextrel.bench.serialport import SerialPort
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.timing import Deadline


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "the test's bytes")


def test_bytes_go_both_ways(board) -> None:  # type: ignore[no-untyped-def]
    port = SerialPort(board.port, 9600, "w")
    port.write(bytes(range(256)), deadline=soon())
    assert board.until(lambda heard: len(heard) == 256) == bytes(range(256))
    board.say(bytes(range(256)))
    arrived = b""
    while len(arrived) < 256:
        arrived += port.read(deadline=soon())
    assert arrived == bytes(range(256))
    assert port.available() == b""
    port.close()
    port.close()


def test_a_read_wakes_with_the_byte_and_costs_nothing_before(board) -> None:  # type: ignore[no-untyped-def]
    port = SerialPort(board.port, 9600, "w")
    used = time.thread_time()
    threading.Timer(0.3, lambda: board.say(b"x")).start()
    assert port.read(deadline=soon()) == b"x"
    assert time.thread_time() - used < 0.1, "who looks again and again uses all of it"
    assert port.read(deadline=soon(0.1)) == b""
    port.close()


def test_the_second_owner_is_told_who_has_it(board) -> None:  # type: ignore[no-untyped-def]
    port = SerialPort(board.port, 9600, "first")
    with pytest.raises(BenchError) as caught:
        SerialPort(board.port, 9600, "second")
    assert str(caught.value).startswith(f"second: {board.port} is in use: process {os.getpid()} (")
    port.close()
    SerialPort(board.port, 9600, "third").close()


def test_an_owner_in_another_process_is_named(board) -> None:  # type: ignore[no-untyped-def]
    hold = (
        "import sys\nfrom kextrel.bench.serialport import SerialPort\n"
        f"port = SerialPort({board.port!r}, 9600, 'theirs')\nprint('open', flush=True)\nsys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"open\n"
    with pytest.raises(BenchError, match=f"process {other.pid} "):
        SerialPort(board.port, 9600, "ours")
    other.kill()
    other.communicate()
    SerialPort(board.port, 9600, "ours").close()


def test_a_port_that_is_not_there_is_said(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BenchError, match=r"cannot open /dev/ttyNONE: No such file or directory; look at the port"):
        SerialPort("/dev/ttyNONE", 9600, "w")
    (tmp_path / "file").write_text("no port")
    with pytest.raises(BenchError, match="cannot open"):
        SerialPort(str(tmp_path / "file"), 9600, "w")


def test_an_adapter_that_is_pulled_out_is_a_bench_error(board) -> None:  # type: ignore[no-untyped-def]
    port = SerialPort(board.port, 9600, "w")
    threading.Timer(0.2, board.hang_up).start()
    with pytest.raises(BenchError, match=r"the port failed: .*; is the adapter plugged in"):
        port.read(deadline=soon())
    port.close()


def test_a_port_that_takes_no_bytes_ends_the_write(board) -> None:  # type: ignore[no-untyped-def]
    blocked = threading.Event()
    board.answers = lambda data: b"" if blocked.wait(30) else b"late"
    port = SerialPort(board.port, 9600, "w")
    with pytest.raises(DeadlineExceeded, match="takes no more bytes"):
        port.write(b"x" * (1 << 20), deadline=soon(0.3))
    blocked.set()
    port.close()


def test_an_interrupt_ends_a_waiting_read(board) -> None:  # type: ignore[no-untyped-def]
    port = SerialPort(board.port, 9600, "w")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(port.read(deadline=soon(30))))
    reader.start()
    port.interrupt()
    reader.join(30)
    assert got == [b""]
    port.close()
    with pytest.raises(BenchError, match="it is closed"):
        port.write(b"x", deadline=soon())


class Rfc2217Server:
    """A port behind telnet: agrees to every option, acknowledges every port setting, and echoes the data."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self.listener.getsockname()[1]}?ign_set_control"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            buffer = b""
            while data := connection.recv(4096):
                buffer = self._consume(connection, buffer + data)

    def _consume(self, connection: socket.socket, buffer: bytes) -> bytes:
        iac, sb, se, will, wont, do, dont = 255, 250, 240, 251, 252, 253, 254
        while buffer:
            if buffer[0] != iac:
                end = buffer.find(bytes([iac]))
                plain, buffer = (buffer, b"") if end < 0 else (buffer[:end], buffer[end:])
                connection.sendall(plain)
            elif len(buffer) < 3:
                return buffer
            elif buffer[1] in (will, wont, do, dont):
                answer = {will: do, do: will, wont: dont, dont: wont}[buffer[1]]
                connection.sendall(bytes([iac, answer, buffer[2]]))
                buffer = buffer[3:]
            elif buffer[1] == sb:
                end = buffer.find(bytes([iac, se]))
                if end < 0:
                    return buffer
                asked = buffer[2:end]
                reply = bytes([asked[0], asked[1] + 100]) + asked[2:]
                connection.sendall(bytes([iac, sb]) + reply + bytes([iac, se]))
                buffer = buffer[end + 2 :]
            else:
                buffer = buffer[2:]
        return buffer


def test_the_thread_of_a_network_port_that_was_closed_says_so_to_who_reads() -> None:
    port: Any = serialport._Network()  # never opened: as `close` leaves it between two looks of its thread
    port._read_buffer = Queue()
    port._telnet_read_loop()
    assert port._read_buffer.get_nowait() is None


@pytest.mark.filterwarnings("ignore:set:DeprecationWarning:serial")  # pyserial's own, in its reader thread
def test_a_port_behind_rfc2217_works_the_same() -> None:
    server = Rfc2217Server()
    port = SerialPort(server.url, 9600, "w")
    port.write(b"through the network", deadline=soon())
    arrived = b""
    while len(arrived) < 19:
        arrived += port.read(deadline=soon())
    assert arrived == b"through the network"
    assert port.available() == b""
    port.close()
    with pytest.raises(BenchError, match="cannot open rfc2217"):
        SerialPort("rfc2217://127.0.0.1:1", 9600, "w")


@pytest.mark.filterwarnings("ignore:set:DeprecationWarning:serial")
def test_an_interrupt_ends_a_waiting_read_over_the_network_too() -> None:
    port = SerialPort(Rfc2217Server().url, 9600, "w")
    waiting, got = threading.Event(), []

    def read() -> None:
        waiting.set()
        with contextlib.suppress(BenchError):
            got.append(port.read(deadline=soon(60)))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert waiting.wait(30)
    port.interrupt()
    reader.join(30)
    assert not reader.is_alive()
    assert got in ([], [b""])
    port.close()
