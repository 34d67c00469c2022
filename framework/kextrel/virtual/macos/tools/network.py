"""The Mac's network ports: networksetup(8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kextrel.virtual.macos.tools.mac import machine
from kextrel.virtual.spec import MacSpec
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["Port", "networksetup", "ports"]


@dataclass(frozen=True)
class Port:
    """`up`: something is plugged in, or joined, and the port has an address."""

    name: str
    device: str
    up: bool


def ports(spec: MacSpec) -> Sequence[Port]:
    """Wi-Fi is joined by macOS; the cable, which recovery needs, was plugged in by who prepared it (PREP-12)."""
    wired = "USB 10/100/1000 LAN" if spec.is_laptop else "Ethernet"
    return (Port(wired, "en0", spec.has("PREP-12")), Port("Wi-Fi", "en1", True))


@tool("/usr/sbin/networksetup", where=("macos",))
async def networksetup(proc: Proc) -> int:
    """-listallhardwareports."""
    if proc.args != ["-listallhardwareports"]:
        raise Exit(1, "Command requires super-user privileges or is not known here.")
    for number, port in enumerate(ports(machine(proc).spec)):
        proc.out(f"\nHardware Port: {port.name}\nDevice: {port.device}\nEthernet Address: 02:00:00:00:00:0{number}\n")
    proc.out("\nVLAN Configurations\n===================\n")
    return 0
