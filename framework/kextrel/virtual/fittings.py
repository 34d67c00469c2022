"""What a machine tells the software that is put into it, and who makes that software.

The machine knows a kernel's extension management, a display, a serial console and an SSH daemon only by these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from kextrel.virtual.hardware.startup import Started

if TYPE_CHECKING:
    from kextrel.virtual.machine import Machine
    from kextrel.virtual.macos.sysextd import SystemExtensions
    from kextrel.virtual.mdm.management import Management
    from kextrel.virtual.unix.fs import FileSystem
    from kextrel.virtual.unix.system import System

__all__ = ["Display", "Fittings", "Kernel", "Serial", "Sshd"]


class Kernel(Protocol):
    """Kernel extensions: kernelmanagerd's state on the disk and what the running kernel has loaded."""

    def boot(self, started: Started | None) -> None:
        """The boot loader's part: what may be loaded at this boot is; None in recovery: nothing is."""
        ...

    async def orderly_shutdown(self) -> None:
        """kernelmanagerd's last work before the kernel goes: an AuxKC that is due is rebuilt."""
        ...

    def power_lost(self) -> None:
        """The running kernel is gone, and whatever was not finished on the disk stays unfinished."""
        ...


class Display(Protocol):
    """What the Mac shows and what keys do to it."""

    @property
    def signal(self) -> bool:
        """Whether there is a video signal."""
        ...

    def text(self) -> str:
        """What OCR reads off it, lines from top to bottom."""
        ...

    def jpeg(self) -> bytes | None:
        """The picture, None without a signal."""
        ...

    def firmware(self, text: str | None) -> None:
        """A line of the boot ROM in the middle of a black screen; None: just the black screen or the logo."""
        ...

    def entered(self, environment: str) -> None:
        """The machine's environment is another one now; "off" has no signal at all."""
        ...

    def key(self, down: bool, usage: int, modifiers: int) -> None:
        """A key of the USB keyboard: HID usage of page 7 (modifiers are 0xE0 to 0xE7), and the modifier byte then."""
        ...

    def pointer(self, x: int, y: int, buttons: int) -> None:
        """The mouse is at (x, y) of 0 to 4095 with those buttons down."""
        ...

    def logged_out(self) -> None:
        """The session at the screen ended, and what was open in it: the login window comes."""
        ...

    def extension_blocked(self, developer: str) -> None:
        """Kernel management was asked for something that nobody approved: a dialogue appears."""
        ...

    def application_blocked(self, application: str, category: str) -> None:
        """sysextd waits for somebody to allow an extension of `application`: an alert appears."""
        ...

    def authorize(self, title: str, message: str, done: Callable[[str | None], None]) -> bool:
        """Asks for an administrator; `done` gets who confirmed it, None for nobody. False without a login session."""
        ...

    def delete(self, application: str, done: Callable[[str | None], None]) -> bool:
        """Finder asks; `done` gets who confirmed it, None for nobody. False without a login session."""
        ...

    def restart_asked_for(self, restart: Callable[[], None]) -> bool:
        """The MDM server would like a restart: `restart` when somebody agrees. False when nobody is logged in."""
        ...


class Sshd(Protocol):
    """Remote Login. Port and host key stay the same for the machine's life."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def host_key(self) -> str:
        """`ssh-ed25519 AAAA…`, no comment."""
        ...

    async def prepare(self) -> None:
        """Chooses port and key once; the port refuses until `open`."""
        ...

    async def open(self) -> None:
        """Listens."""
        ...

    async def open_before_boot(self) -> None:
        """Listens while FileVault is locked, for a password that unlocks it."""
        ...

    async def close(self, *, orderly: bool) -> None:
        """The port refuses again; connections are ended as sshd ends them at shutdown, or cut when not `orderly`."""
        ...


class Serial(Protocol):
    """The debug serial console."""

    @property
    def path(self) -> str:
        """Where a bench opens it."""
        ...

    def line(self, text: str) -> None:
        """One line of boot messages."""
        ...

    def kernel(self) -> None:
        """The kernel comes up and says what it is."""
        ...

    def entered(self, environment: str) -> None:
        """The machine's environment is another one now: a login is offered, or nothing is."""
        ...

    def close(self) -> None:
        """Takes it away."""
        ...


class Fittings(Protocol):
    """Makes the software of a machine: `system` at every boot, the others once, with the machine's hardware there."""

    def disk(self, machine: Machine) -> FileSystem: ...

    def management(self, machine: Machine) -> Management: ...

    def kernel(self, machine: Machine) -> Kernel: ...

    def extensions(self, machine: Machine) -> SystemExtensions: ...

    def display(self, machine: Machine) -> Display: ...

    def serial(self, machine: Machine) -> Serial: ...

    def sshd(self, machine: Machine) -> Sshd: ...

    def system(self, machine: Machine, environment: str) -> System:
        """`environment`: "macos" or "recovery"; `machine.environment` becomes that when it has started."""
        ...
