"""Rows 11 and 12: Apple's signing server, and the bench's own beacon, which recovery reaches by wire only."""

from __future__ import annotations

from kextrel.bench.protocols import Ticket
from kextrel.device.readiness.asking import Asking
from kextrel.device.readiness.finding import Finding, missing, ok, passed_over
from kextrel.errors import BenchError
from kextrel.macos import readiness as told

__all__ = ["beacon", "signing_server"]

_WIRED = ("Ethernet", "LAN")
_NO_ANSWER = "000"


def signing_server(asking: Asking) -> Finding:
    """PREP-11: any answer at all from the server that personalizes boot objects."""
    if not asking.rig.facts.online:
        return passed_over("PREP-11", "the profile says that it is offline")
    done = asking.run(told.fetch(told.APPLE_SIGNING))
    if done.exit_code == 0 and done.out.strip() != _NO_ANSWER:
        return ok("PREP-11", f"{told.APPLE_SIGNING} answers {done.out.strip()}")
    how = "let it through the firewall, or say online: false in the profile"
    return missing("PREP-11", f"{told.APPLE_SIGNING} cannot be reached ({_reason(done.err)}); {how}")


def beacon(asking: Asking) -> Finding:
    """PREP-12: the beacon's address from macOS, by the interfaces that recovery has as well."""
    wire = asking.rig.wires.beacon
    if wire is None:
        return passed_over("PREP-12", "the profile has no beacon wire, so recovery reports nothing")
    ports = told.read_ports(asking.run(told.HARDWARE_PORTS).out)
    wired = [device for device, name in ports.items() if any(word in name for word in _WIRED)]
    try:
        ticket = wire.offer(":\n")
    except BenchError as error:
        return missing("PREP-12", f"{error}; give it an address of this computer in the profile")
    try:
        return _by_wire(asking, ticket, wired)
    finally:
        wire.withdraw(ticket)


def _by_wire(asking: Asking, ticket: Ticket, wired: list[str]) -> Finding:
    reasons = []
    for device in wired:
        done = asking.run(told.fetch(ticket.url, interface=device, seconds=8))
        if done.exit_code == 0 and done.out.strip() == "200":
            return ok("PREP-12", f"{device} reaches the beacon")
        reasons.append(f"{device}: {_reason(done.err)}")
    why = "; ".join(reasons) or "it has no Ethernet port"
    return missing(
        "PREP-12", f"the beacon cannot be reached by wire ({why}), and recovery has no other way; plug it in"
    )


def _reason(said: str) -> str:
    return said.strip().splitlines()[0][:120] if said.strip() else "no answer"
