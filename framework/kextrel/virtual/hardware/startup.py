"""How a Mac starts: what is done between power and the kernel differs by architecture, and so does who allows it.

A `Startup` reads what a person does at power-on (the button, the keyboard), finds out what to boot, and has the Mac
load it. See `silicon` (boot ROM, LLB, iBoot) and `efi` (Intel, with and without a T2).
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from kextrel.virtual.clock import Clock
from kextrel.virtual.hardware.localpolicy import LocalPolicy
from kextrel.virtual.hardware.nvram import Nvram
from kextrel.virtual.spec import MacSpec

__all__ = ["Board", "BootTime", "Started", "Startup"]


@dataclass(frozen=True)
class BootTime:
    """kern.boottime."""

    sec: int
    usec: int


@dataclass(frozen=True)
class Started:
    """What macOS was started with at this boot. `policy`: the LocalPolicy in force, None on Intel.

    `sip`: the word of System Integrity Protection's bits that are off, 0 when it is on. `safe`: safe mode.
    """

    policy: LocalPolicy | None = None
    sip: int = 0
    safe: bool = False


class Board(Protocol):
    """What a Mac does for its startup."""

    @property
    def spec(self) -> MacSpec: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def nvram(self) -> Nvram: ...

    def show(self, text: str | None) -> None:
        """A line on the black screen, None for none."""
        ...

    def note(self, text: str) -> None:
        """A line on the serial console."""
        ...

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Does `work` as what the Mac does now."""
        ...

    def offer_startup_options(self) -> None: ...

    async def load_macos(self, started: Started) -> None: ...

    async def load_recovery(self) -> None: ...

    async def load_other(self) -> None:
        """Starts the other macOS on the disk."""
        ...


class Startup(Protocol):
    """One Mac's way from power to a kernel."""

    @property
    def reading(self) -> bool:
        """Whether it listens to the power button, which then forces nothing."""
        ...

    @property
    def volume_group(self) -> str:
        """The UUID of the volume group that it boots."""
        ...

    @property
    def os_type(self) -> str:
        """What was booted, in bputil's words; "" where no register says it."""
        ...

    @property
    def stored_sip(self) -> int:
        """The SIP word that the next boot will have in force."""
        ...

    def power_on(self, *, pressed: bool) -> None:
        """Power or a reset; `pressed`: the button is down."""
        ...

    def edge(self, down: bool) -> None:
        """The button changed while `reading`."""
        ...

    def power_off(self) -> None:
        """Whatever was under way is forgotten."""
        ...

    def set_startup_disk(self, other: bool) -> None:
        """Which of the two volumes with a macOS starts without a gesture, and whose recovery Options leads to."""
        ...

    def start_once(self, *, safe: bool) -> None:
        """The next start is of our macOS, whatever the startup disk, which stays: somebody chose it at the startup
        options [Apple's user guide, "Change the startup disk": for this start only]. `safe`: in safe mode."""
        ...

    def unlocks(self, user: str, password: str) -> bool:
        """Whether `password` is that of `user`, who owns the volume."""
        ...
