"""An Intel Mac from power to a kernel: what is held on the keyboard, what NVRAM says, what the button does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from kextrel.virtual.clock import Clock
from kextrel.virtual.hardware.efi import SIP, EfiStartup
from kextrel.virtual.hardware.keyboard import Keyboard
from kextrel.virtual.hardware.nvram import Nvram
from kextrel.virtual.hardware.startup import Started
from kextrel.virtual.spec import MacSpec

COMMAND, R, SHIFT = 0xE7, 0x15, 0xE1


class Rig:
    """An EFI on a loop that never waits, with what it has the Mac do."""

    def __init__(self) -> None:
        self.spec = MacSpec("intel", architecture="intel", macos="12.7")
        self.clock = Clock(start=0.0, wall=asyncio.get_running_loop().time)
        self.nvram = Nvram(self.clock)
        self.heard: list[int] = []
        listener = SimpleNamespace(key=lambda down, usage, modifiers: self.heard.append(usage))
        self.keyboard = Keyboard(lambda: listener)
        self.efi = EfiStartup(self, self.keyboard)
        self.loaded: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.task = asyncio.get_running_loop().create_task(work)

    async def load_macos(self, started: Started) -> None:
        self.loaded.set_result(started)

    async def load_recovery(self) -> None:
        self.loaded.set_result("recovery")

    def hold(self, *usages: int, down: bool = True) -> None:
        for usage in usages:
            self.keyboard.key(down, usage, 0)

    async def boot(self) -> Any:
        self.efi.power_on(pressed=True)
        return await self.loaded


@pytest.fixture
def act(play: Callable[[Coroutine[Any, Any, Any]], Any]) -> Callable[..., None]:
    def run(story: Callable[[Rig], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            await story(Rig())

        play(whole())

    return run


def test_nothing_held_boots_macos_with_sip_on(act: Any) -> None:
    async def story(rig: Rig) -> None:
        assert await rig.boot() == Started()
        assert rig.clock.now() == pytest.approx(5.0, abs=0.2)

    act(story)


def test_command_r_held_is_recovery_at_once(act: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.hold(COMMAND, R)
        assert await rig.boot() == "recovery"
        assert rig.clock.now() < 1.5
        assert rig.heard == [COMMAND, R]

    act(story)


def test_a_late_finger_is_in_time_while_efi_looks(act: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.efi.power_on(pressed=True)
        await rig.clock.sleep(3.0)
        rig.hold(COMMAND, R)
        assert await rig.loaded == "recovery"

    act(story)


@pytest.mark.parametrize("keys", [(COMMAND,), (R,), (0x14, COMMAND)])
def test_other_keys_are_nothing_to_efi(act: Any, keys: tuple[int, ...]) -> None:
    async def story(rig: Rig) -> None:
        rig.hold(*keys)
        assert await rig.boot() == Started()

    act(story)


def test_keys_that_came_up_before_count_for_nothing(act: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.hold(COMMAND, R)
        rig.hold(COMMAND, R, down=False)
        assert await rig.boot() == Started()

    act(story)


def test_shift_is_safe_mode(act: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.hold(SHIFT)
        assert await rig.boot() == Started(safe=True)

    act(story)


def test_sip_is_read_from_nvram_the_lowest_byte_first(act: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.nvram.set(SIP, b"\x7f\x08\x00\x00")
        assert rig.efi.stored_sip == 0x87F
        assert await rig.boot() == Started(sip=0x87F)

    act(story)


def test_recovery_boot_mode_counts_once(act: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.nvram.set("recovery-boot-mode", b"unused")
        assert await rig.boot() == "recovery"
        assert rig.nvram.get("recovery-boot-mode") is None
        rig.nvram.power_lost()
        assert rig.nvram.get("recovery-boot-mode") is None

    act(story)


def test_no_startup_options_ask_for_safe_mode(act: Any) -> None:
    async def story(rig: Rig) -> None:
        assert not rig.efi.reading
        with pytest.raises(RuntimeError, match="hold Shift"):
            rig.efi.start_once(safe=True)

    act(story)


def test_the_volume_is_unlocked_by_its_owners_password(act: Any) -> None:
    async def story(rig: Rig) -> None:
        password = rig.spec.administrator.password
        assert rig.efi.unlocks("admin", password)
        assert not rig.efi.unlocks("admin", "x" + password)
        assert not rig.efi.unlocks("nobody", password)

    act(story)
