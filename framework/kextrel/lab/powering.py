"""From a profile's `power:` to the wire that switches the mains. Secrets are resolved before anything is opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kextrel.evidence import Sink
from kextrel.lab.secrets import resolve
from kextrel.lab.supply import (
    NetioWire,
    PdudaemonWire,
    PowerWire,
    RelayWire,
    ShellyWire,
    SnmpWire,
    TasmotaWire,
    UhubctlWire,
)

if TYPE_CHECKING:  # each driver is imported where a Mac has that wire
    from kextrel.bench.netpower import Access, Outlet
    from kextrel.bench.netsnmp import Community, User
    from kextrel.bench.protocols import Power
    from kextrel.bench.relay import Acquire

__all__ = ["acquirer", "power_opener"]

_Network = TasmotaWire | ShellyWire | NetioWire | PdudaemonWire


def power_opener(name: str, power: PowerWire, sink: Sink, base: Path) -> Callable[[], Power]:
    """A way to open the power wire of the Mac `name`. Raises UsageError for a secret that is not there."""
    if isinstance(power, RelayWire):
        return _relay(name, power, sink)
    if isinstance(power, UhubctlWire):
        from kextrel.bench.hubport import HubPower

        return partial(HubPower, f"{name}.power (hub {power.hub} port {power.port})", power.hub, power.port, sink)
    if isinstance(power, SnmpWire):
        return _rack(name, power, sink, base)
    from kextrel.bench.netpower import NetworkPower

    at, access = f"{name}.power ({power.url} {power.outlet})", _access(power, base)
    return lambda: NetworkPower(at, _outlet(power), access, sink)


def acquirer(relay: RelayWire) -> Acquire:
    """What gets the board of a relay."""
    from kextrel.bench.relayboards import BOARDS

    return partial(BOARDS[relay.driver], relays=relay.size)


def _relay(name: str, relay: RelayWire, sink: Sink) -> Callable[[], Power]:
    from kextrel.bench.power import RelayPower

    at, acquire = f"{name}.power ({relay.port} channel {relay.channel})", acquirer(relay)
    return lambda: RelayPower(at, relay.port, relay.channel, sink, acquire=acquire)


def _rack(name: str, power: SnmpWire, sink: Sink, base: Path) -> Callable[[], Power]:
    from kextrel.bench.netsnmp import Agent
    from kextrel.bench.rackpower import RackPower

    at, agent = (
        f"{name}.power (snmp {power.host} {power.what})",
        Agent(power.host, _snmp_login(power, base), power.port),
    )
    return lambda: RackPower(at, power.wanted, agent, sink)


def _snmp_login(power: SnmpWire, base: Path) -> Community | User:
    from kextrel.bench.netsnmp import Community, User

    if power.community is not None:
        return Community(resolve(power.community, base), power.version)
    auth, privacy = (resolve(one or "", base) for one in (power.auth_password, power.privacy_password))
    return User(power.user or "", auth, privacy, power.auth, power.privacy)


def _access(device: _Network, base: Path) -> Access:
    from kextrel.bench.netpower import Access

    certificate = base / Path(device.certificate).expanduser() if device.certificate is not None else None
    if isinstance(device, PdudaemonWire) or device.password is None:
        return Access(device.url, certificate)
    password = resolve(device.password, base)
    return Access(device.url, certificate, device.user, password, in_query=isinstance(device, TasmotaWire))


def _outlet(device: _Network) -> Outlet:
    from kextrel.bench import outlets

    if isinstance(device, PdudaemonWire):
        return outlets.PdudaemonOutlet(device.hostname, device.port)
    if isinstance(device, TasmotaWire):
        return outlets.TasmotaOutlet(device.channel)
    if isinstance(device, ShellyWire):
        return outlets.ShellyOutlet(device.channel)
    return outlets.NetioOutlet(device.channel)
