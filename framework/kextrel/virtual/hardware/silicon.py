"""The startup of Apple silicon: the boot ROM reads the button, LLB locks the register, iBoot reads LocalPolicy."""

from __future__ import annotations

from typing import Literal

from kextrel.virtual.hardware.bootrom import BootRom, Gesture
from kextrel.virtual.hardware.localpolicy import LocalPolicy
from kextrel.virtual.hardware.progress import BootProgress, Progress
from kextrel.virtual.hardware.sep import PolicyRejected, SecureEnclave, SepRefusal
from kextrel.virtual.hardware.startup import Board, Started

__all__ = ["SiliconStartup"]

ROM, OPTIONS = 1.0, 4.0
"""Mac seconds that the boot ROM and the startup options take."""


class SiliconStartup:
    """See `startup.Startup`. `progress`: the boot progress register; `sep`: the Secure Enclave."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.progress = BootProgress()
        self.sep = SecureEnclave(board.spec, self.progress, defects=board.spec.defects)
        self._rom = BootRom(board.clock, board.show, lambda gesture: board.run(self._boot(gesture)))
        self._once: Literal["normal", "safe"] | None = None
        self._other = False

    @property
    def reading(self) -> bool:
        return self._rom.reading

    @property
    def volume_group(self) -> str:
        return self.sep.policy().vuid

    @property
    def os_type(self) -> str:
        return self.progress.value.os_type if self.progress.value else ""

    @property
    def stored_sip(self) -> int:
        return self.sep.policy().sip0 or 0

    def power_on(self, *, pressed: bool) -> None:
        self.progress.reset()
        self._rom.power_on(pressed=pressed)

    def edge(self, down: bool) -> None:
        self._rom.edge(down)

    def power_off(self) -> None:
        self._rom.power_off()
        self.progress.reset()

    def set_startup_disk(self, other: bool) -> None:
        self._other = other

    def start_once(self, *, safe: bool) -> None:
        self._once = "safe" if safe else "normal"

    def unlocks(self, user: str, password: str) -> bool:
        try:
            self.sep.authenticate(user, password)
        except SepRefusal:
            return False
        return True

    async def _boot(self, gesture: Gesture) -> None:
        await self._board.clock.sleep(ROM)
        if gesture is Gesture.START:
            await self._start()
            return
        fallback = gesture is Gesture.DOUBLE_HOLD
        paired = not fallback and not self._other
        self.progress.lock(Progress("recovery", by_button=True, paired=paired, fallback=fallback))
        await self._board.clock.sleep(OPTIONS)
        self._board.offer_startup_options()

    async def _start(self) -> None:
        """No gesture: iBoot goes where NVRAM and LocalPolicy let it."""
        wanted, policy = self._board.nvram.take("recovery-boot-mode"), self._read_policy()
        chosen, self._once = self._once, None
        if wanted is not None or policy is None:
            self.progress.lock(Progress("recovery", paired=not self._other))
            await self._board.load_recovery()
            return
        if self._other and chosen is None:
            await self._board.load_other()
            return
        self.progress.lock(Progress("macos"))
        await self._board.load_macos(Started(policy, policy.sip0 or 0, chosen == "safe"))

    def _read_policy(self) -> LocalPolicy | None:
        """iBoot: LocalPolicy when its signature and nonce are right; else this Mac must go to recovery."""
        try:
            return self.sep.policy()
        except PolicyRejected as error:
            self._board.note(f"iBoot: {error}")
            return None
