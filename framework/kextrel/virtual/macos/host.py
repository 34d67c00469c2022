"""What kernel management needs of the Mac that it runs on: the small part of Machine that it touches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from kextrel.virtual.macos.managedkexts import Manager
from kextrel.virtual.macos.stores import Enclave
from kextrel.virtual.unix.fs import FileSystem

__all__ = ["Account", "Clock", "Display", "Enclave", "Host", "Management", "Spec", "System"]


class Clock(Protocol):
    def now(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Account(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def admin(self) -> bool: ...


class Spec(Protocol):
    @property
    def macos(self) -> str: ...
    @property
    def release(self) -> tuple[int, ...]: ...
    @property
    def darwin(self) -> str: ...
    @property
    def architecture(self) -> str: ...
    @property
    def code_architecture(self) -> str: ...
    @property
    def trust(self) -> str: ...
    @property
    def knows_lab(self) -> bool: ...
    def account(self, name: str) -> Account | None: ...


class Display(Protocol):
    def extension_blocked(self, developer: str) -> None:
        """A dialogue says that extensions of `developer` were blocked."""
        ...


class System(Protocol):
    """What runs; `fs` is the kernel's view of everything that is mounted."""

    @property
    def fs(self) -> FileSystem: ...


class Management(Manager, Protocol):
    """Whose Mac it is."""

    def on_change(self, callback: Callable[[], None]) -> None:
        """Calls `callback` after a profile came or went."""
        ...

    def carries_out(self, rebuild: Callable[[Sequence[str], bytes | None], None]) -> None:
        """`rebuild(paths, bootstrap token)` will be called when the MDM server wants the next restart to rebuild."""
        ...


class Host(Protocol):
    """A Mac as its kernel management sees it. `disk` is the kernel's view, and outlives a restart; `system` is what
    runs on it. Only Apple silicon is asked for its `sep`.
    """

    @property
    def spec(self) -> Spec: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def disk(self) -> FileSystem: ...
    @property
    def sep(self) -> Enclave: ...
    @property
    def display(self) -> Display: ...
    @property
    def system(self) -> System | None: ...
    @property
    def management(self) -> Management: ...
    def defect(self, rule: str) -> bool: ...
