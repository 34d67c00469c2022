"""The thread that writes a command's input ends in silence: whoever reads the answer says what became of it."""

from __future__ import annotations

import paramiko
import pytest

from kextrel.bench import remote


class Gone:
    """A channel whose connection ended: after the input, or in the middle of it."""

    def __init__(self, at: str, error: Exception) -> None:
        self.at, self.error, self.calls = at, error, []  # type: ignore[var-annotated]

    def sendall(self, _data: bytes) -> None:
        self._called("sendall")

    def shutdown_write(self) -> None:
        self._called("shutdown_write")

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name == self.at:
            raise self.error


@pytest.mark.parametrize("at", ["sendall", "shutdown_write"])
@pytest.mark.parametrize(
    "error", [EOFError(), OSError("Socket is closed"), paramiko.SSHException("timed out")], ids=repr
)
def test_input_for_a_connection_that_is_gone_raises_nothing(at: str, error: Exception) -> None:
    channel = Gone(at, error)
    remote._write(channel, b"input")  # type: ignore[arg-type]
    assert channel.calls[-1] == at


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_the_mark_is_found_however_it_comes(size: int) -> None:
    """Behind a greeting, after a shell that quotes it, in pieces of any size; what follows is the command's."""
    stream = remote._Stream(b"kextrel-0123")
    said = b"Welcome\nzsh: echo kextrel-0123 $$; no\n" + b"kextrel-0123 4711\nits own kextrel-0123 9\n"
    for start in range(0, len(said), size):
        stream.feed(said[start : start + size])
    assert (stream.pid, bytes(stream.data)) == (4711, b"its own kextrel-0123 9\n")
