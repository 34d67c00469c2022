"""The console loses nothing, matches on a growing buffer, and wakes its waiter with the byte."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kextrel.bench.console import SerialConsole
from kextrel.bench.protocols import Console
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.evidence import MASK
from kextrel.timing import Deadline


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "the prompt")


def test_a_match_may_be_split_anywhere(board, log) -> None:  # type: ignore[no-untyped-def]
    console: Console = SerialConsole("mini.console", board.port, 115200, log)
    with ThreadPoolExecutor(1) as pool:
        for first, second, awaited, read in (
            (b"login", b": ad", rb"login: ", b"login: "),
            (b"min\r\nPass", b"word: rest", rb"Pass\w+: ", b"admin\r\nPassword: "),
        ):
            waiting = pool.submit(console.read_until, awaited, deadline=soon())
            board.say(first)
            console.read_until(rb"(?s)\A(?=.*%b)" % first[-4:], deadline=soon())  # it has come, and stays to be read
            board.say(second)
            assert waiting.result(30) == read
    assert console.read_until(rb"rest", deadline=soon()) == b"rest"
    assert console.read_available() == b""
    console.close()


def test_nothing_is_lost_while_nobody_reads(board, log) -> None:  # type: ignore[no-untyped-def]
    console = SerialConsole("mini.console", board.port, 115200, log)
    line = b"panic(cpu 0): the line that everybody needs\r\n" * 5000
    board.say(line + b"END")
    assert console.read_until(rb"END", deadline=soon()) == line + b"END"
    assert "".join(r.data["data"] for r in log.records if r.event == "read") == (line + b"END").decode()
    console.close()


def test_what_is_written_arrives_and_is_evidence(board, log) -> None:  # type: ignore[no-untyped-def]
    console = SerialConsole("mini.console", board.port, 115200, log)
    console.write(b"reboot\r", deadline=soon())
    assert board.until(lambda heard: heard.endswith(b"\r")) == b"reboot\r"
    assert [(r.wire, r.event, r.data) for r in log.records] == [("console", "write", {"data": "reboot\r"})]
    console.close()


def test_a_prompt_that_does_not_come_quotes_what_came(board, log) -> None:  # type: ignore[no-untyped-def]
    console = SerialConsole("mini.console", board.port, 115200, log)
    board.say(b"login: ")
    console.read_until(rb"(?=login: )", deadline=soon())  # it has come, and stays to be read
    with pytest.raises(DeadlineExceeded) as caught:
        console.read_until(rb"# $", deadline=soon(0.05))
    assert str(caught.value) == "mini.console: the prompt: no '# $' came in time, only 'login: '"
    assert console.read_available() == b"login: "
    console.close()


def test_a_waiter_is_told_when_the_line_dies(board, log) -> None:  # type: ignore[no-untyped-def]
    console = SerialConsole("mini.console", board.port, 115200, log)
    assert "port open" in console.check(deadline=soon())
    threading.Timer(0.2, board.hang_up).start()
    with pytest.raises(BenchError, match="is the adapter plugged in"):
        console.read_until(rb"never", deadline=soon())
    with pytest.raises(BenchError):
        console.check(deadline=soon())
    console.close()


def test_the_second_owner_is_refused_until_the_first_closes(board, log) -> None:  # type: ignore[no-untyped-def]
    console = SerialConsole("mini.console", board.port, 115200, log)
    with pytest.raises(BenchError, match="is in use: process"):
        SerialConsole("other.console", board.port, 115200, log)
    console.close()
    console.close()
    with pytest.raises(BenchError, match="closed"):
        console.read_until(rb"x", deadline=soon())
    SerialConsole("other.console", board.port, 115200, log).close()


def test_a_secret_that_arrives_in_pieces_is_masked(board, log) -> None:  # type: ignore[no-untyped-def]
    log.hide("correct horse")
    console = SerialConsole("mini.console", board.port, 115200, log)
    pieces = {b"Password: cor": b"Password: (?=cor)", b"rect ho": b"(?=correct ho)", b"rse\r\nlogin: ": b"login: "}
    for piece, arrived in pieces.items():
        board.say(piece)
        console.read_until(arrived, deadline=soon())
    console.close()
    assert "".join(r.data["data"] for r in log.records) == f"Password: {MASK}\r\nlogin: "
