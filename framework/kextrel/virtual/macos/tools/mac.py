"""How a tool reaches the Mac that it runs on, typed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kextrel.virtual.macos.kernelmanagement import KernelManagement
from kextrel.virtual.macos.kextd import KextDaemon
from kextrel.virtual.unix.process import Exit, Proc

if TYPE_CHECKING:
    from kextrel.virtual.machine import Machine

__all__ = [
    "answer",
    "ask_volume",
    "date_text",
    "hardware_uuid",
    "in_recovery",
    "kernel",
    "kextd",
    "kexts",
    "machine",
    "need_root",
    "stamp",
    "user_uuid",
]


def machine(proc: Proc) -> Machine:
    """The Mac."""
    found: Machine = proc.machine
    return found


def kernel(proc: Proc) -> KernelManagement:
    """Its kernel management, of macOS 11 and later."""
    found: KernelManagement = proc.machine.kernel
    return found


def kexts(proc: Proc) -> KernelManagement | KextDaemon:
    """Who loads its kexts, whatever the release."""
    found: KernelManagement | KextDaemon = proc.machine.kernel
    return found


def kextd(proc: Proc) -> KextDaemon | None:
    """What an older release has in the place of kernel management; None from macOS 11 on."""
    found = proc.machine.kernel
    return found if isinstance(found, KextDaemon) else None


def in_recovery(proc: Proc) -> bool:
    """Whether it runs in a recoveryOS."""
    return proc.system.environment == "recovery"


def need_root(proc: Proc, message: str, code: int = 1) -> None:
    """Ends the tool unless root runs it."""
    if proc.user.uid != 0:
        raise Exit(code, message)


async def answer(proc: Proc, prompt: str, *, echo: bool = True) -> str:
    """As readpassphrase(3): from the terminal, or, without one, a line of standard input (the prompt on its error)."""
    if proc.tty is not None:
        return await proc.ask(prompt, echo=echo)
    proc.err(prompt)
    line = await proc.readline()
    if not line:
        raise Exit(1, "\nunable to read from standard input")
    return line.decode(errors="replace").rstrip("\r\n")


async def ask_volume(proc: Proc) -> None:
    """Where several macOS are installed, bputil and csrutil ask which one is meant, and take this one's number only
    [bputil(1): "prompts"; the words are not known from the field]."""
    spec = machine(proc).spec
    if not spec.other_macos:
        return
    volumes = "".join(f"{number}) {name}\n" for number, name in enumerate((spec.disk_name, spec.other_macos), start=1))
    proc.out(f"Multiple startup volumes were found:\n{volumes}")
    if await answer(proc, "Choose a volume by its number: ") != "1":
        raise Exit(1, "That volume cannot be used here.")


def hardware_uuid(proc: Proc) -> str:
    """IOPlatformUUID: the same for the Mac's life."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, machine(proc).spec.serial)).upper()


def user_uuid(proc: Proc, name: str) -> str:
    """GeneratedUID of a user, and of what else has one: the same for the Mac's life."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{machine(proc).spec.serial}")).upper()


def date_text(seconds: float) -> str:
    """ctime(3) in UTC: "Fri Sep 11 23:59:51 2026"."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%a %b %e %H:%M:%S %Y")


def stamp(seconds: float) -> str:
    """As NSLog writes it: "2025-06-01 10:00:00.000"."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
