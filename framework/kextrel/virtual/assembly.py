"""Who is who in a virtual Mac: the one place that knows every part's class, and imports each when it is first made."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kextrel.virtual.machine import Display, FileSystem, Kernel, Machine, Serial, Sshd, System

__all__ = ["Parts"]


def _late(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"kextrel.virtual.{module}"), name)


class Parts:
    """The fittings of a whole Mac (see `machine.Fittings`)."""

    def disk(self, machine: Machine) -> FileSystem:
        disk: FileSystem = _late("unix.fs", "FileSystem")(machine)
        return disk

    def kernel(self, machine: Machine) -> Kernel:
        kernel: Kernel = _late("macos.kernelmanagement", "KernelManagement")(machine)
        return kernel

    def display(self, machine: Machine) -> Display:
        display: Display = _late("ui.display", "Display")(machine)
        return display

    def serial(self, machine: Machine) -> Serial:
        serial: Serial = _late("wires.console", "Console")(machine)
        return serial

    def sshd(self, machine: Machine) -> Sshd:
        sshd: Sshd = _late("wires.ssh", "SshServer")(machine)
        return sshd

    def system(self, machine: Machine, environment: str) -> System:
        system: System = _late("unix.system", "System")(machine, environment)
        return system
