"""FileVault by itself: who unlocks it, what is counted, and for how many starts a key is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from kextrel.errors import UsageError
from kextrel.virtual.hardware.filevault import FileVault
from kextrel.virtual.spec import Account, MacSpec

PEOPLE = (
    Account("admin", "Lab Admin", admin=True, password="swordfish"),
    Account("student", "Lab Student", password="goldfish"),
    Account("guest", "Guest", secure_token=False, password="minnow"),
)


@dataclass
class Board:
    """A Mac of which only the clock, the accounts and the port are there."""

    macos: str = "14.5"
    architecture: str = "apple-silicon"
    filevault: bool = True
    missing: frozenset[str] = frozenset()
    time: float = 0.0
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        about = {"macos": self.macos, "architecture": self.architecture, "filevault": self.filevault}
        self.spec = MacSpec("m", prepared=True, accounts=PEOPLE, missing=self.missing, **about)
        self.clock = SimpleNamespace(now=lambda: self.time)
        self.startup = self.sshd = self
        self.vault = FileVault(self, lambda environment: self.log.append(environment))

    def unlocks(self, user: str, password: str) -> bool:
        return any((one.name, one.password) == (user, password) for one in PEOPLE)

    async def open_before_boot(self) -> None:
        self.log.append("ssh before boot")

    async def close(self, *, orderly: bool) -> None:
        self.log.append("ssh closes" if orderly else "ssh cut")

    def start(self, unlock: Callable[[FileVault], None] | None = None) -> str:
        """Who is logged in by one start, at which `unlock` is done when it has come to a stop."""

        async def story() -> str:
            started = asyncio.ensure_future(self.vault.passed())
            for _ in range(5):
                await asyncio.sleep(0)
            if unlock is not None:
                unlock(self.vault)
            elif not started.done():
                started.cancel()
                return "still locked"
            return await started

        return asyncio.run(story())


def by_hand(vault: FileVault) -> None:
    vault.open("student")


def over_ssh(vault: FileVault) -> None:
    vault.open()


def test_without_it_the_administrator_logs_in_by_itself() -> None:
    assert Board(filevault=False).start() == "admin"
    assert Board(filevault=False, missing=frozenset({"PREP-05"})).start() == ""


def test_it_waits_for_who_unlocks_it_and_logs_them_in() -> None:
    board = Board()
    assert board.start(by_hand) == "student"
    assert board.log == ["locked", "ssh closes", "firmware"]


def test_nobody_unlocks_it_and_nothing_starts() -> None:
    board = Board()
    assert board.start() == "still locked"
    assert board.log == ["locked"]


@pytest.mark.parametrize(
    ("about", "answers"),
    [
        ({"macos": "26.2"}, True),
        ({"macos": "26.2", "architecture": "intel-t2"}, False),
        ({"macos": "15.1"}, False),
        ({"macos": "26.2", "missing": frozenset({"PREP-01"})}, False),
    ],
)
def test_ssh_before_the_boot_came_with_26_on_apple_silicon(about: dict[str, Any], answers: bool) -> None:
    board = Board(**about)
    board.start(over_ssh)
    assert ("ssh before boot" in board.log) is answers


def test_a_password_over_ssh_logs_nobody_in() -> None:
    assert Board(macos="26.2").start(over_ssh) == ""


def test_a_kept_key_is_for_one_start_only() -> None:
    board = Board()
    board.vault.keep()
    assert board.start() == ""
    assert board.log == []
    assert board.start() == "still locked"


def test_a_power_cut_takes_a_kept_key() -> None:
    board = Board()
    board.vault.keep()
    board.vault.power_lost()
    assert board.start() == "still locked"


def test_who_attends_the_start_is_logged_in_unless_nobody_set_that_up() -> None:
    board = Board()
    board.vault.keep(attended=True)
    assert board.start() == "admin"
    board = Board(missing=frozenset({"PREP-05"}))
    board.vault.keep(attended=True)
    assert board.start() == ""


def test_only_who_has_a_secure_token_unlocks_it() -> None:
    vault = Board().vault
    assert [user.name for user in vault.users] == ["admin", "student"]
    assert vault.takes("student", "goldfish")
    assert not vault.takes("guest", "minnow")
    assert not vault.takes("admin", "goldfish")


def test_wrong_passwords_cost_more_and_more_time() -> None:
    board = Board()
    for _ in range(3):
        assert not board.vault.takes("admin", "wrong")
    assert not board.vault.takes("admin", "swordfish")  # a minute has to pass
    board.time = 60.0
    assert board.vault.takes("admin", "swordfish")
    for _ in range(2):  # and it counts from the beginning again
        assert not board.vault.takes("admin", "wrong")
    assert board.vault.takes("admin", "swordfish")


def test_after_ten_of_them_nothing_is_taken() -> None:
    board = Board()
    for _ in range(10):
        assert not board.vault.takes("admin", "wrong")
        board.time += 9 * 3600.0
    assert not board.vault.takes("admin", "swordfish")


def test_it_is_not_turned_on_where_nobody_has_a_secure_token() -> None:
    with pytest.raises(UsageError, match="PREP-04"):
        MacSpec("m", prepared=True, missing=frozenset({"PREP-04"}), filevault=True)
    with pytest.raises(UsageError, match="PREP-04"):
        MacSpec("m", filevault=True)
