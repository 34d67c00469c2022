"""A Mac that is no more than what its screen sees of it, and fingers for its keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

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


@dataclass
class Kexts:
    waiting: list[Waiting] = field(default_factory=list)
    approved: list[tuple[str, str]] = field(default_factory=list)

    def pending(self) -> Sequence[Waiting]:
        return tuple(self.waiting)

    def approve(self, pending: Waiting, user: str) -> None:
        self.waiting.remove(pending)
        self.approved.append((pending.bundle_id, user))

    def ask(self, **facts: Any) -> None:
        self.waiting.append(Waiting("com.example.kextrel.driver", **facts))


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


class Mac:
    def __init__(self) -> None:
        self.spec, self.clock, self.kernel, self.startup = Plan(), Time(), Kexts(), self
        self.system = Unix()
        self.console_user: str | None = "admin"
        self.done: list[str] = []
        self.display = Display(self)

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
