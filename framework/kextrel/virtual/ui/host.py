"""What the screen needs of the Mac behind it, as small protocols: machine, directory, kernel management, terminal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

__all__ = ["Account", "Clock", "Host", "Kernel", "Pending", "Shell", "Spec"]


class Account(Protocol):
    """A local account. `secure_token`: it owns the volume, and recovery lists it."""

    @property
    def name(self) -> str: ...
    @property
    def full_name(self) -> str: ...
    @property
    def admin(self) -> bool: ...
    @property
    def secure_token(self) -> bool: ...


class Spec(Protocol):
    """What kind of Mac this is. `missing` holds the rows of the preparation that were not done: `PREP-07`."""

    @property
    def macos(self) -> str: ...
    @property
    def accounts(self) -> Sequence[Account]: ...
    @property
    def missing(self) -> Collection[str]: ...
    @property
    def disk_name(self) -> str: ...


class Clock(Protocol):
    """The Mac's clock, in Mac seconds since the epoch."""

    def now(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], None]) -> object: ...


class Pending(Protocol):
    """Kexts of one developer that wait for somebody's approval."""

    @property
    def bundle_id(self) -> str: ...
    @property
    def team_id(self) -> str: ...
    @property
    def developer_name(self) -> str: ...
    @property
    def allowed_by_policy(self) -> bool: ...


class Kernel(Protocol):
    """The part of kernel management that Settings talks to."""

    def pending(self) -> Sequence[Pending]: ...
    def approve(self, pending: Pending, user: str) -> None: ...


class Shell(Protocol):
    """One shell on one terminal of 80 by 24: bytes of keys go in by `type`, `hang_up` ends it."""

    def type(self, data: bytes) -> None: ...
    def hang_up(self) -> None: ...


class Host(Protocol):
    """The Mac, as its screen sees it."""

    @property
    def spec(self) -> Spec: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def kernel(self) -> Kernel: ...

    def check_password(self, user: str, password: str) -> bool:
        """Whether the local directory takes `password` for the account whose short name is `user`."""
        ...

    def check_owner(self, user: str, password: str) -> bool:
        """Whether the Secure Enclave unlocks the volume for `user` with `password`: what recovery asks."""
        ...

    def open_shell(self, show: Callable[[bytes], None], ended: Callable[[], None]) -> Shell:
        """Starts root's shell of recoveryOS on a new terminal; its output goes to `show`, its end to `ended`."""
        ...

    def boot_selected(self, what: str) -> None:
        """Startup options: `macos` or `recovery` was chosen with Continue."""
        ...

    def request_restart(self) -> None: ...
    def request_shutdown(self) -> None: ...
