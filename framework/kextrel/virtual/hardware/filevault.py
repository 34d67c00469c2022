"""FileVault: a start leaves the data volume locked until somebody who may unlock it has typed a password.

Apple Platform Security: the key of the volume is wrapped by each user's password and the Secure Enclave, which counts
what was tried and lets more and more time pass. Until then there is an unlock screen, no daemon and no network, but for
macOS 26 on Apple silicon: that has an SSH before the boot, which does no more than this [apple_ssh_and_filevault(7)].
That the kernel starts after the unlock, on Apple silicon, too, is a choice: nothing that a bench sees tells it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from kextrel.virtual.spec import Account, MacSpec

if TYPE_CHECKING:
    from kextrel.virtual.clock import Clock
    from kextrel.virtual.hardware.startup import Startup

__all__ = ["FileVault"]

_OVER_SSH_SINCE = (26,)
_TRIES = 10
_PAUSES = MappingProxyType(
    {3: 60.0, 4: 300.0, 5: 900.0, 6: 1800.0, 7: 3600.0, 8: 3 * 3600.0, 9: 8 * 3600.0},
)
"""Mac seconds for which nothing is taken after so many wrong passwords; after `_TRIES` nothing is for ever. The first
and the last are told of macOS 26 (eclecticlight.co, "Gain access to a locked Mac"); those between are a choice."""


class _Sshd(Protocol):
    """As much of Remote Login as an unlock needs (see `fittings.Sshd`)."""

    async def open_before_boot(self) -> None: ...
    async def close(self, *, orderly: bool) -> None: ...


class _Mac(Protocol):
    @property
    def spec(self) -> MacSpec: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def startup(self) -> Startup: ...
    @property
    def sshd(self) -> _Sshd: ...


class FileVault:
    """`enter` is told of the environments "locked" and, after that, "firmware"."""

    def __init__(self, mac: _Mac, enter: Callable[[str], None]) -> None:
        self._mac, self._enter = mac, enter
        self._kept, self._login = False, ""
        self._wrong, self._not_before = 0, 0.0
        self._opened: asyncio.Event | None = None

    @property
    def on(self) -> bool:
        return self._mac.spec.filevault

    @property
    def users(self) -> Sequence[Account]:
        """Who may unlock it: whoever has a secure token."""
        return self._mac.spec.owners

    def keep(self, *, attended: bool = False) -> None:
        """The key is kept for one start, which asks nobody. `attended`: somebody who is there logs in, too."""
        self._kept, self._login = True, self._automatic if attended else ""

    def power_lost(self) -> None:
        """A key that was kept is kept in what forgets it."""
        self._kept = False

    def takes(self, user: str, password: str) -> bool:
        """Whether `password` is that of `user`, who may unlock it. What is wrong is counted."""
        if self._wrong >= _TRIES or self._mac.clock.now() < self._not_before:
            return False
        if any(one.name == user for one in self.users) and self._mac.startup.unlocks(user, password):
            self._wrong = 0
            return True
        self._wrong += 1
        self._not_before = self._mac.clock.now() + _PAUSES.get(self._wrong, 0.0)
        return False

    def open(self, login: str = "") -> None:
        """The volume is unlocked, where the Mac waits for that; `login` is logged in once macOS is up."""
        if self._opened is not None:
            self._login = login
            self._opened.set()

    async def passed(self) -> str:
        """Waits, where the volume is locked, until it is not; who is logged in by this start, "" for nobody.

        That is whoever has unlocked it at the keyboard. A password that came over SSH, or was given before the restart,
        logs nobody in. Without FileVault it is who logs in by itself (PREP-05); with it macOS offers no such login.
        """
        if not self.on:
            return self._automatic
        if not self._kept:
            await self._wait()
        login, self._kept, self._login = self._login, False, ""
        return login

    @property
    def _automatic(self) -> str:
        spec = self._mac.spec
        return spec.administrator.name if spec.has("PREP-05") else ""

    async def _wait(self) -> None:
        opened = self._opened = asyncio.Event()
        self._login = ""
        self._enter("locked")
        try:
            if self._answers_ssh:
                await self._mac.sshd.open_before_boot()
            await opened.wait()
            await self._mac.sshd.close(orderly=True)
        finally:
            self._opened = None
        self._enter("firmware")

    @property
    def _answers_ssh(self) -> bool:
        spec = self._mac.spec
        silicon = spec.architecture == "apple-silicon"
        return silicon and spec.release >= _OVER_SSH_SINCE and spec.has("PREP-01")
