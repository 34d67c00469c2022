"""One virtual Mac: its hardware, and the order in which everything on it comes up and goes down.

The software that runs on it is made by its Fittings, so that the machine knows a kernel's extension management, a
display, a console and an SSH daemon only by what it must tell them. See `assembly` for who they are.

    off ── button or mains ──► firmware (`hardware.startup`: by the architecture, from here on)
        ├── Apple silicon, hold, double hold ──► startup-options ──► recovery, or a reset and then macOS
        ├── Intel, Command-R held on the keyboard ──► recovery
        ├── nvram recovery-boot-mode, or a LocalPolicy that does not verify ──► recovery
        └── else kernel, launchd ──► macos
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from kextrel.virtual.activity import Activity
from kextrel.virtual.clock import Clock, Timer
from kextrel.virtual.faults import Faults
from kextrel.virtual.fittings import Fittings
from kextrel.virtual.hardware.button import Button
from kextrel.virtual.hardware.efi import EfiStartup
from kextrel.virtual.hardware.filevault import FileVault
from kextrel.virtual.hardware.keyboard import Keyboard
from kextrel.virtual.hardware.localpolicy import LocalPolicy
from kextrel.virtual.hardware.nvram import Nvram
from kextrel.virtual.hardware.progress import BootProgress
from kextrel.virtual.hardware.rail import Rail
from kextrel.virtual.hardware.sep import SecureEnclave
from kextrel.virtual.hardware.silicon import SiliconStartup
from kextrel.virtual.hardware.startup import BootTime, Started, Startup
from kextrel.virtual.hardware.t2 import T2
from kextrel.virtual.settings import out_of_the_box
from kextrel.virtual.spec import MacSpec

if TYPE_CHECKING:
    from kextrel.virtual.unix.system import System

__all__ = ["Machine"]

FORCE_OFF_AFTER = 7.0
"""Mac seconds. Apple's guide: hold "for up to 10 seconds, until your Mac turns off"; what holds 10 s is sure of it."""
LOADER, KERNEL, LAUNCHD, SHUTDOWN = 2.0, 5.0, 8.0, 3.0
"""Mac seconds that the parts of a boot and an orderly shutdown take."""
INSTALLING = 25 * 60.0
"""Mac seconds that an installer of macOS takes between the two systems."""


class Machine:
    """One virtual Mac. Everything public may be read by the software on it; only hardware and `Machine` write it.

    `environment`: "off", "firmware", "startup-options", "locked" (FileVault's), "macos", "recovery", "other-macos".
    `started`: what macOS was started with at this boot, None outside macOS. `startup`: what runs before the kernel; it
    keeps what the next boot will use.
    `console_user`: the short name of who is logged in at the screen. `autorestart`: pmset's setting, kept by the power
    controller. `settings`: the others that were made on it.
    """

    def __init__(self, spec: MacSpec, fittings: Fittings, *, clock: Clock | None = None) -> None:
        self.spec = spec
        self.clock = clock or Clock(gesture_rate=spec.gesture_rate)
        self.faults = Faults(spec.faults, self.clock)
        self.rail = Rail(self.clock, self._power_changed, battery=spec.has_battery)
        self.faults.when("power-cut", self.rail.fail)
        self.button = Button(self.clock, self._button_changed)
        self.nvram = Nvram(self.clock)
        self.t2 = T2(self.nvram) if spec.architecture == "intel-t2" else None
        self.keyboard = Keyboard(
            lambda: self.display, lambda: self.environment != "macos" or not spec.asks_for_accessories
        )
        silicon = spec.architecture == "apple-silicon"
        self.startup: Startup = SiliconStartup(self) if silicon else EfiStartup(self, self.keyboard)
        self.autorestart, self.settings = spec.has("PREP-09"), out_of_the_box(spec)
        self.environment = "off"
        self.started: Started | None = None
        self.boot_time: BootTime | None = None
        self.console_user: str | None = None
        self.system: System | None = None
        self.going_down = False
        self.on_failure: Callable[[BaseException], None] = self._complain
        self._watchers: list[Callable[[str], None]] = []
        self._activity = Activity(f"virtual Mac {spec.name}", lambda error: self.on_failure(error))
        self._forcing: Timer | None = None
        self._fittings = fittings
        self.disk = fittings.disk(self)
        self.management = fittings.management(self)
        self.kernel = fittings.kernel(self)
        self.extensions = fittings.extensions(self)
        self.display = fittings.display(self)
        self.serial = fittings.serial(self)
        self.sshd = fittings.sshd(self)
        self.filevault = FileVault(self, self._enter)

    # What software on the Mac may ask

    @property
    def os_type(self) -> str:
        """What the boot progress register says, in bputil's words; "" before the boot loader wrote it."""
        return self.startup.os_type

    @property
    def in_force(self) -> LocalPolicy | None:
        """The LocalPolicy that iBoot read at this boot of macOS; `sep.policy()` is the stored one. None on Intel."""
        return self.started.policy if self.started is not None else None

    @property
    def sip(self) -> int:
        """The word of System Integrity Protection's bits that are off at this boot of macOS; 0 elsewhere."""
        return self.started.sip if self.started is not None else 0

    @property
    def safe_mode(self) -> bool:
        """Whether this boot of macOS is a safe one."""
        return self.started is not None and self.started.safe

    @property
    def sep(self) -> SecureEnclave:
        """The Secure Enclave that keeps LocalPolicy. RuntimeError on Intel, which has neither."""
        return self._silicon.sep

    @property
    def progress(self) -> BootProgress:
        """The boot progress register. RuntimeError on Intel."""
        return self._silicon.progress

    @property
    def _silicon(self) -> SiliconStartup:
        if not isinstance(self.startup, SiliconStartup):
            raise RuntimeError(f"{self.spec.name} has no LocalPolicy: it is {self.spec.architecture}")
        return self.startup

    def defect(self, rule: str) -> bool:
        """Whether the mechanism behind `rule` is broken in this Mac. Asked at the one place that would do it."""
        return rule in self.spec.defects

    def has(self, preparation: str) -> bool:
        """Whether row `preparation` ("PREP-07") was done."""
        return self.spec.has(preparation)

    def switch_on(self) -> None:
        """Somebody plugs it in, where that alone does not start it presses the button, and unlocks it."""
        self.filevault.keep(attended=True)
        self.rail.switch(True)
        if self.environment == "off":
            self._power_on(pressed=False)

    def request_restart(self) -> None:
        """An orderly restart, begun at once and done by the machine, not by who asks. Harmless while going down."""
        self._request(self._restart)

    def request_shutdown(self) -> None:
        """An orderly shutdown; as `request_restart`, but it ends off."""
        self._request(self._shut_down)

    def request_upgrade(self, spec: MacSpec, install: Callable[[], None]) -> None:
        """An orderly restart into an installer, and from there into the system that makes the Mac one of that `spec`:
        `install` puts it on the disk. Harmless while going down."""
        self._request(lambda: self._upgrade(spec, install))

    def boot_selected(self, choice: str) -> None:
        """What was chosen at the startup options: "macos", "other-macos", "safe-mode", "recovery", "restart" or
        "shutdown"."""
        if self.environment != "startup-options":
            raise RuntimeError(f"nothing can be chosen in {self.environment}")
        if choice in ("macos", "safe-mode"):
            self.startup.start_once(safe=choice == "safe-mode")
        steps = {"recovery": self.load_recovery, "shutdown": self._halt, "other-macos": self.load_other}
        self.run(steps.get(choice, self._reset)())

    def force_off(self) -> None:
        """Off, this instant, as a held button or a lost rail does it: nothing is flushed, nobody is told."""
        self._activity.cut()
        system, self.system = self.system, None
        self.nvram.power_lost()
        self.filevault.power_lost()
        self.kernel.power_lost()
        self.extensions.power_lost()
        self._stop_forcing()
        self._down()
        self._activity.clean_up(lambda: self._cut(system))

    def log_in(self, user: str) -> None:
        """Somebody logged in at the screen; `user` is a short name."""
        self.console_user = user

    def log_out(self) -> None:
        """Nobody is at the screen any more: the login window is."""
        self.console_user = None
        self.display.logged_out()

    def watch(self, changed: Callable[[str], None]) -> None:
        """Calls `changed(environment)` at every change of the environment, after the display was told."""
        self._watchers.append(changed)

    async def close(self) -> None:
        """Takes the Mac away: everything it runs ends, its port is free."""
        self.force_off()
        await self._activity.settled()
        self.clock.close()

    # Power and button

    def _power_changed(self, powered: bool) -> None:
        if not powered:
            self.force_off()
        elif self.autorestart or self.button.down:
            self._power_on(pressed=self.button.down)

    def _button_changed(self, down: bool) -> None:
        if self.startup.reading:
            self.startup.edge(down)
        elif not self.rail.powered:
            return
        elif down and self.environment == "off":
            self._power_on(pressed=True)
        elif down:
            self._forcing = self.clock.call_later(FORCE_OFF_AFTER, self.force_off)
        else:
            self._stop_forcing()

    def _stop_forcing(self) -> None:
        if self._forcing is not None:
            self._forcing.cancel()
            self._forcing = None

    def _power_on(self, *, pressed: bool) -> None:
        self._enter("firmware")
        self.startup.power_on(pressed=pressed)

    # Coming up: what the startup has it do

    def show(self, text: str | None) -> None:
        """A line of the firmware on the black screen, None for none."""
        self.display.firmware(text)

    def note(self, text: str) -> None:
        """A line of the firmware on the serial console."""
        self.serial.line(text)

    def offer_startup_options(self) -> None:
        """The startup options are on the screen now."""
        self._enter("startup-options")

    async def load_macos(self, started: Started) -> None:
        """Starts macOS so; nobody is logged in by itself in safe mode."""
        await self.clock.sleep(LOADER)
        await self._activity.settled()
        user = await self.filevault.passed()
        self.started = started
        self.kernel.boot(started)
        await self._run_kernel()
        await self._start_system("macos")
        self.extensions.boot()
        if user and not started.safe:
            self.log_in(user)
        if self.has("PREP-01"):
            await self.sshd.open()
        self._enter("macos")

    async def load_recovery(self) -> None:
        """Starts recoveryOS."""
        self._enter("firmware")
        await self.clock.sleep(LOADER)
        self.kernel.boot(None)
        await self._run_kernel()
        await self._start_system("recovery")
        self._enter("recovery")

    async def load_other(self) -> None:
        """Starts the other macOS on the disk, whose setup assistant waits for a person. Nothing else runs there."""
        self._enter("firmware")
        await self.clock.sleep(LOADER)
        await self._run_kernel()
        await self.clock.sleep(LAUNCHD)
        self._enter("other-macos")

    async def _run_kernel(self) -> None:
        microseconds = round(self.clock.now() * 1_000_000)
        self.boot_time = BootTime(*divmod(microseconds, 1_000_000))
        self.serial.kernel()
        await self.clock.sleep(KERNEL)

    async def _start_system(self, environment: str) -> None:
        await self.clock.sleep(LAUNCHD)
        await self._activity.settled()
        self.system = self._fittings.system(self, environment)
        await self.system.start()

    # Going down

    def _request(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self.environment in ("macos", "recovery") and not self.going_down:
            self.going_down = True
            self.run(step())

    async def _restart(self) -> None:
        await self._stop_software()
        await self._reset()

    async def _upgrade(self, spec: MacSpec, install: Callable[[], None]) -> None:
        """The installer is a small system of its own: a bar on the screen, and no shell. A power cut before its end
        leaves the Mac as it was."""
        await self._stop_software()
        self._enter("firmware")
        await self.clock.sleep(INSTALLING)
        before, self.spec = self.spec, spec
        install()
        if before.has_collections is not self.spec.has_collections:
            self.kernel = self._fittings.kernel(self)
        await self._reset()

    async def _shut_down(self) -> None:
        await self._stop_software()
        await self._halt()

    async def _stop_software(self) -> None:
        await self.clock.sleep(SHUTDOWN)
        if self.system is not None:
            await self.system.stop(orderly=True)
            self.system = None
        await self.extensions.orderly_shutdown()
        await self.kernel.orderly_shutdown()
        await self.sshd.close(orderly=True)
        self.nvram.sync()

    async def _reset(self) -> None:
        """The chip resets: the register is empty, and no button starts this boot.

        The power controller does not: a button that is held from before the reset on still forces the Mac off.
        """
        self._down()
        self._power_on(pressed=False)

    async def _halt(self) -> None:
        self._stop_forcing()
        self._down()

    def _down(self) -> None:
        self.startup.power_off()
        self.started = self.boot_time = self.console_user = None
        self.going_down = False
        self._enter("off")

    async def _cut(self, system: System | None) -> None:
        """The end of what ran when the power went."""
        if system is not None:
            await system.stop(orderly=False)
        await self.sshd.close(orderly=False)

    # Bookkeeping

    def _enter(self, environment: str) -> None:
        self.environment = environment
        if environment == "macos":
            self.faults.booted()
        self.display.entered(environment)
        self.serial.entered(environment)
        for changed in self._watchers:
            changed(environment)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Does `work` as what the machine does now, in place of what it was doing before."""
        self._activity.run(work)

    def _complain(self, error: BaseException) -> None:
        context = {"message": f"virtual Mac {self.spec.name} broke down", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
