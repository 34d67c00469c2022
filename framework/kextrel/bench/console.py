"""The console wire: a serial line that is read all the time, so that no character is lost while nobody looks."""

from __future__ import annotations

import re
import threading

from kextrel.bench.serialport import SerialPort
from kextrel.errors import BenchError, DeadlineExceeded
from kextrel.evidence import Sink
from kextrel.timing import Deadline

__all__ = ["SerialConsole"]

LINE = 1 << 12  # bytes of a line that may wait for its end before they are evidence
PARTING = 10.0  # wall seconds that the reading thread has to end when the console is closed; a daemon, it may be left
KEPT = 1 << 20  # bytes that wait to be read; older ones are in the evidence only


class SerialConsole:
    """protocols.Console on a serial port. A thread blocks on the port, and waiters are told of every arrival."""

    def __init__(self, name: str, port: str, baud: int, sink: Sink, *, wire: str = "console") -> None:
        """Opens the port. Raises BenchError, naming the owner of a port that is somebody's."""
        self._name, self._sink, self._wire = name, sink, wire
        self._port = SerialPort(port, baud, name)
        self._buffer = bytearray()
        self._unsaid = bytearray()  # what is not evidence yet: the line that has not ended
        self._failed: BenchError | None = None
        self._closed = False
        self._arrived = threading.Condition()
        self._reader = threading.Thread(target=self._collect, name=f"console {name}", daemon=True)
        self._reader.start()

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes, *, deadline: Deadline) -> None:
        self._sink.record(self._wire, "write", data=data)
        self._port.write(data, deadline=deadline)

    def read_until(self, pattern: bytes, *, deadline: Deadline) -> bytes:
        form = re.compile(pattern)
        with self._arrived:
            while (end := _end_of_match(form, self._buffer)) is None:
                self._still_open()
                if deadline.expired:
                    raise self._late(pattern, deadline)
                self._arrived.wait(deadline.remaining)
            taken = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._say(max(0, len(self._unsaid) - len(self._buffer)))
            return taken

    def read_available(self) -> bytes:
        with self._arrived:
            if not self._buffer:
                self._still_open()
            taken = bytes(self._buffer)
            self._buffer.clear()
            return taken

    def check(self, *, deadline: Deadline) -> str:
        """For health: the port is open and ours; whether something talks cannot be known from a quiet line."""
        deadline.check(self._name)
        with self._arrived:
            self._still_open()
        return "port open; a quiet line does not say whether a Mac is there"

    def close(self) -> None:
        self._closed = True
        self._port.interrupt()
        self._reader.join(PARTING)
        self._say(len(self._unsaid))
        self._port.close()

    def _collect(self) -> None:
        while not self._closed:
            try:
                chunk = self._port.read(deadline=Deadline.after(3600, "the next character"))
            except BenchError as error:
                self._tell(b"", error)
                return
            if chunk:
                self._tell(chunk, None)

    def _say(self, end: int) -> None:
        """Makes the first `end` bytes evidence. Whole lines, where that can be: half a secret is not recognised."""
        if end:
            said = bytes(self._unsaid[:end])
            del self._unsaid[:end]
            self._sink.record(self._wire, "read", data=said)

    def _tell(self, chunk: bytes, failed: BenchError | None) -> None:
        with self._arrived:
            self._buffer += chunk
            del self._buffer[:-KEPT]
            self._unsaid += chunk
            too_long = failed is not None or len(self._unsaid) > LINE
            self._say(len(self._unsaid) if too_long else self._unsaid.rfind(b"\n") + 1)
            self._failed = failed
            self._arrived.notify_all()

    def _still_open(self) -> None:
        if self._failed is not None:
            raise self._failed
        if self._closed:
            raise BenchError("the console is closed", wire=self._name)

    def _late(self, pattern: bytes, deadline: Deadline) -> DeadlineExceeded:
        tail = bytes(self._buffer[-200:])
        shown = repr(tail.decode(errors="replace")) if tail else "nothing"
        expected = pattern.decode(errors="replace")
        return DeadlineExceeded(f"{deadline.what}: no {expected!r} came in time, only {shown}", wire=self._name)


def _end_of_match(form: re.Pattern[bytes], buffer: bytearray) -> int | None:
    """Keeps no match object: that would hold the buffer's memory, which then cannot be cut."""
    found = form.search(buffer)
    return found.end() if found else None
