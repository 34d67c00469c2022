"""What the screen needs of the Mac behind it, as small protocols: machine, directory, enclave, kernel management."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kextrel.virtual.unix.tty import Tty

__all__ = ["Account", "Clock", "Host", "Kernel", "Pending", "Process", "Spec", "Startup", "System", "Users"]


class Account(Protocol):
    """A local account."""

    @property
    def name(self) -> str: ...
    @property
    def full_name(self) -> str: ...
    @property
    def admin(self) -> bool: ...


class Spec(Protocol):
    """What kind of Mac this is. `owners`: the accounts that own the volume."""

    @property
    def macos(self) -> str: ...
    @property
    def accounts(self) -> Sequence[Account]: ...
    @property
    def owners(self) -> Sequence[Account]: ...
    @property
    def disk_name(self) -> str: ...

    def has(self, preparation: str) -> bool:
        """Whether that row of the preparation ("PREP-07") was done."""
        ...

    def account(self, name: str) -> Account | None:
        """The account with that short or full name."""
        ...


class Clock(Protocol):
    """The Mac's clock, in Mac seconds since the epoch."""

    def now(self) -> float: ...
    def call_later(self, seconds: float, callback: Callable[[], object]) -> object: ...


class Pending(Protocol):
    """A kext that waits for somebody's approval. `allowed_by_policy`: the security policy lets users approve kexts."""

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
    def approve(self, pending: Pending, user: str) -> None:
        """The administrator whose short name is `user` allowed it; PermissionError when it may not be."""
        ...


class Startup(Protocol):
    """What recovery's user picker asks."""

    def unlocks(self, user: str, password: str) -> bool:
        """Whether `user` owns the volume and `password` is theirs."""
        ...


class Users(Protocol):
    """The local directory."""

    def check(self, name: str, password: str) -> bool: ...


class Process(Protocol):
    """A shell; `status` is None while it lives."""

    @property
    def status(self) -> int | None: ...


class System(Protocol):
    """The running Unix: starts shells on terminals."""

    @property
    def users(self) -> Users: ...

    def spawn(self, command: Sequence[str], *, tty: Tty, env: Mapping[str, str]) -> Process: ...


class Host(Protocol):
    """The Mac, as its screen sees it. `console_user`: the short name of who is logged in at the screen."""

    @property
    def spec(self) -> Spec: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def kernel(self) -> Kernel: ...
    @property
    def startup(self) -> Startup: ...
    @property
    def system(self) -> System | None: ...
    @property
    def console_user(self) -> str | None: ...

    def log_in(self, user: str) -> None: ...

    def boot_selected(self, choice: str) -> None:
        """Startup options: "macos" or "recovery" was chosen with Continue."""
        ...

    def request_restart(self) -> None: ...
    def request_shutdown(self) -> None: ...
