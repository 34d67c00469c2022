from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kextrel.virtual.clock import Clock
from kextrel.virtual.hardware.localpolicy import Change
from kextrel.virtual.machine import Machine
from kextrel.virtual.spec import MacSpec

ALLOW_KEXTS = Change({"smb0": 1, "smb2": 1})


class Stage:
    """Stands in for all the software of a Mac, and writes down what the machine told it, in order."""

    host, port, host_key, path, signal = "127.0.0.1", 0, "", "", True

    def __init__(self, log: list[Any]) -> None:
        self.log = log

    async def start(self) -> None:
        self.log.append("system up")

    async def stop(self, *, orderly: bool) -> None:
        self.log.append("system down" if orderly else "system cut")

    def boot(self, started: Any) -> None:
        name = started.policy.security_mode if started and started.policy else "of Intel"
        self.log.append(f"kernel {name}" if started else "kernel of recovery")

    async def orderly_shutdown(self) -> None:
        self.log.append("kernel tidied up")

    def power_lost(self) -> None:
        self.log.append("kernel lost")

    def firmware(self, text: str | None) -> None:
        self.log.append(text or "black")

    def entered(self, environment: str) -> None:
        """Told twice, as display and as console."""

    def line(self, text: str) -> None:
        self.log.append(text)

    def kernel(self) -> None:
        """Boot messages."""

    async def open(self) -> None:
        self.log.append("ssh opens")

    async def open_before_boot(self) -> None:
        self.log.append("ssh before boot opens")

    async def close(self, *, orderly: bool) -> None:
        self.log.append("ssh closes" if orderly else "ssh cut")


class NoExtensions:
    """sysextd, which has a test of its own."""

    def boot(self) -> None: ...
    def power_lost(self) -> None: ...
    async def orderly_shutdown(self) -> None: ...


class Props:
    """Every other fitting is the same stage."""

    def extensions(self, machine: Machine) -> NoExtensions:
        return NoExtensions()

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __getattr__(self, name: str) -> Callable[..., Stage]:
        return lambda *_: self._stage


class Play:
    """A machine on a loop that never waits, with what a bench would do to it."""

    def __init__(self, spec: MacSpec) -> None:
        self.log: list[Any] = []
        loop = asyncio.get_running_loop()
        self.machine = Machine(spec, Props(Stage(self.log)), clock=Clock(start=1e6, wall=loop.time))
        self.machine.watch(lambda environment: self.log.append(environment))
        self.errors: list[BaseException] = []
        self.machine.on_failure = self.errors.append

    async def until(self, environment: str) -> None:
        """Until the machine is there, which is now if it is."""
        async with asyncio.timeout(60):
            while self.machine.environment != environment or self.machine.going_down:
                await asyncio.sleep(0.01)

    async def press(self, mac_seconds: float) -> None:
        self.machine.button.switch(True)
        await asyncio.sleep(mac_seconds / 50)
        self.machine.button.switch(False)

    async def settle(self, wall_seconds: float = 1.0) -> None:
        await asyncio.sleep(wall_seconds)

    async def booted(self) -> None:
        self.machine.switch_on()
        await self.until("macos")
        self.log.clear()

    async def off(self) -> None:
        await self.booted()
        self.machine.request_shutdown()
        await self.until("off")
        self.log.clear()

    async def one_true(self) -> None:
        """In the one true recoveryOS, from off."""
        self.machine.button.switch(True)
        await self.until("startup-options")
        self.machine.button.switch(False)
        self.machine.boot_selected("recovery")
        await self.until("recovery")


Story = Callable[[Play], Coroutine[Any, Any, None]]


@pytest.fixture
def act(play: Callable[[Coroutine[Any, Any, Any]], Any]) -> Callable[..., None]:
    """Runs a story with a machine; a machine that broke down fails the test."""

    def run(story: Story, **spec: Any) -> None:
        async def whole() -> None:
            known = Play(MacSpec(**{"name": "mini", "prepared": True, **spec}))
            await story(known)
            await known.machine.close()
            assert known.errors == []

        play(whole())

    return run


def test_mains_boot_a_prepared_mac(act):
    async def story(play: Play) -> None:
        play.machine.rail.switch(True)
        await play.until("macos")
        assert play.log == ["firmware", "kernel Full", "system up", "ssh opens", "macos"]
        assert play.machine.os_type == "macOS"
        assert play.machine.console_user == "admin"
        assert play.machine.in_force == play.machine.sep.policy()

    act(story)


def test_without_autorestart_mains_boot_nothing_and_a_press_does(act):
    async def story(play: Play) -> None:
        play.machine.rail.switch(True)
        await play.settle()
        assert play.log == []
        await play.press(0.3)
        await play.until("macos")

    act(story, missing=frozenset({"PREP-09"}))


def test_without_mains_the_button_does_nothing(act):
    async def story(play: Play) -> None:
        await play.press(0.3)
        await play.press(12)
        await play.settle()
        assert play.log == []

    act(story)


def test_an_unprepared_mac_has_no_listener_and_nobody_logged_in(act):
    async def story(play: Play) -> None:
        play.machine.switch_on()
        await play.until("macos")
        assert "ssh opens" not in play.log
        assert play.machine.console_user is None

    act(story, prepared=False)


def test_a_restart_is_orderly_and_a_boot_of_its_own(act):
    async def story(play: Play) -> None:
        await play.booted()
        before = play.machine.boot_time
        play.machine.request_restart()
        play.machine.request_restart()
        await play.until("macos")
        assert play.log == [
            "system down", "kernel tidied up", "ssh closes", "off", "firmware", "kernel Full", "system up", "ssh opens",
            "macos",
        ]  # fmt: skip
        assert play.machine.boot_time != before
        assert play.machine.boot_time.sec >= before.sec

    act(story)


def test_with_filevault_a_restart_waits_for_its_password(act):
    async def story(play: Play) -> None:
        await play.booted()
        assert play.machine.console_user == "admin"  # who switched it on has unlocked it
        play.machine.request_restart()
        await play.until("locked")
        await play.settle()
        assert play.log == [
            "system down", "kernel tidied up", "ssh closes", "off", "firmware", "locked", "ssh before boot opens",
        ]  # fmt: skip
        assert (play.machine.system, play.machine.boot_time) == (None, None)
        play.machine.filevault.open("student")
        await play.until("macos")
        assert play.log[7:] == ["ssh closes", "firmware", "kernel Full", "system up", "ssh opens", "macos"]
        assert play.machine.console_user == "student"

    act(story, macos="26.2", filevault=True)


def test_a_mac_that_waits_for_filevault_is_forced_off_and_waits_again(act):
    async def story(play: Play) -> None:
        await play.booted()
        play.machine.request_restart()
        await play.until("locked")
        await play.press(10)
        await play.settle()
        assert (play.machine.environment, play.log[-1]) == ("off", "ssh cut")
        await play.press(0.3)
        await play.until("locked")
        play.machine.filevault.open()
        await play.until("macos")
        assert play.machine.console_user is None

    act(story, filevault=True)


def test_who_unlocks_it_for_safe_mode_logs_in_once_more(act):
    async def story(play: Play) -> None:
        await play.booted()
        play.machine.startup.start_once(safe=True)
        play.machine.request_restart()
        await play.until("locked")
        play.machine.filevault.open("admin")
        await play.until("macos")
        assert play.machine.safe_mode
        assert play.machine.console_user is None

    act(story, filevault=True)


def test_a_shutdown_ends_off_and_a_press_boots(act):
    async def story(play: Play) -> None:
        await play.off()
        assert (play.machine.environment, play.machine.os_type, play.machine.boot_time) == ("off", "", None)
        await play.press(0.3)
        await play.until("macos")
        assert play.log == ["firmware", "black", "kernel Full", "system up", "ssh opens", "macos"]

    act(story)


def test_a_hold_leads_to_startup_options_and_to_the_one_true_recovery(act):
    async def story(play: Play) -> None:
        await play.off()
        await play.one_true()
        assert play.log == [
            "firmware", "Continue holding for startup options…", "Loading startup options…", "startup-options",
            "firmware", "kernel of recovery", "system up", "recovery",
        ]  # fmt: skip
        assert play.machine.os_type == "one true recoveryOS"
        assert play.machine.in_force is None
        play.machine.sep.change(ALLOW_KEXTS, user="admin", password=play.machine.spec.administrator.password)
        play.machine.request_restart()
        await play.until("macos")
        assert play.machine.in_force.smb2 == 1

    act(story)


def test_from_startup_options_macos_is_a_boot_like_any_other(act):
    async def story(play: Play) -> None:
        await play.off()
        play.machine.button.switch(True)
        await play.until("startup-options")
        play.machine.button.switch(False)
        await play.settle()
        play.machine.boot_selected("macos")
        await play.until("macos")
        assert play.machine.os_type == "macOS"
        with pytest.raises(RuntimeError, match="nothing can be chosen"):
            play.machine.boot_selected("recovery")

    act(story)


@pytest.mark.parametrize("gap", [0.3, 0.9])
def test_a_press_before_the_hold_leads_to_the_fallback(act, gap):
    async def story(play: Play) -> None:
        await play.off()
        await play.press(0.3)
        await play.settle(gap / 50)
        await play.one_true()
        assert play.machine.os_type == "fallback recoveryOS"

    act(story)


def test_nvram_leads_to_ordinary_recovery_once(act):
    async def story(play: Play) -> None:
        await play.booted()
        play.machine.nvram.set("recovery-boot-mode", b"unused")
        play.machine.request_restart()
        await play.until("recovery")
        assert play.machine.os_type == "ordinary (software-launched) recoveryOS"
        play.machine.request_restart()
        await play.until("macos")

    act(story)


def test_what_was_not_flushed_is_lost_when_the_button_forces_it_off(act):
    async def story(play: Play) -> None:
        await play.booted()
        play.machine.nvram.set("recovery-boot-mode", b"unused")
        await play.press(10)
        await play.settle()
        assert play.log == ["kernel lost", "off", "system cut", "ssh cut"]
        await play.press(0.3)
        await play.until("macos")

    act(story)


def test_a_short_press_while_running_changes_nothing(act):
    async def story(play: Play) -> None:
        await play.booted()
        await play.press(0.5)
        await play.settle()
        assert play.log == []
        assert play.machine.environment == "macos"

    act(story)


def test_a_button_held_on_after_it_forced_off_does_not_start_again(act):
    async def story(play: Play) -> None:
        await play.booted()
        await play.press(30)
        await play.settle()
        assert play.machine.environment == "off"

    act(story)


def test_a_button_held_over_a_restart_forces_it_off(act):
    """SHUTDOWN takes 3 Mac seconds: the reset falls into the hold."""

    async def story(play: Play) -> None:
        await play.booted()
        play.machine.request_restart()
        await play.press(10)
        await play.settle()
        assert play.machine.environment == "off"
        assert "firmware" in play.log

    act(story)


@pytest.mark.parametrize("moment", ["firmware", "startup-options", "recovery", "macos"])
def test_power_may_go_at_any_moment(act, moment):
    async def story(play: Play) -> None:
        await play.off()
        if moment == "macos":
            await play.press(0.3)
            await play.until("macos")
        else:
            play.machine.button.switch(True)
            await play.until("firmware" if moment == "firmware" else "startup-options")
            play.machine.button.switch(False)
        if moment == "recovery":
            play.machine.boot_selected("recovery")
            await play.until("recovery")
        play.machine.rail.switch(False)
        await play.until("off")
        await play.settle()
        assert play.machine.environment == "off"
        play.machine.rail.switch(True)
        await play.until("macos")

    act(story)


def test_power_that_goes_in_the_middle_of_a_boot_leaves_no_half_of_it(act):
    async def story(play: Play) -> None:
        play.machine.switch_on()
        for turns in range(0, 60, 3):
            for _ in range(turns):
                await asyncio.sleep(0)
            play.machine.force_off()
            await play.settle()
            assert (play.machine.environment, play.machine.system) == ("off", None)
            play.machine.switch_on()
            await play.press(0.3)
        await play.until("macos")

    act(story)


def test_power_that_goes_during_a_shutdown_is_just_off(act):
    async def story(play: Play) -> None:
        await play.booted()
        play.machine.request_restart()
        await asyncio.sleep(0)
        play.machine.rail.switch(False)
        await play.until("off")
        await play.settle()
        assert (play.machine.environment, play.machine.going_down) == ("off", False)
        assert "system cut" in play.log

    act(story)


def test_a_replayed_policy_is_not_booted(act):
    async def story(play: Play) -> None:
        await play.off()
        await play.one_true()
        sep, password = play.machine.sep, play.machine.spec.administrator.password
        sep.change(ALLOW_KEXTS, user="admin", password=password)
        lowered = sep.stored
        sep.change(Change({}, afresh=True), user="admin", password=password)
        sep.stored = lowered
        play.log.clear()
        play.machine.request_restart()
        await play.until("recovery")
        assert "iBoot: LocalPolicy was replayed: its nonce is not the newest" in play.log
        assert play.machine.os_type == "ordinary (software-launched) recoveryOS"

    act(story)


def test_a_policy_changed_now_is_in_force_from_the_next_boot(act):
    async def story(play: Play) -> None:
        await play.off()
        await play.one_true()
        password = play.machine.spec.administrator.password
        play.machine.sep.change(ALLOW_KEXTS, user="admin", password=password)
        play.machine.request_restart()
        await play.until("macos")
        play.machine.sep.change(Change({}, afresh=True), user="admin", password=password)
        assert play.machine.in_force.security_mode == "Reduced"
        play.machine.request_restart()
        await play.until("macos")
        assert play.machine.in_force.security_mode == "Full"

    act(story)


def test_a_part_that_breaks_down_is_reported(play):
    async def story() -> None:
        broken = Play(MacSpec("mini", prepared=True))

        def boot(policy: Any) -> None:
            raise LookupError("no collection")

        broken.machine.kernel.boot = boot
        broken.machine.switch_on()
        await broken.settle()
        assert [str(error) for error in broken.errors] == ["no collection"]

    play(story())


INTEL = {"architecture": "intel", "macos": "12.7"}


def test_an_intel_mac_boots_by_mains_and_by_a_press(act):
    async def story(play: Play) -> None:
        await play.booted()
        assert play.machine.in_force is None
        assert play.machine.os_type == ""
        play.machine.request_shutdown()
        await play.until("off")
        play.log.clear()
        await play.press(0.3)
        await play.until("macos")
        assert play.log == ["firmware", "kernel of Intel", "system up", "ssh opens", "macos"]

    act(story, **INTEL)


def test_a_held_button_leads_an_intel_mac_to_no_startup_options_and_then_forces_it_off(act):
    async def story(play: Play) -> None:
        await play.off()
        play.machine.button.switch(True)
        await play.until("macos")
        assert "startup-options" not in play.log
        play.machine.button.switch(False)
        await play.settle()
        await play.press(12)
        await play.settle()
        assert play.machine.environment == "off"

    act(story, **INTEL)


def test_command_r_held_through_a_restart_is_recovery_and_let_go_is_not(act):
    async def story(play: Play) -> None:
        await play.booted()
        keyboard = play.machine.keyboard
        keyboard.held = {0xE3, 0x15}
        play.machine.request_restart()
        await play.until("recovery")
        assert "kernel of recovery" in play.log
        assert play.machine.sip == 0
        keyboard.held = set()
        play.machine.request_restart()
        await play.until("macos")

    act(story, **INTEL)


def test_power_lost_while_efi_looks_at_the_keyboard_leaves_the_clock_free(act):
    async def story(play: Play) -> None:
        play.machine.button.switch(True)  # by hand, so EFI takes its time
        play.machine.rail.switch(True)
        await play.settle(0.1)
        assert play.machine.environment == "firmware"
        play.machine.button.switch(False)
        play.machine.rail.switch(False)
        await play.until("off")
        await play.settle()
        assert play.machine.clock.jumping

    act(story, **INTEL)


def test_intel_has_no_enclave_and_no_register(act):
    async def story(play: Play) -> None:
        with pytest.raises(RuntimeError, match="has no LocalPolicy"):
            play.machine.sep.policy()
        with pytest.raises(RuntimeError, match="has no LocalPolicy"):
            assert play.machine.progress.value

    act(story, **INTEL)


def test_only_a_mac_with_a_t2_has_one(act):
    async def story(play: Play) -> None:
        assert play.machine.t2.level == "Full"

    async def other(play: Play) -> None:
        assert play.machine.t2 is None

    act(story, architecture="intel-t2", macos="13.6")
    act(other, **INTEL)
    act(other)


def test_a_battery_rides_out_the_mains(act):
    async def story(play: Play) -> None:
        play.machine.rail.switch(True)
        await play.press(0.3)
        await play.until("macos")
        play.machine.rail.switch(False)
        await play.settle()
        assert play.machine.environment == "macos"

    act(story, architecture="intel-t2", macos="13.6", missing=frozenset({"PREP-09"}))
