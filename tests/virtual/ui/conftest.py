"""A Mac that is no more than what its screen sees of it, and fingers for its keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from kextrel.virtual.clock import Clock
from kextrel.virtual.hardware.nvram import Nvram
from kextrel.virtual.hardware.sep import SepRefusal
from kextrel.virtual.hardware.t2 import T2
from kextrel.virtual.releases import numbers
from kextrel.virtual.settings import LOCKS_AT_ONCE, Settings
from kextrel.virtual.ui import Display

_USAGES = {
    "return": 0x28, "escape": 0x29, "backspace": 0x2A, "tab": 0x2B, "space": 0x2C, "right": 0x4F, "left": 0x50,
    "down": 0x51, "up": 0x52, "f2": 0x3B,
}  # fmt: skip
_MODIFIERS = {"control": 1, "shift": 2, "option": 4, "command": 8}
_PLAIN = dict(zip("abcdefghijklmnopqrstuvwxyz1234567890", range(0x04, 0x28), strict=True)) | {" ": 0x2C, "-": 0x2D}


@dataclass(frozen=True)
class Person:
    name: str
    full_name: str
    admin: bool = False
    password: str = "swordfish"


PEOPLE = (Person("admin", "Lab Admin", admin=True), Person("student", "Lab Student", password="goldfish"))


@dataclass
class Plan:
    missing: frozenset[str] = frozenset()
    accounts: tuple[Person, ...] = PEOPLE
    owners: tuple[Person, ...] = PEOPLE
    macos: str = "14.5"
    disk_name: str = "Macintosh HD"
    architecture: str = "apple-silicon"

    @property
    def release(self) -> tuple[int, ...]:
        return numbers(self.macos)

    @property
    def other_macos(self) -> str:
        return "Untitled" if "PREP-10" in self.missing else ""

    @property
    def layout(self) -> str:
        return "German" if "PREP-08" in self.missing else "U.S."

    @property
    def asks_for_accessories(self) -> bool:
        return False

    def has(self, preparation: str) -> bool:
        return preparation not in self.missing

    def account(self, name: str) -> Person | None:
        return next((person for person in self.accounts if name in (person.name, person.full_name)), None)


@dataclass
class Time:
    at: float = 1_716_300_000.0
    timers: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def call_later(self, seconds: float, callback: Callable[[], object]) -> None:
        self.timers.append((self.at + seconds, callback))

    def go(self, seconds: float) -> None:
        self.at += seconds
        due = [callback for when, callback in self.timers if when <= self.at]
        self.timers = [entry for entry in self.timers if entry[0] > self.at]
        for callback in due:
            callback()


@dataclass(frozen=True)
class Waiting:
    bundle_id: str
    team_id: str = "KXTRL00001"
    developer_name: str = "Kextrel Sample"
    allowed_by_policy: bool = True
    forbidden: bool = False


@dataclass
class Kexts:
    waiting: list[Waiting] = field(default_factory=list)
    approved: list[tuple[str, str]] = field(default_factory=list)
    by_anybody: bool = False

    def may_approve(self, account: Any) -> bool:
        return account.admin or self.by_anybody

    def pending(self) -> Sequence[Waiting]:
        return tuple(self.waiting)

    def approve(self, pending: Waiting, user: str) -> None:
        self.waiting.remove(pending)
        self.approved.append((pending.bundle_id, user))

    def ask(self, **facts: Any) -> None:
        self.waiting.append(Waiting("com.example.kextrel.driver", **facts))


@dataclass
class SystemExtensions:
    """sysextd, as far as Settings knows it: who waits, who is on, and what was done by whom."""

    waiting: list[Any] = field(default_factory=list)
    on: list[Any] = field(default_factory=list)
    off: list[Any] = field(default_factory=list)
    fixed: bool = False
    done: list[tuple[str, str, str]] = field(default_factory=list)

    def pending(self) -> Sequence[Any]:
        return tuple(self.waiting)

    def switches(self) -> Sequence[Any]:
        return (*self.on, *self.off, *self.waiting)

    def is_on(self, record: Any) -> bool:
        return record in self.on

    def removable_from_ui(self, record: Any) -> bool:
        return not self.fixed

    def allow(self, record: Any, user: str) -> None:
        self._move("allow", record, user, self.on)

    def enable(self, record: Any, user: str) -> None:
        self._move("enable", record, user, self.on)

    def disable(self, record: Any, user: str) -> None:
        self._move("disable", record, user, self.off)

    def _move(self, what: str, record: Any, user: str, to: list[Any]) -> None:
        for place in (self.waiting, self.on, self.off):
            if record in place:
                place.remove(record)
        to.append(record)
        self.done.append((what, record.identifier, user))


@dataclass
class Shell:
    """What stands in for bash: it echoes by the terminal, and its terminal is there to write to."""

    tty: Any
    status: int | None = None


class Unix:
    def __init__(self) -> None:
        self.users = self
        self.shells: list[Shell] = []

    def check(self, name: str, password: str) -> bool:
        return any(person.name == name and person.password == password for person in PEOPLE)

    def spawn(self, command: Sequence[str], *, tty: Any, env: Any) -> Shell:
        tty.write(b"-bash-3.2# ")
        self.shells.append(Shell(tty))
        return self.shells[-1]


class Timer:
    def cancel(self) -> None:
        """Nothing waits for it."""


@dataclass
class Enclave:
    """Takes every change whose password is right, in the one true recoveryOS."""

    one_true: bool = True
    mode: dict[str, int | None] = field(default_factory=dict)

    def policy(self) -> Any:
        return SimpleNamespace(**{"smb0": None, "smb2": None, "smb3": None, **self.mode})

    def change(self, change: Any, *, user: str, password: str) -> None:
        if not any((person.name, person.password) == (user, password) for person in PEOPLE):
            raise SepRefusal("authentication", 9)
        if not self.one_true:
            raise SepRefusal("environment", 12)
        self.mode = dict(change.fields)


class Mac:
    def __init__(self) -> None:
        self.spec, self.clock, self.kernel, self.startup = Plan(), Time(), Kexts(), self
        self.system, self.extensions = Unix(), SystemExtensions()
        self.t2: T2 | None = None
        self.sep = Enclave()
        self.console_user: str | None = "admin"
        self.done: list[str] = []
        self.display = Display(self)

    @property
    def settings(self) -> Settings:
        asleep = "PREP-06" in self.spec.missing
        mode = {"AppleKeyboardUIMode": 0 if "PREP-07" in self.spec.missing else 3}
        return Settings(0, 10 * asleep, 0, LOCKS_AT_ONCE if asleep else "off", {"admin": mode, "student": mode})

    def unlocks(self, user: str, password: str) -> bool:
        return any(person.name == user and person.password == password for person in self.spec.owners)

    def log_in(self, user: str) -> None:
        self.console_user = user

    def boot_selected(self, choice: str) -> None:
        self.done.append(f"boot {choice}")

    def request_restart(self) -> None:
        self.done.append("restart")

    def request_shutdown(self) -> None:
        self.done.append("shutdown")

    # -- what tests do with it

    @property
    def text(self) -> str:
        return self.display.text()

    def is_a(self, architecture: str, macos: str) -> None:
        self.spec = replace(self.spec, architecture=architecture, macos=macos)
        self.t2 = T2(Nvram(Clock(start=0.0, later=lambda *_: Timer()))) if architecture == "intel-t2" else None

    def lacks(self, *rows: str) -> None:
        self.spec = replace(self.spec, missing=frozenset(rows))

    def press(self, *keys: str) -> None:
        """Each of `keys` after the other: "tab", "command-shift-t"."""
        for chord in keys:
            *held, key = chord.split("-") if len(chord) > 1 else [chord]
            byte = sum(_MODIFIERS[name] for name in held)
            usage = _USAGES.get(key) or _PLAIN[key]
            self.display.key(True, usage, byte)
            self.display.key(False, usage, byte)

    def type(self, text: str) -> None:
        for character in text:
            lower = character.lower()
            self.display.key(True, _PLAIN[lower], 2 if character != lower else 0)
            self.display.key(False, _PLAIN[lower], 0)


@pytest.fixture
def mac() -> Iterator[Mac]:
    return Mac()
