"""The startup of an Intel Mac: EFI looks at the keyboard for a while, then boot.efi starts what was asked for.

Apple's guide: Command-R held at once after power-on, recoveryOS; Shift, safe mode. The button only starts it. System
Integrity Protection is one NVRAM variable, which the kernel reads when it starts.
"""

from __future__ import annotations

import uuid
from contextlib import ExitStack

from kextrel.virtual.hardware import keyboard
from kextrel.virtual.hardware.keyboard import Keyboard
from kextrel.virtual.hardware.startup import Board, Started

__all__ = ["SIP", "EfiStartup"]

SIP = "csr-active-config"
"""The NVRAM variable with the SIP word, four bytes, the lowest first; absent when SIP is on."""
_POST, _LISTEN, _POLL = 1.0, 4.0, 0.1
"""Mac seconds of the self test, for which the keyboard is looked at afterwards, and between two looks."""
_LISTEN_RATE = 8.0
"""Mac seconds per wall second meanwhile: a bench's fingers are late by tens of milliseconds."""


class EfiStartup:
    """See `startup.Startup`. The volume's owners are its administrators' and users' accounts."""

    def __init__(self, board: Board, keys: Keyboard) -> None:
        self._board, self._keys = board, keys
        self.volume_group = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"volume group of {board.spec.serial}")).upper()
        self.reading, self.os_type, self._other = False, "", False

    @property
    def stored_sip(self) -> int:
        return int.from_bytes((self._board.nvram.get(SIP) or b"")[:4], "little")

    def power_on(self, *, pressed: bool) -> None:
        self._board.run(self._start(by_hand=pressed))

    def edge(self, down: bool) -> None:
        """The button says nothing to EFI."""

    def power_off(self) -> None:
        """EFI keeps nothing: its look at the keyboard ends with the Mac's work."""

    def set_startup_disk(self, other: bool) -> None:
        self._other = other

    def start_once(self, *, safe: bool) -> None:
        raise RuntimeError(f"an Intel Mac has no startup options{'; hold Shift for safe mode' if safe else ''}")

    def unlocks(self, user: str, password: str) -> bool:
        account = self._board.spec.account(user)
        return account is not None and account.password == password

    async def _start(self, *, by_hand: bool) -> None:
        await self._board.clock.sleep(_POST)
        wanted = await self._look_at_keyboard(by_hand=by_hand)
        software = self._board.nvram.take("recovery-boot-mode")
        if wanted == "recovery" or software is not None:
            await self._board.load_recovery()
        elif self._other:
            await self._board.load_other()
        else:
            await self._board.load_macos(Started(sip=self.stored_sip, safe=wanted == "safe"))

    async def _look_at_keyboard(self, *, by_hand: bool) -> str:
        """ "recovery", "safe", or "" when nobody held anything in time.

        The time passes slowly where a finger switched it on, for fingers then are at the keyboard too. Before a restart
        by software, or when the mains come back, keys are held already or not at all.
        """
        clock = self._board.clock
        until = clock.now() + _LISTEN
        with ExitStack() as slowly:
            if by_hand:
                slowly.callback(clock.gesture(_LISTEN_RATE).release)
            while not (wanted := self._asked_for()) and clock.now() < until:
                await clock.sleep(_POLL)
        return wanted

    def _asked_for(self) -> str:
        held = self._keys.held
        if keyboard.R in held and held & keyboard.COMMAND:
            return "recovery"
        return "safe" if held & keyboard.SHIFT else ""
