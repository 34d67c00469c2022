"""Relay boards that answer: KMTronic, Devantech and Numato. Each switch is followed by a look at the relay.

Sources: KMTronic's USB relay boards (`FF channel state`), Devantech's USB-RLY02/08/16 (one byte a command), Numato's
USB relay modules (text, ended by a carriage return). All are 9600 8N1 here; over USB CDC the speed means nothing.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from kextrel.bench.relay import Asker, Board, LcusBoard, SharedBoard
from kextrel.errors import BenchError, DeadlineExceeded, UsageError
from kextrel.timing import Deadline

__all__ = ["BOARDS", "DevantechBoard", "KmtronicBoard", "NumatoBoard"]

ANSWER = 1.0  # wall seconds that a board has for an answer: it takes milliseconds, and a button may be down meanwhile
TRIES = 3  # for a relay that seems not to have moved: what somebody who was interrupted left may have come between
LONGEST = 256  # bytes of an answer
_SINGLES = 2  # relays up to which a KMTronic board is asked for each alone
_DEVANTECH = {"on": 0x64, "off": 0x6E}  # all of them; each one follows
_TWO_DIGITS = 64  # relays of the Numato board that wants two digits
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"


class AnsweringBoard(SharedBoard):
    """A board that tells the state of a relay when it is asked."""

    def switch(self, channel: int, on: bool, asker: Asker, *, deadline: Deadline) -> None:
        self._refuse_unknown(channel)
        with self._writing:
            for _ in range(TRIES):
                self._tell(channel, on, asker, deadline)
                if self._told(channel, asker, deadline) is on:
                    return
        told, still = ("on", "off") if on else ("off", "on")
        what = f"the {self.kind} board was told to switch relay {channel} {told}, and says that it is still {still}"
        raise BenchError(what, wire=asker.name, hint="has the relay its own supply, and is the channel right?")

    def check(self, channel: int, asker: Asker, *, deadline: Deadline) -> str:
        self._refuse_unknown(channel)
        with self._writing:
            state = "on" if self._is_on(channel, asker, deadline) else "off"
            return f"{self._introduced(asker, deadline)} answers, relay {channel} is {state}"

    def _told(self, channel: int, asker: Asker, deadline: Deadline) -> bool:
        """Asks, and writes down what the board says."""
        state = self._is_on(channel, asker, deadline)
        asker.sink.record(asker.wire, "relay state", channel=channel, on=state)
        return state

    @abstractmethod
    def _channels(self) -> range:
        """Which relays the board has, as it counts them."""

    @abstractmethod
    def _tell(self, channel: int, on: bool, asker: Asker, deadline: Deadline) -> None:
        """Sends what switches the relay, and records it."""

    @abstractmethod
    def _is_on(self, channel: int, asker: Asker, deadline: Deadline) -> bool:
        """Asks the board."""

    def _introduced(self, _asker: Asker, _deadline: Deadline) -> str:
        """What the board calls itself."""
        return f"a {self.kind} board of {self._relays}"

    def _refuse_unknown(self, channel: int) -> None:
        known = self._channels()
        if channel not in known:
            raise UsageError(f"this {self.kind} board has no relay {channel}, only {known[0]} to {known[-1]}")

    def _asked(self, question: bytes, whole: Callable[[bytes], bool], asker: Asker, deadline: Deadline) -> bytes:
        """What comes after `question` until `whole` of it; what had come before is nobody's any more."""
        self._port.available()
        self._port.write(question, deadline=deadline)
        limit, heard = deadline.within(ANSWER), b""
        while not whole(heard):
            more = self._port.read(deadline=limit)
            heard += more
            if not more or len(heard) > LONGEST:
                raise self._silent(heard, asker)
        return heard

    def _silent(self, heard: bytes, asker: Asker) -> DeadlineExceeded:
        said = f"only {heard[:16].hex(' ')}" if heard else "nothing"
        what = f"the {self.kind} board does not answer: {said} came in time"
        return DeadlineExceeded(what, wire=asker.name, hint="is it this kind of board, and of this many relays?")

    def _strange(self, heard: bytes, asker: Asker) -> BenchError:
        what = f"the {self.kind} board answers {heard[:40]!r}, which is no state of a relay"
        return BenchError(what, wire=asker.name, hint="is it this kind of board, and of this many relays?")


class KmtronicBoard(AnsweringBoard):
    """`FF 02 01` is relay 2 on. Boards of one or two relays tell by `FF 02 03` → `FF 02 01`, larger ones by `FF 09 00`
    → one byte a relay."""

    kind = "KMTronic"

    def _channels(self) -> range:
        return range(1, self._relays + 1)

    def _tell(self, channel: int, on: bool, asker: Asker, deadline: Deadline) -> None:
        bytes_ = bytes([0xFF, channel, int(on)])
        asker.sink.record(asker.wire, "relay", channel=channel, on=on, frame=bytes_.hex(" "))
        self._port.write(bytes_, deadline=deadline)

    def _is_on(self, channel: int, asker: Asker, deadline: Deadline) -> bool:
        if self._relays <= _SINGLES:
            head, length, question = bytes([0xFF, channel]), 3, bytes([0xFF, channel, 3])
        else:
            head, length, question = b"", self._relays, bytes([0xFF, 9, 0])
        heard = self._asked(question, lambda heard: len(heard) >= length, asker, deadline)
        states = heard[-length:].removeprefix(head)
        if len(states) != length - len(head) or not set(states) <= {0, 1}:
            raise self._strange(heard, asker)
        return states[0 if head else channel - 1] == 1


class DevantechBoard(AnsweringBoard):
    """`66` is relay 2 on, `70` off; `5B` → a byte with a bit for each relay; `5A` → its kind and its version."""

    kind = "Devantech"

    def _channels(self) -> range:
        return range(1, 9)

    def _tell(self, channel: int, on: bool, asker: Asker, deadline: Deadline) -> None:
        bytes_ = bytes([_DEVANTECH["on" if on else "off"] + channel])
        asker.sink.record(asker.wire, "relay", channel=channel, on=on, frame=bytes_.hex(" "))
        self._port.write(bytes_, deadline=deadline)

    def _is_on(self, channel: int, asker: Asker, deadline: Deadline) -> bool:
        heard = self._asked(b"\x5b", lambda heard: len(heard) >= 1, asker, deadline)
        return bool(heard[-1] >> (channel - 1) & 1)

    def _introduced(self, asker: Asker, deadline: Deadline) -> str:
        kind, version = self._asked(b"\x5a", lambda heard: len(heard) >= 2, asker, deadline)[:2]
        return f"a Devantech board (module {kind}, version {version})"


class NumatoBoard(AnsweringBoard):
    """`relay on 2` and a carriage return; the answer is the echo and a prompt. `relay read 2` → `on` or `off` between
    the two. The echo tells it from the answer to a question that somebody was interrupted in. Relays are counted from
    0: one digit, 0 to V on boards of 32, two digits on boards of 64."""

    kind = "Numato"
    _state: ClassVar[re.Pattern[bytes]] = re.compile(rb"[\r\n](on|off)[\r\n]+>\s*\Z")

    def _channels(self) -> range:
        return range(self._relays)

    def _tell(self, channel: int, on: bool, asker: Asker, deadline: Deadline) -> None:
        line = f"relay {'on' if on else 'off'} {self._digits(channel)}"
        asker.sink.record(asker.wire, "relay", channel=channel, on=on, line=line)
        self._line(line, asker, deadline)

    def _is_on(self, channel: int, asker: Asker, deadline: Deadline) -> bool:
        heard = self._line(f"relay read {self._digits(channel)}", asker, deadline)
        found = self._state.search(heard)
        if found is None:
            raise self._strange(heard, asker)
        return found[1] == b"on"

    def _line(self, line: str, asker: Asker, deadline: Deadline) -> bytes:
        """What comes after the echo of `line`, up to the prompt."""
        echo = line.encode()

        def whole(heard: bytes) -> bool:
            return echo in heard and heard.rstrip().endswith(b">")

        return self._asked(echo + b"\r", whole, asker, deadline).rpartition(echo)[2]

    def _digits(self, channel: int) -> str:
        return f"{channel:02}" if self._relays == _TWO_DIGITS else _DIGITS[channel]


BOARDS: dict[str, Callable[..., Board]] = {
    "lcus": LcusBoard.acquire,
    "kmtronic": KmtronicBoard.acquire,
    "devantech": DevantechBoard.acquire,
    "numato": NumatoBoard.acquire,
}
"""What acquires a board, by the names that profiles give: by port, wire, and `relays` where the board needs it."""
