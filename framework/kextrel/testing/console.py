"""What every driver of `protocols.Console` promises, as tests."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import pytest

from kextrel.bench.protocols import Console
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.testing.difference import difference
from kextrel.testing.patience import Patient

__all__ = ["ConsoleConformance", "ConsolePeer"]

EVERY_BYTE = bytes(range(256))


class ConsolePeer(Protocol):
    """The far end of a serial line: what a Mac would say and hear."""

    def console(self) -> Console:
        """Opens a driver of yours on the line."""
        ...

    def say(self, data: bytes) -> None:
        """Sends bytes down the line; may wait while nobody reads them."""
        ...

    def hear(self, count: int) -> bytes:
        """The next `count` bytes that came up the line; waits for them, and fails the test when they do not come."""
        ...

    def hang_up(self) -> None:
        """The line dies: the adapter is pulled out, or its server ends. Only once, and last."""
        ...


class ConsoleConformance(Patient):
    """Give it a fixture `peer` that makes a ConsolePeer; a new one for each test."""

    @pytest.fixture
    def console(self, peer: ConsolePeer) -> Iterator[Console]:
        """A driver on the line."""
        wire = peer.console()
        yield wire
        wire.close()

    def test_a_match_may_be_split_anywhere(self, peer: ConsolePeer, console: Console) -> None:
        for piece in (b"log", b"in: ad", b"min\r\nPass", b"word: rest"):
            peer.say(piece)
        assert console.read_until(rb"login: ", deadline=self.soon()) == b"login: "
        assert console.read_until(rb"Pass\w+: ", deadline=self.soon()) == b"admin\r\nPassword: "
        assert console.read_until(rb"rest", deadline=self.soon()) == b"rest"
        assert console.read_available() == b""

    def test_nothing_is_lost_while_nobody_reads(self, peer: ConsolePeer, console: Console) -> None:
        lines = b"panic(cpu 0 caller 0xfffffe0012345678): a line that everybody needs\r\n" * 3000
        with ThreadPoolExecutor(1) as pool:
            said = pool.submit(peer.say, lines + b"END")
            read = console.read_until(rb"END", deadline=self.soon())
            assert difference(read, lines + b"END") == ""
            said.result()

    def test_every_byte_comes_down_as_it_was_said(self, peer: ConsolePeer, console: Console) -> None:
        peer.say(EVERY_BYTE + b"\xff\xff\r\0\r\n\xff\xf0|")
        assert console.read_until(rb"\xff\xf0\|$", deadline=self.soon()) == EVERY_BYTE + b"\xff\xff\r\0\r\n\xff\xf0|"

    def test_every_byte_goes_up_as_it_was_written(self, peer: ConsolePeer, console: Console) -> None:
        console.write(EVERY_BYTE, deadline=self.soon())
        console.write(b"\xff\xff\r\0\r\n\xff\xf0|", deadline=self.soon())
        assert peer.hear(256 + 9) == EVERY_BYTE + b"\xff\xff\r\0\r\n\xff\xf0|"

    def test_the_first_match_is_taken_and_the_rest_stays(self, peer: ConsolePeer, console: Console) -> None:
        peer.say(b"one# two# three")
        assert console.read_until(rb"# ", deadline=self.soon()) == b"one# "
        assert console.read_until(rb"o# (?=three)", deadline=self.soon()) == b"two# "
        assert console.read_available() == b"three"

    def test_available_never_waits(self, console: Console) -> None:
        assert console.read_available() == b""

    def test_what_does_not_come_is_awaited_no_longer_and_what_came_is_kept(
        self, peer: ConsolePeer, console: Console
    ) -> None:
        peer.say(b"login: ")
        with pytest.raises(DeadlineExceeded) as late:
            console.read_until(rb"# $", deadline=self.briefly())
        assert late.value.wire == console.name
        assert console.read_until(rb"login: ", deadline=self.soon()) == b"login: "

    def test_a_line_that_dies_ends_a_read_and_says_so(self, peer: ConsolePeer, console: Console) -> None:
        assert console.check(deadline=self.soon()).strip()
        with ThreadPoolExecutor(1) as pool:
            peer.say(b"begun")
            console.read_until(rb"begun", deadline=self.soon())
            begun: Future[bytes] = pool.submit(console.read_until, rb"never", deadline=self.soon())
            peer.hang_up()
            dead = begun.exception(self.patience)
        assert isinstance(dead, BenchError)
        assert not isinstance(dead, DeadlineExceeded)
        assert dead.wire == console.name
        with pytest.raises(BenchError):
            console.check(deadline=self.soon())

    def test_a_line_has_one_owner(self, peer: ConsolePeer, console: Console) -> None:
        with pytest.raises(BenchError):
            peer.console()
        peer.say(b"still here")
        assert console.read_until(rb"here", deadline=self.soon()) == b"still here"
        console.close()
        other = self._reopened(peer)
        peer.say(b"for the next")
        assert other.read_until(rb"next", deadline=self.soon()).endswith(b"for the next")
        other.close()

    def test_close_may_come_twice_and_is_the_end(self, console: Console) -> None:
        console.close()
        console.close()
        with pytest.raises(BenchError) as closed:
            console.read_until(rb"x", deadline=self.briefly())
        assert not isinstance(closed.value, DeadlineExceeded)
        with pytest.raises(BenchError):
            console.write(b"x", deadline=self.soon())

    def _reopened(self, peer: ConsolePeer) -> Console:
        """A driver on a line that was just given up: a server on the way may need a moment to know."""
        limit = self.soon()
        while True:
            try:
                return peer.console()
            except BenchError:
                if limit.expired:
                    raise
