"""What flows and actions work with: the facts of one Mac, its wires, its people, its patience.

A wire that a Mac lacks is None in `Wires`; asking the Rig for it raises NotPossible, so that the step is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from typing import TypeVar

from kextrel.bench.protocols import Beacon, Button, Console, Keyboard, Mdm, Power, Screen, Shell, Unlock, Wire
from kextrel.device.catalog import Catalog
from kextrel.errors import BenchError, DeadlineExceeded, NotPossible
from kextrel.evidence import Sink
from kextrel.timing import Clock, Deadline
from kextrel.vocabulary import UNKNOWN, Architecture, Credential, Enrollment, Environment, Mac, Unknown, Version

__all__ = ["Account", "Accounts", "Facts", "Rig", "Timeouts", "Wires"]

_W = TypeVar("_W")


@dataclass(frozen=True)
class Facts:
    """What a profile says of a Mac: what cannot be changed by a walk, and where things are on it.

    `trusts_samples`: it takes Kextrel's test authority for a Developer ID authority, and no other; else Apple's alone.
    `filevault`: a start waits for its password, and whoever types it at the keyboard is logged in; nobody else is.
    `upgrades`: a run may upgrade it, which only an erase takes back. `other_macos`: the volume with a second macOS.
    """

    architecture: Architecture
    macos: Version
    model: str = ""
    enrollment: Enrollment = Enrollment.NONE
    user_approved_mdm: bool = True
    bootstrap_token: bool = True
    online: bool = True
    automatic_login: bool = True
    filevault: bool = False
    volume: str = "Macintosh HD"
    trusts_samples: bool = True
    upgrades: bool = False
    other_macos: str = ""


@dataclass(frozen=True)
class Account:
    """Somebody of the Mac: short name, the name that login windows show, password."""

    name: str
    full_name: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Accounts:
    """The people of a Mac. `admin` owns the volume and has a secure token; `standard` may be missing."""

    admin: Account
    standard: Account | None = None

    def acting(self, credential: Credential) -> Account:
        """Who types a name and a password for `credential`; for wrong-password an administrator who mistypes."""
        if credential is Credential.STANDARD:
            if self.standard is None:
                raise NotPossible("the profile names no standard user of this Mac; add accounts.standard to it")
            return self.standard
        if credential is Credential.WRONG_PASSWORD:
            wrong = "not-the-password" if self.admin.password != "not-the-password" else "nor-this-one"  # noqa: S105
            return Account(self.admin.name, self.admin.full_name, wrong)
        if credential is Credential.NOBODY:
            raise NotPossible("not implemented: a password dialogue that nobody answers")
        return self.admin


@dataclass(frozen=True)
class Timeouts:
    """Wall seconds, never scaled. Defaults suit a real bench; a profile's `timeouts:` replaces any of them."""

    command: float = 60.0  # one command over the shell or in recovery's Terminal
    transfer: float = 120.0  # one bundle copied
    observe: float = 120.0  # one observation
    boot: float = 420.0  # from the restart or the button to an answering shell
    shutdown: float = 180.0  # from the request to no signal
    recovery: float = 420.0  # from Continue to recovery's first screen
    button: float = 45.0  # one hold, until its effect is seen
    screen: float = 45.0  # a screen that must come after a key
    settle: float = 12.0  # a screen that may come, or not
    draw: float | None = None  # from a pane's first words to its last; see `drawn`
    login: float = 120.0  # from the login window to the desktop
    mdm: float = 120.0  # from the push to the Mac's answer
    upgrade: float = 7200.0  # an installer fetched; and from its start to the other macOS

    @property
    def drawn(self) -> float:
        """How long a pane is looked at before it is said that something is not on it: `draw`, or else `settle`."""
        return self.settle if self.draw is None else self.draw


@dataclass(frozen=True)
class Wires:
    """The wires of one Mac; None where the bench has none."""

    shell: Shell | None = None
    console: Console | None = None
    power: Power | None = None
    button: Button | None = None
    keyboard: Keyboard | None = None
    screen: Screen | None = None
    beacon: Beacon | None = None
    mdm: Mdm | None = None
    unlock: Unlock | None = None

    def all(self) -> list[Wire]:
        """Those that are there."""
        return [wire for f in fields(self) if (wire := getattr(self, f.name)) is not None]


@dataclass
class Rig:
    """One Mac as flows and actions see it."""

    name: str
    facts: Facts
    wires: Wires
    clock: Clock
    sink: Sink
    accounts: Accounts
    timeouts: Timeouts = field(default_factory=Timeouts)
    catalog: Catalog = field(default_factory=Catalog)
    start: Mac | None = None
    """What the scenario says of the Mac before its first step; None before there is one."""
    developer_mode: bool = True
    """Whether systemextensionsctl's may be on: a run before this one may have left it so."""
    filevault_takes: bool | None = None
    """Whether FileVault took the administrator's password when it was last given; None before anything tells."""
    volume_group: str | None = None
    """Ours, by UUID, where the Mac has a second macOS: what tools are told that would ask which is meant."""
    found_in: Environment | Unknown = UNKNOWN
    """Where the last look that said so found the Mac."""

    def __post_init__(self) -> None:
        self.catalog.home = f"/Users/{self.accounts.admin.name}"
        for account in (self.accounts.admin, self.accounts.standard):
            if account is not None:
                self.sink.hide(account.password)

    @property
    def shell(self) -> Shell:
        return self._need(self.wires.shell, "shell")

    @property
    def power(self) -> Power:
        return self._need(self.wires.power, "power")

    @property
    def button(self) -> Button:
        return self._need(self.wires.button, "button")

    @property
    def keyboard(self) -> Keyboard:
        return self._need(self.wires.keyboard, "keyboard")

    @property
    def screen(self) -> Screen:
        return self._need(self.wires.screen, "screen")

    @property
    def beacon(self) -> Beacon:
        return self._need(self.wires.beacon, "beacon")

    @property
    def mdm(self) -> Mdm:
        return self._need(self.wires.mdm, "mdm")

    def _need(self, wire: _W | None, kind: str) -> _W:
        if wire is None:
            raise NotPossible(f"{self.name} has no {kind} wire, and this step needs one; add it to the profile")
        return wire

    def note(self, what: str) -> None:
        """Leaves a sentence about a walk in the evidence."""
        self.sink.record("device", "note", text=what)

    def sees(self, seen: Callable[[str], bool], seconds: float, *, deadline: Deadline, what: str) -> str | None:
        """The screen's text once `seen` is true of it, or None when that did not come within `seconds`.

        Only the whole step's deadline is an error here: that a screen did not come is for the flow to judge.
        """
        try:
            return self.screen.wait(seen, deadline=deadline.within(seconds, what), what=what)
        except DeadlineExceeded:
            if deadline.expired:
                raise
        # On a busy machine those seconds may have gone by with no look at their end, or with none at all.
        text = self.screen.text(deadline=deadline)
        return text if seen(text) else None

    @contextmanager
    def hands_off(self) -> Iterator[None]:
        """Whatever ends the block, an interrupt too: the button is released and all keys are up afterwards."""
        try:
            yield
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Opens the button's contacts and lets go of all keys; what cannot be released is said in the evidence."""
        with ExitStack() as stack:  # an interrupt in the middle of one does not keep the other pressed
            for wire in (self.wires.keyboard, self.wires.button):
                if wire is not None:
                    stack.callback(self._let_go, wire)

    def _let_go(self, wire: Button | Keyboard) -> None:
        try:
            wire.release()
        except BenchError as error:
            self.note(f"could not release: {error}")
