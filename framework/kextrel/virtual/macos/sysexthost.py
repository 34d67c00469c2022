"""What sysextd is asked, and what it needs of the Mac that it runs on: the small part of Machine that it touches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from kextrel.virtual.macos.host import Account, Clock
from kextrel.virtual.unix.fs import FileSystem

if TYPE_CHECKING:
    from kextrel.virtual.unix.system import System

__all__ = ["Display", "Host", "Management", "Request", "Spec"]


@dataclass(frozen=True)
class Request:
    """What an application asks: "activate" or "deactivate" `identifier`, which `app` (the bundle's path) carries.

    `in_session`: it runs in the login session at the console. `replacing` is called with the old and the new version
    before one replaces the other.
    """

    verb: str
    identifier: str
    app: str
    in_session: bool
    replacing: Callable[[str, str], None]


class Spec(Protocol):
    @property
    def architecture(self) -> str: ...
    @property
    def macos(self) -> str: ...
    @property
    def release(self) -> tuple[int, ...]: ...
    @property
    def trust(self) -> str: ...
    @property
    def knows_lab(self) -> bool: ...
    @property
    def drivers_in_use(self) -> frozenset[str]: ...
    def account(self, name: str) -> Account | None: ...


class Management(Protocol):
    """The profiles on this Mac."""

    def payloads(self, payload_type: str) -> list[dict[str, Any]]: ...
    def on_change(self, callback: Callable[[], None]) -> None: ...


class Display(Protocol):
    def application_blocked(self, application: str, category: str) -> None:
        """An alert says that a system extension of `application` was blocked."""
        ...

    def authorize(self, title: str, message: str, done: Callable[[str | None], None]) -> bool:
        """A sheet asks for an administrator; `done` gets the short name of who confirmed it, None when nobody did.

        False, and `done` is never called, when there is no login session to ask in.
        """
        ...


class Host(Protocol):
    """A Mac as sysextd sees it. `sip`: the word of the protections that are off at this boot, 0 when SIP is on."""

    @property
    def spec(self) -> Spec: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def disk(self) -> FileSystem: ...
    @property
    def management(self) -> Management: ...
    @property
    def display(self) -> Display: ...
    @property
    def sip(self) -> int: ...
    @property
    def safe_mode(self) -> bool: ...
    @property
    def system(self) -> System | None: ...
    def defect(self, rule: str) -> bool: ...
