"""What the screen needs of the Mac behind it, as small protocols: machine, directory, enclave, kernel management."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kextrel.virtual.hardware.localpolicy import Change, LocalPolicy
    from kextrel.virtual.hardware.t2 import T2
    from kextrel.virtual.unix.tty import Tty

__all__ = [
    "Account",
    "Clock",
    "Enclave",
    "ExtensionRecord",
    "Extensions",
    "Host",
    "Kernel",
    "Pending",
    "Process",
    "Settings",
    "Spec",
    "Startup",
    "System",
    "Users",
    "Vault",
]


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
    def architecture(self) -> str: ...
    @property
    def macos(self) -> str: ...
    @property
    def release(self) -> tuple[int, ...]: ...
    @property
    def accounts(self) -> Sequence[Account]: ...
    @property
    def owners(self) -> Sequence[Account]: ...
    @property
    def disk_name(self) -> str: ...
    @property
    def other_macos(self) -> str:
        """The name of a second volume with a macOS, "" for none."""
        ...

    @property
    def layout(self) -> str:
        """The keyboard's: "U.S." or "German"."""
        ...

    @property
    def asks_for_accessories(self) -> bool:
        """Whether macOS waits for somebody to let the keyboard in."""
        ...

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
    """A kext that waits for somebody's approval. `allowed_by_policy`: the security policy lets users approve kexts.
    `forbidden`: a profile does not."""

    @property
    def bundle_id(self) -> str: ...
    @property
    def team_id(self) -> str: ...
    @property
    def developer_name(self) -> str: ...
    @property
    def allowed_by_policy(self) -> bool: ...
    @property
    def forbidden(self) -> bool: ...


class Kernel(Protocol):
    """The part of kernel management that Settings talks to."""

    def pending(self) -> Sequence[Pending]: ...
    def approve(self, pending: Pending, user: str) -> None:
        """The user whose short name is `user` allowed it; PermissionError when it may not be."""
        ...

    def may_approve(self, account: Account) -> bool:
        """Whether that user may allow kexts: an administrator, or anybody where a profile says so."""
        ...


class Enclave(Protocol):
    """The part of the Secure Enclave that Startup Security Utility talks to."""

    def policy(self) -> LocalPolicy: ...

    def change(self, change: Change, *, user: str, password: str) -> None:
        """SepRefusal where it will not."""
        ...


class Settings(Protocol):
    """What was set on the Mac. `display_sleep`: minutes without a key, 0 for never; `screen_lock`: "off", or when."""

    @property
    def display_sleep(self) -> int: ...
    @property
    def screen_lock(self) -> str: ...

    def keyboard_navigation(self, user: str) -> bool:
        """Whether Tab goes to every control of what `user` opens."""
        ...


class Startup(Protocol):
    """What recovery's user picker asks."""

    def unlocks(self, user: str, password: str) -> bool:
        """Whether `user` owns the volume and `password` is theirs."""
        ...


class ExtensionRecord(Protocol):
    """One version of a system extension. `application`: the name of the one that carries it."""

    @property
    def identifier(self) -> str: ...
    @property
    def team_id(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def unique_id(self) -> str: ...
    @property
    def application(self) -> str: ...


class Extensions(Protocol):
    """The part of sysextd that Settings and Finder talk to."""

    def pending(self) -> Sequence[ExtensionRecord]:
        """What waits for its user and may be allowed."""
        ...

    def switches(self) -> Sequence[ExtensionRecord]:
        """What is activated, be it on or off, or waits for its user and may be allowed."""
        ...

    def is_on(self, record: ExtensionRecord) -> bool: ...
    def removable_from_ui(self, record: ExtensionRecord) -> bool: ...

    def allow(self, record: ExtensionRecord, user: str) -> None:
        """The administrator whose short name is `user` allowed it; PermissionError when it may not be, LookupError
        when it waits no more. So for `enable` and `disable`."""
        ...

    def enable(self, record: ExtensionRecord, user: str) -> None: ...
    def disable(self, record: ExtensionRecord, user: str) -> None: ...


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


class Vault(Protocol):
    """FileVault, while it is locked. `users`: who may unlock it."""

    @property
    def users(self) -> Sequence[Account]: ...

    def takes(self, user: str, password: str) -> bool:
        """Whether that unlocks the volume; what is wrong is counted."""
        ...

    def open(self, login: str) -> None:
        """It is unlocked, and `login`, who did it at the keyboard, is logged in by that."""
        ...


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
    def sep(self) -> Enclave:
        """Apple silicon's only."""
        ...

    @property
    def settings(self) -> Settings: ...
    @property
    def filevault(self) -> Vault: ...
    @property
    def t2(self) -> T2 | None: ...
    @property
    def extensions(self) -> Extensions: ...
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
