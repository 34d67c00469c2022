"""What the unix room needs of the Mac that it runs on: the small part of Machine, Clock and MacSpec that it touches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from kextrel.virtual.unix.users import AccountLike

if TYPE_CHECKING:
    from kextrel.virtual.unix.fs import FileSystem
    from kextrel.virtual.unix.system import System

__all__ = ["Clock", "Faults", "Host", "Spec", "Timer", "Vault"]


class Timer(Protocol):
    def cancel(self) -> object: ...


class Clock(Protocol):
    """One Mac's time. Exact accounting: while anybody holds `busy()` it never jumps."""

    def now(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Calls back at `when` (Mac seconds). The callback takes `busy` before it returns, if it wakes anybody."""
        ...

    async def sleep(self, seconds: float, /) -> None: ...

    def busy(self) -> AbstractContextManager[object]: ...


class Spec(Protocol):
    """The plain data of a Mac that its unix side shows. `name` is its host name."""

    @property
    def name(self) -> str: ...
    @property
    def architecture(self) -> str: ...
    @property
    def macos(self) -> str: ...
    @property
    def release(self) -> tuple[int, ...]: ...
    @property
    def darwin(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def build(self) -> str: ...
    @property
    def disk_name(self) -> str: ...
    @property
    def second_macos(self) -> str: ...
    @property
    def accounts(self) -> Sequence[AccountLike]: ...

    def has(self, preparation: str, /) -> bool:
        """Whether a row of the preparation ("PREP-03") was done."""
        ...


class Faults(Protocol):
    """The bench's faults on this Mac's wires."""

    def strikes(self, name: str, /) -> bool:
        """Counts one event on that fault's wire; whether the fault is there by now."""
        ...

    def active(self, name: str, /) -> bool:
        """Whether it has begun; counts nothing."""
        ...

    def when(self, name: str, begins: Callable[[], None], /) -> None:
        """Calls `begins()` at the moment at which it begins."""
        ...


class Vault(Protocol):
    """FileVault, as who unlocks it sees it."""

    def takes(self, user: str, password: str, /) -> bool:
        """Whether that unlocks the volume; what is wrong is counted."""
        ...

    def open(self) -> None:
        """Somebody has unlocked it, whom that logs in nowhere."""
        ...


class Host(Protocol):
    """A Mac, as its processes and its SSH server see it. `disk` outlives a restart."""

    @property
    def spec(self) -> Spec: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def disk(self) -> FileSystem: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def filevault(self) -> Vault: ...
    @property
    def sip(self) -> int:
        """The word of System Integrity Protection's bits that are off at this boot."""
        ...

    @property
    def console_user(self) -> str | None: ...
    @property
    def system(self) -> System | None: ...
