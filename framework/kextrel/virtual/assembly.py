"""Who is who in a virtual Mac: the one place that knows every part's class.

It imports them all, and with them an SSH and an HTTP server: so nobody imports it before a Mac is to be made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import kextrel.virtual.userland  # noqa: F401 - a program must be registered before its file is put on a disk
from kextrel.virtual.macos import trust
from kextrel.virtual.macos.kernelmanagement import KernelManagement
from kextrel.virtual.macos.kextd import KextDaemon
from kextrel.virtual.macos.kextpolicy import KextPolicy
from kextrel.virtual.macos.library import EXCLUDED
from kextrel.virtual.macos.sysextd import SystemExtensions
from kextrel.virtual.macos.tools.softwareupdate import furnish_installers
from kextrel.virtual.mdm.management import Management
from kextrel.virtual.mdm.server import Server
from kextrel.virtual.ui.display import Display
from kextrel.virtual.unix.disk import new_disk
from kextrel.virtual.unix.system import System
from kextrel.virtual.wires.console import Console
from kextrel.virtual.wires.pikvm import PiKvm
from kextrel.virtual.wires.ssh import SshServer

if TYPE_CHECKING:
    from kextrel.virtual import fittings
    from kextrel.virtual.machine import Machine
    from kextrel.virtual.ui.host import Host
    from kextrel.virtual.unix.fs import FileSystem

__all__ = ["Parts", "PiKvm", "Server"]


_CONSENT_SINCE = (10, 13)
_LEFT_OVER = ("KXTRL00001", "com.example.kextrel.driver", "Kextrel Sample")
"""Team, bundle and developer of a kext that somebody allowed before."""


class Parts:
    """The fittings of a whole Mac (see `fittings.Fittings`)."""

    def disk(self, machine: Machine) -> FileSystem:
        """A disk fresh from its first setup, with Apple's list of banned kexts, which is the lab authority's where that
        is trusted (PREP-13), and before 10.15 with installers of newer releases; or, where nobody prepared that
        (PREP-15), as an earlier run left it."""
        disk = new_disk(machine)
        if machine.spec.knows_lab:
            disk.mkdir(EXCLUDED.rpartition("/")[0], parents=True)
            disk.write_bytes(EXCLUDED, trust.excluded(), mode=0o644)
        if machine.spec.prepared:
            furnish_installers(disk, machine.spec)
        if not machine.has("PREP-15") and machine.spec.release >= _CONSENT_SINCE:
            KextPolicy(disk).allow(*_LEFT_OVER)
        return disk

    def management(self, machine: Machine) -> Management:
        return Management(machine)

    def kernel(self, machine: Machine) -> fittings.Kernel:
        return KernelManagement(machine) if machine.spec.has_collections else KextDaemon(machine)

    def extensions(self, machine: Machine) -> SystemExtensions:
        return SystemExtensions(machine)

    def display(self, machine: Machine) -> fittings.Display:
        return Display(cast("Host", machine))  # its Kernel has a Pending of its own, which kernel management's fits

    def serial(self, machine: Machine) -> fittings.Serial:
        return Console(machine)

    def sshd(self, machine: Machine) -> fittings.Sshd:
        return SshServer(machine)

    def system(self, machine: Machine, environment: str) -> System:
        return System(machine, environment)
