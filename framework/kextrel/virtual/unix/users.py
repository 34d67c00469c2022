"""Accounts and groups of one Mac, as Open Directory's local node has them. They outlive a restart."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["ADMIN", "EVERYONE", "ROOT", "STAFF", "WHEEL", "AccountLike", "User", "Users"]

WHEEL, EVERYONE, STAFF, ADMIN = 0, 12, 20, 80
_GROUPS = {
    "wheel": WHEEL, "daemon": 1, "kmem": 2, "sys": 3, "tty": 4, "operator": 5, "mail": 6, "bin": 7,
    "everyone": EVERYONE,
    "staff": STAFF, "localaccounts": 61, "admin": ADMIN, "com.apple.access_ssh": 399,
}  # fmt: skip
_FIRST_UID = 501


class AccountLike(Protocol):
    """One account of a MacSpec."""

    @property
    def name(self) -> str: ...
    @property
    def full_name(self) -> str: ...
    @property
    def admin(self) -> bool: ...
    @property
    def secure_token(self) -> bool: ...
    @property
    def uid(self) -> int: ...
    @property
    def password(self) -> str: ...


@dataclass(frozen=True)
class User:
    """One account. `groups` are group IDs, the primary one first. The password never shows in a repr."""

    name: str
    full_name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    shell: str = "/bin/zsh"
    secure_token: bool = False
    password: str | None = field(default=None, repr=False)

    @property
    def admin(self) -> bool:
        """Whether the user is in the group `admin` (root counts)."""
        return self.uid == 0 or ADMIN in self.groups


ROOT = User("root", "System Administrator", 0, WHEEL, (WHEEL, ADMIN, STAFF, EVERYONE), "/var/root", "/bin/sh")


class Users:
    """The local accounts: root, a few of the system's, and those of the spec. `tokens`: secure tokens were given."""

    def __init__(self, accounts: Iterable[AccountLike], *, tokens: bool = True) -> None:
        self._by_name: dict[str, User] = {user.name: user for user in _system_users()}
        for account in accounts:
            self._by_name[account.name] = _person(account, tokens)

    def __iter__(self) -> Iterator[User]:
        return iter(self._by_name.values())

    def people(self) -> list[User]:
        """The accounts of people, in the order that they were made."""
        return [user for user in self if user.uid >= _FIRST_UID]

    def get(self, name: str) -> User | None:
        """The account of that name, or None."""
        return self._by_name.get(name)

    def by_uid(self, uid: int) -> User | None:
        """The account with that number, or None."""
        return next((user for user in self if user.uid == uid), None)

    def check(self, name: str, password: str) -> bool:
        """Whether `password` is that account's. An account without one (root) never matches."""
        user = self.get(name)
        known = (user.password if user else None) or ""
        return bool(known) and hmac.compare_digest(known.encode(), password.encode())

    def group_name(self, gid: int) -> str:
        """20 -> "staff"; a number without a name is itself."""
        return next((name for name, known in _GROUPS.items() if known == gid), str(gid))

    def group_id(self, name: str) -> int | None:
        """ "staff" or "20" -> 20; None when there is no such group."""
        return int(name) if name.isdigit() else _GROUPS.get(name)


def _person(account: AccountLike, tokens: bool) -> User:
    groups = (STAFF, EVERYONE, 61, *((ADMIN,) if account.admin else ()), 399)
    home = f"/Users/{account.name}"
    token = tokens and account.secure_token
    return User(account.name, account.full_name, account.uid, STAFF, groups, home, "/bin/zsh", token, account.password)


def _system_users() -> Iterator[User]:
    yield ROOT
    yield User("daemon", "System Services", 1, 1, (1,), "/var/root", "/usr/bin/false")
    yield User("nobody", "Unprivileged User", -2, -2, (-2,), "/var/empty", "/usr/bin/false")
    yield User("_driverkit", "DriverKit", 270, 270, (270,), "/var/empty", "/usr/bin/false")
    yield User("_windowserver", "WindowServer", 88, 88, (88,), "/var/empty", "/usr/bin/false")
