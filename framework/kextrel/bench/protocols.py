"""The wires of a bench, as small protocols: devices bind to these, drivers implement them, none knows another.

Every call that can wait takes a Deadline and raises BenchError (with the wire's name) when the wire fails; a timeout
ends what it started. Drivers write every byte to the evidence.Sink they were built with, and `close` is idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kextrel.timing import Deadline

__all__ = [
    "Beacon",
    "BootId",
    "Button",
    "Completed",
    "Console",
    "Keyboard",
    "Mdm",
    "MdmAnswer",
    "MdmCommand",
    "Power",
    "Screen",
    "Shell",
    "Ticket",
    "Unlock",
    "Wire",
]


@dataclass(frozen=True)
class BootId:
    """One boot of one Mac: kern.boottime in seconds and microseconds. Another boot has another."""

    sec: int
    usec: int


@dataclass(frozen=True)
class Completed:
    """What a remote command did. `exit_code` is 128 + n when signal n ended it. Streams are apart."""

    command: str
    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        return self.stdout.decode(errors="replace")

    @property
    def err(self) -> str:
        return self.stderr.decode(errors="replace")


class Wire(Protocol):
    """`name` is what people see in errors: `mini.shell (127.0.0.1:2022)`."""

    @property
    def name(self) -> str: ...

    def close(self) -> None: ...

    def check(self, *, deadline: Deadline) -> str:
        """What can be said of the wire without moving anything on the Mac. Raises BenchError when it is dead."""
        ...


class Shell(Wire, Protocol):
    """Commands on a running macOS. Connects when first used, and again by itself after a restart."""

    def run(
        self, command: str, *, deadline: Deadline, input: bytes = b"", limit: int = 16 << 20, again: bool = False
    ) -> Completed:
        """Runs one command line in the login shell with `input` on stdin.

        `again`: it changes nothing, so where its answer was lost it is asked once more, of the same boot. What may have
        changed the Mac is never repeated.

        More than `limit` bytes on a stream is a BenchError; past the deadline the remote command and its children are
        killed first, then DeadlineExceeded is raised. `command` is quoted by the caller (shlex.join).
        """
        ...

    def upload(self, local: Path, remote: str, *, deadline: Deadline) -> None:
        """Copies a file, or a directory with all below it, to `remote` (an absolute path)."""
        ...

    def boot_id(self, *, deadline: Deadline) -> BootId:
        """The boot that this Mac is in, asked afresh."""
        ...

    def wait_for_boot(self, *, deadline: Deadline, other_than: BootId | None = None) -> BootId:
        """Waits until a shell answers in another boot than `other_than` (None: in any)."""
        ...

    def wait_until_gone(self, *, deadline: Deadline) -> None:
        """Waits until no shell answers any more: the Mac went down."""
        ...

    def reachable(self, *, deadline: Deadline) -> bool:
        """Whether a shell answers now: one short attempt. A refused connection or a closed port is False, no error."""
        ...


class Unlock(Wire, Protocol):
    """The SSH that a Mac with FileVault has before its boot, from macOS 26 on with Apple silicon."""

    def waiting(self, *, deadline: Deadline) -> bool:
        """Whether an SSH that has our host key takes a password; that of macOS does, too, so who asks has seen that no
        shell answers. One short attempt, and nothing is given away. Nobody there is False, no error."""
        ...

    def unlock(self, user: str, password: str, *, deadline: Deadline) -> bool:
        """Gives the password once. Whether that was acknowledged; False when the connection ended without a word, and
        the boot must tell. A password that is refused is a BenchError; a Transient, where it was not given."""
        ...


class Console(Wire, Protocol):
    """A serial line. One owner at a time: a second open of the same port is refused, naming the owner's process."""

    def write(self, data: bytes, *, deadline: Deadline) -> None: ...

    def read_until(self, pattern: bytes, *, deadline: Deadline) -> bytes:
        """Everything up to and including the first match of the regular expression `pattern` on the growing buffer."""
        ...

    def read_available(self) -> bytes:
        """What has arrived and was not read yet; never waits."""
        ...


class Power(Wire, Protocol):
    """The mains of one Mac."""

    def on(self, *, deadline: Deadline) -> None: ...

    def off(self, *, deadline: Deadline) -> None: ...


class Button(Wire, Protocol):
    """The contacts of one power button. Whatever happens, the contacts are open again afterwards."""

    def press(self, mac_seconds: float, *, deadline: Deadline) -> None:
        """Closes the contacts for `mac_seconds` (Mac seconds, divided by time_scale), then opens them."""
        ...

    def held(self, *, deadline: Deadline) -> AbstractContextManager[None]:
        """Closes the contacts for the duration of the `with`, and opens them on every way out of it."""
        ...

    def release(self) -> None:
        """Opens the contacts; harmless when they are open. Called by `close` too."""
        ...


class Keyboard(Wire, Protocol):
    """A USB-HID injector: to macOS a physical keyboard and mouse."""

    def type(self, text: str, *, deadline: Deadline) -> None:
        """Types printable text, US layout. A character that has no key is a UsageError."""
        ...

    def type_secret(self, secret: str, *, deadline: Deadline) -> None:
        """As `type`, but neither the text nor its frames reach the evidence."""
        ...

    def press(self, *keys: str, deadline: Deadline) -> None:
        """Presses keys together and releases them: "return", "tab", "space", "escape", "left", "f2", "command",
        "control", "shift", "option", or one character."""
        ...

    def held(self, *keys: str, deadline: Deadline) -> AbstractContextManager[None]:
        """Holds keys for the duration of the `with` (Command-R as an Intel Mac starts); releases on every way out."""
        ...

    def release(self) -> None:
        """All keys up; harmless when they are. Called by `close` too."""
        ...


class Screen(Wire, Protocol):
    """What the Mac shows."""

    def text(self, *, deadline: Deadline) -> str:
        """The text on the screen, lines from top to bottom as OCR reads them; "" without a signal or a text."""
        ...

    def picture(self, *, deadline: Deadline) -> bytes | None:
        """One JPEG, or None when there is no signal."""
        ...

    def wait(self, seen: Callable[[str], bool], *, deadline: Deadline, what: str) -> str:
        """Looks until `seen(text)` is true and returns that text.

        On the deadline: DeadlineExceeded that says `what` was awaited and quotes what the screen showed last.
        """
        ...

    def private(self) -> AbstractContextManager[None]:
        """While inside, no picture and no text of the screen is kept as evidence: a secret's field is on it."""
        ...


@dataclass(frozen=True)
class Ticket:
    """One expected report. `url` serves the script to GET and takes what is PUT or POSTed to it; it is unguessable."""

    url: str
    token: str


class Beacon(Wire, Protocol):
    """An HTTP listener that a Mac without a shell (recoveryOS has curl) can reach."""

    def offer(self, script: str) -> Ticket:
        """Serves `script` at a new URL; in it, `@REPORT@` stands for the URL that its reports go to."""
        ...

    def receive(self, ticket: Ticket, *, deadline: Deadline) -> bytes:
        """Waits for the next report on this ticket (at most 1 MiB each)."""
        ...

    def withdraw(self, ticket: Ticket) -> None:
        """Ends a ticket: later requests for it answer 404."""
        ...


@dataclass(frozen=True)
class MdmCommand:
    """One command that waits for its Mac. `uuid` is its CommandUUID; `request_type` is "RestartDevice" or another."""

    uuid: str
    request_type: str


@dataclass(frozen=True)
class MdmAnswer:
    """What the Mac said of a command: `status` is "Acknowledged", "Error", "CommandFormatError" or "NotNow".

    `body` is its whole property list. After NotNow another answer follows once the Mac has time.
    """

    command: MdmCommand
    status: str
    body: Mapping[str, Any]


class Mdm(Wire, Protocol):
    """One Mac as its MDM server reaches it: commands go in, answers come out when the Mac polls."""

    def send(self, request: Mapping[str, Any], *, deadline: Deadline) -> MdmCommand:
        """Queues `request` (RequestType and its keys) for the Mac and tells the Mac to poll.

        The command waits in the server's queue while the Mac is off or in recovery, until it is answered or withdrawn.
        """
        ...

    def receive(self, command: MdmCommand, *, deadline: Deadline) -> MdmAnswer:
        """Waits for the next answer to `command`. On the deadline: withdraws it as far as the server can, then
        DeadlineExceeded."""
        ...

    def withdraw(self, command: MdmCommand, *, deadline: Deadline) -> bool:
        """Takes a command back; its later answers are dropped. False where the Mac may still carry it out."""
        ...
