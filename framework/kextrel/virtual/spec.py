"""What a virtual Mac is, as plain data: the command fills it from a lab profile, the machine is built from it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from kextrel.errors import UsageError, nearest
from kextrel.virtual.faults import Fault

__all__ = ["DEFECTS", "PREPARATIONS", "Account", "Endpoints", "MacSpec", "lab_accounts"]

DEFECTS = frozenset({"KEXT-06", "BOOT-02", "BOOT-03", "KEXT-03", "SIG-01"})
"""The mechanisms that can be broken; each is asked for at one place only (`Machine.defect`)."""

PREPARATIONS = frozenset(f"PREP-{number:02}" for number in range(1, 16))
"""The rows of what a Mac must be prepared for; `MacSpec.missing` takes single ones away."""


@dataclass(frozen=True)
class Account:
    """A user of the Mac. The password is made for this run unless one is given, and never printed."""

    name: str
    full_name: str
    admin: bool = False
    secure_token: bool = True
    uid: int = 501
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)


def lab_accounts() -> tuple[Account, ...]:
    """The two accounts of the virtual lab: the administrator, who owns the volume, and a standard user."""
    return (
        Account("admin", "Lab Admin", admin=True, uid=501),
        Account("student", "Lab Student", admin=False, uid=502),
    )


@dataclass(frozen=True)
class MacSpec:
    """One virtual Mac. `prepared` is for every PREP row at once, `missing` takes some of them away again.

    `trust` is a folder with more certificates (PEM) of authorities that this Mac trusts, "" for none.
    `gesture_rate`: Mac seconds per wall second while a button or a key is down; the profile's `time_scale`.
    """

    name: str
    architecture: str = "apple-silicon"
    macos: str = "14.5"
    build: str = "23F79"
    model: str = "Macmini9,1"
    serial: str = "KXVRTL000001"
    enrollment: str = "none"
    prepared: bool = False
    missing: frozenset[str] = frozenset()
    defects: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()
    accounts: tuple[Account, ...] = field(default_factory=lab_accounts)
    disk_name: str = "Macintosh HD"
    trust: str = ""
    gesture_rate: float = 50.0

    def __post_init__(self) -> None:
        _known("defect", self.defects, DEFECTS)
        _known("preparation", self.missing, PREPARATIONS)
        if self.architecture != "apple-silicon":
            raise UsageError(f"{self.name}: a virtual Mac cannot be {self.architecture} yet; take apple-silicon")

    def has(self, preparation: str) -> bool:
        """Whether row `preparation` ("PREP-03") was done on this Mac."""
        return self.prepared and preparation not in self.missing

    def account(self, name: str) -> Account | None:
        """The account with that short or full name."""
        return next((account for account in self.accounts if name in (account.name, account.full_name)), None)

    @property
    def owners(self) -> tuple[Account, ...]:
        """The accounts with a secure token: they own the volume. None before PREP-04 was done."""
        return tuple(account for account in self.accounts if account.secure_token) if self.has("PREP-04") else ()

    @property
    def build_version(self) -> str:
        """The long form of the build that LocalPolicy names: 23F79 is 23.6.79."""
        major, letter, minor = self.build[:2], self.build[2], self.build[3:]
        return f"{major}.{ord(letter) - ord('A') + 1}.{minor}"

    @property
    def administrator(self) -> Account:
        """The first administrator: the account that the endpoints name."""
        return next(account for account in self.accounts if account.admin)

    def with_faults(self, faults: tuple[Fault, ...]) -> MacSpec:
        """This Mac on a bench that has `faults` too."""
        return replace(self, faults=self.faults + faults)


def _known(what: str, given: frozenset[str], known: frozenset[str]) -> None:
    for word in sorted(given - known):
        raise UsageError(f"a virtual Mac knows no {what} {word!r}; {nearest(word, known)}")


@dataclass(frozen=True)
class Endpoints:
    """Where a virtual Mac answers; `ssh` and `screen` carry passwords made for this run, so print it to its owner only.

    `ssh`: host, port, user, password, host_key. `screen`: url, user, password. `console`, `relay`, `keyboard`: paths of
    pseudo-terminals. `accounts`: name, full_name, admin, password of every account.
    """

    name: str
    architecture: str
    macos: str
    ssh: dict[str, Any] = field(repr=False)
    console: str
    relay: str
    keyboard: str
    screen: dict[str, Any] = field(repr=False)
    mdm: str | None = None
    accounts: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The object that `kextrel virtual serve` prints as one JSON line."""
        return {
            "name": self.name,
            "architecture": self.architecture,
            "macos": self.macos,
            "ssh": dict(self.ssh),
            "console": self.console,
            "relay": self.relay,
            "keyboard": self.keyboard,
            "screen": dict(self.screen),
            "mdm": self.mdm,
            "accounts": [dict(account) for account in self.accounts],
        }
