"""Who is who in a virtual Mac: the one place that knows every part's class, and imports each when it is first made."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from kextrel.virtual.fittings import Display, Kernel, Serial, Sshd
    from kextrel.virtual.machine import Machine
    from kextrel.virtual.macos.sysextd import SystemExtensions
    from kextrel.virtual.mdm.management import Management
    from kextrel.virtual.ui.host import Host
    from kextrel.virtual.unix.fs import FileSystem
    from kextrel.virtual.unix.system import System
    from kextrel.virtual.wires.pikvm import PiKvm

__all__ = ["Parts", "pikvm"]


class Parts:
    """The fittings of a whole Mac (see `fittings.Fittings`)."""

    def disk(self, machine: Machine) -> FileSystem:
        """A disk fresh from its first setup; every program must be registered by then, so that its file is on it."""
        import kextrel.virtual.macos.tools
        import kextrel.virtual.unix.tools  # noqa: F401
        from kextrel.virtual.unix.disk import new_disk

        return new_disk(machine)

    def management(self, machine: Machine) -> Management:
        from kextrel.virtual.mdm.management import Management

        return Management(machine)

    def kernel(self, machine: Machine) -> Kernel:
        from kextrel.virtual.macos.kernelmanagement import KernelManagement

        return KernelManagement(machine)

    def extensions(self, machine: Machine) -> SystemExtensions:
        from kextrel.virtual.macos.sysextd import SystemExtensions

        return SystemExtensions(machine)

    def display(self, machine: Machine) -> Display:
        from kextrel.virtual.ui.display import Display

        return Display(cast("Host", machine))  # its Kernel has a Pending of its own, which kernel management's fits

    def serial(self, machine: Machine) -> Serial:
        from kextrel.virtual.wires.console import Console

        return Console(machine)

    def sshd(self, machine: Machine) -> Sshd:
        from kextrel.virtual.wires.ssh import SshServer

        return SshServer(machine)

    def system(self, machine: Machine, environment: str) -> System:
        from kextrel.virtual.unix.system import System

        return System(machine, environment)


def pikvm(machine: Machine, *, user: str, password: str) -> PiKvm:
    """The PiKVM at the Mac's display; not started yet."""
    from kextrel.virtual.wires.pikvm import PiKvm

    return PiKvm(machine, user=user, password=password)
