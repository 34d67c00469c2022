"""The debug serial console: what the boot loader and the kernel say, and a login while macOS runs.

As with XNU's boot-arg `serial=3` (output and input); a login in recoveryOS would need another bit and is not offered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kextrel.virtual.faults import Faults
from kextrel.virtual.hardware.models import model_of
from kextrel.virtual.machine import Machine
from kextrel.virtual.unix.files import Actor
from kextrel.virtual.unix.system import System
from kextrel.virtual.unix.tty import Tty
from kextrel.virtual.unix.users import User
from kextrel.virtual.wires.ports import SerialPort

__all__ = ["Console"]

_NAME = "tty.debug-console"
_MACHINES = {"arm64e": "arm64", "x86_64": "x86_64"}
GARBLE = "console-garble"
_ROWS, _COLUMNS = 24, 80


class Console:
    """One Mac's serial console; `path` is where a bench opens it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._tty: Tty | None = None
        self._login: asyncio.Task[None] | None = None
        self.port = _Line(self._typed, machine.faults)
        self.path = self.port.path

    def line(self, text: str) -> None:
        """One line of boot messages."""
        self.port.write(text.encode() + b"\r\n")

    def kernel(self) -> None:
        """The kernel comes up and says what it is."""
        spec = self._machine.spec
        self.line(f"Darwin Kernel Version {spec.darwin}: root:xnu/{model_of(spec.model, spec.architecture).kernel}")
        self.line(f"Model: {spec.model}, serial number {spec.serial}, boot arguments: serial=3")

    def entered(self, environment: str) -> None:
        """The machine's environment is another one now."""
        self._hang_up()
        system = self._machine.system
        if environment == "macos" and isinstance(system, System):
            self._tty = Tty(self.port.write, rows=_ROWS, columns=_COLUMNS, name=_NAME)
            self._login = asyncio.get_running_loop().create_task(self._offer_login(system, self._tty))
            self._login.add_done_callback(_report)

    def close(self) -> None:
        """Takes the console away."""
        self._hang_up()
        self.port.close()

    def _typed(self, data: bytes) -> None:
        if self._tty is not None:
            self._tty.type(data)

    def _hang_up(self) -> None:
        if self._login is not None:
            self._login.cancel()
            self._login = None
        if self._tty is not None:
            self._tty.hang_up()
            self._tty = None

    async def _offer_login(self, system: System, tty: Tty) -> None:
        """getty(8) and login(1), for as long as the Mac runs."""
        who = Actor()
        while not tty.hung_up:
            machine = _MACHINES[self._machine.spec.code_architecture]
            tty.write(f"\nDarwin/{machine} ({system.hostname}) ({_NAME})\n\n".encode())
            user = await self._ask(system, tty, who)
            if user is None:
                continue
            env = {"TERM": "vt100"}
            shell = system.spawn([f"-{user.shell.rpartition('/')[2]}"], user=user, tty=tty, env=env)
            while shell.status is None:
                await who.block(shell.exited)

    @staticmethod
    async def _ask(system: System, tty: Tty, who: Actor) -> User | None:
        """The user who gave their name and password; None when they were wrong."""
        name = ""
        while not name and not tty.hung_up:
            name = (await tty.ask("login: ", who)).strip()
        password = await tty.ask("Password:", who, echo=False)
        if tty.hung_up:
            return None
        if system.users.check(name, password):
            return system.users.get(name)
        tty.write(b"Login incorrect\n")
        return None


class _Line(SerialPort):
    """The line to the bench; with the fault console-garble what it carries arrives damaged."""

    def __init__(self, typed: Callable[[bytes], None], faults: Faults) -> None:
        super().__init__(typed)
        self._faults = faults

    def write(self, data: bytes) -> None:
        super().write(self._damaged(data) if self._faults.strikes(GARBLE) else data)

    def _damaged(self, data: bytes) -> bytes:
        """One byte of eight, at least one, with a bit that was read wrongly."""
        chance, bytes_ = self._faults.chance(GARBLE), bytearray(data)
        for _ in range(len(bytes_) // 8 + 1 if bytes_ else 0):
            bytes_[chance.randrange(len(bytes_))] ^= 1 << chance.randrange(8)
        return bytes(bytes_)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": "the login on a serial console broke down", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
