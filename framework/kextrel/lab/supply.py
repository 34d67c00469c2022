"""What a profile says under `power:` and `button:`: a relay board, a device on the network, a port of a USB hub, a PDU.

Each driver has keys of its own; a driver that is not known is named with the nearest one. Outlets and relays are
counted as the device counts them: from 0 on Numato's boards and Shelly's devices, from 1 on all others.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from kextrel.bench.pdus import PDUS, SnmpOutlet
from kextrel.lab.secrets import SecretReference
from kextrel.lab.written import Url, Whole, Written

__all__ = [
    "ButtonWire",
    "DevantechWire",
    "KmtronicWire",
    "LcusWire",
    "NetioWire",
    "NetworkWire",
    "NumatoWire",
    "PdudaemonWire",
    "PowerWire",
    "RelayWire",
    "ShellyWire",
    "SnmpWire",
    "TasmotaWire",
    "UhubctlWire",
]

_NUMATO = (1, 2, 4, 8, 16, 32, 64)

Channel = Annotated[Whole, Field(ge=1, le=8)]
Outlet = Annotated[Whole, Field(ge=1, le=64)]
Value = Annotated[Whole, Field(ge=0, le=(1 << 31) - 1)]


def _hub(value: object) -> object:
    """As uhubctl names places: `1-1`, `1-1.4.2`, or `2` for a root hub."""
    if not re.fullmatch(r"[0-9]{1,3}(-[0-9]{1,3}(\.[0-9]{1,3}){0,6})?", str(value)):
        raise ValueError(f"{value!r} is no place of a hub: write it as `uhubctl` shows it, such as 1-1.4")
    return value


def _word(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[\x21-\x7e]{1,200}", value):
        raise ValueError("a word without blanks is wanted here, as in pdudaemon's configuration")
    return value


def _login(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9_.@-]{1,32}", value):
        raise ValueError("a user's name is wanted here: up to 32 letters, digits and _ . @ -")
    return value


def _host(value: object) -> object:
    if isinstance(value, str) and not (re.fullmatch(r"[A-Za-z0-9_.-]{1,253}", value) or _is_ipv6(value)):
        raise ValueError("a host is wanted here, such as pdu.lab or 192.0.2.7, without a port")
    return value


def _is_ipv6(word: str) -> bool:
    try:
        return bool(IPv6Address(word))
    except ValueError:
        return False


def _oid(value: object) -> object:
    if not re.fullmatch(r"\.?[0-2](\.[0-9]{1,10}){2,127}", str(value)):
        raise ValueError(f"{value!r} is no object: write its numbers, such as 1.3.6.1.4.1.318.1.1.4.4.2.1.3.1")
    return str(value).removeprefix(".")


Hub = Annotated[str, BeforeValidator(_hub)]
Word = Annotated[str, BeforeValidator(_word)]
LoginName = Annotated[str, BeforeValidator(_login)]
Host = Annotated[str, BeforeValidator(_host)]
Oid = Annotated[str, BeforeValidator(_oid)]


class RelayWire(Written):
    """One channel of a relay board; wires may share the board's port."""

    driver: str
    port: str
    channel: Channel

    @property
    def size(self) -> int:
        """How many relays the board has; 0 where its driver need not know."""
        return 0

    @property
    def place(self) -> str:
        """Where the wire ends."""
        return f"{self.port}#{self.channel}"


class LcusWire(RelayWire):
    """An LCUS board, which never answers."""

    driver: Literal["lcus"]


class DevantechWire(RelayWire):
    """A Devantech USB-RLY02, 08 or 16."""

    driver: Literal["devantech"]


class KmtronicWire(RelayWire):
    """A KMTronic board. `relays` is how many it has: it is asked in another way from 4 on."""

    driver: Literal["kmtronic"]
    relays: Channel

    @property
    def size(self) -> int:
        return self.relays

    @model_validator(mode="after")
    def _has_it(self) -> KmtronicWire:
        if self.channel > self.relays:
            raise ValueError(f"a board of {self.relays} relays has no channel {self.channel}")
        return self


class NumatoWire(RelayWire):
    """A Numato module, whose relays are counted from 0. `relays` is how many it has: 64 want two digits."""

    driver: Literal["numato"]
    channel: Annotated[Whole, Field(ge=0, le=63)]
    relays: Whole

    @property
    def size(self) -> int:
        return self.relays

    @model_validator(mode="after")
    def _has_it(self) -> NumatoWire:
        if self.relays not in _NUMATO:
            raise ValueError("Numato's modules have 1, 2, 4, 8, 16, 32 or 64 relays")
        if self.channel >= self.relays:
            raise ValueError(f"a module of {self.relays} relays counts them from 0 to {self.relays - 1}")
        return self


class NetworkWire(Written):
    """A device with HTTP. `certificate`: a PEM file, its own one for https."""

    driver: str
    url: Url
    certificate: str | None = None

    channel: Outlet = 1

    @property
    def outlet(self) -> str:
        """Which of its outlets, for people."""
        return f"channel {self.channel}"

    @property
    def place(self) -> str:
        """Where the wire ends."""
        return f"{self.url}#{self.outlet}"


class TasmotaWire(NetworkWire):
    """A plug or a board with Tasmota. `password` is its web password, where it has one."""

    driver: Literal["tasmota"]
    user: str = "admin"
    password: SecretReference | None = None


class ShellyWire(NetworkWire):
    """A Shelly of any generation; its switches are counted from 0. `password`, where it has one, goes to generation
    1 as HTTP Basic, and to later ones as a digest alone. `user` is one of generation 1; later on it is always admin."""

    driver: Literal["shelly"]
    channel: Annotated[Whole, Field(ge=0, le=63)] = 0
    user: LoginName = "admin"
    password: SecretReference | None = None


class NetioWire(NetworkWire):
    """A NETIO device with its JSON API on. `user` and `password`: those that may write there."""

    driver: Literal["netio"]
    user: str = "netio"
    password: SecretReference | None = None


class PdudaemonWire(Written):
    """pdudaemon, and the device behind it: `hostname` as in its configuration, and a port there. It has no state."""

    driver: Literal["pdudaemon"]
    url: Url
    certificate: str | None = None
    hostname: Word
    port: Word

    @property
    def outlet(self) -> str:
        """Which of its outlets, for people."""
        return f"{self.hostname} port {self.port}"

    @property
    def place(self) -> str:
        """Where the wire ends."""
        return f"{self.url}#{self.outlet}"


class UhubctlWire(Written):
    """A port of a USB hub that switches its ports one by one, by uhubctl on this machine."""

    driver: Literal["uhubctl"]
    hub: Hub
    port: Annotated[Whole, Field(ge=1, le=14)]

    @property
    def place(self) -> str:
        """Where the wire ends: hubs are this machine's."""
        return f"usb {self.hub}#{self.port}"


class SnmpWire(Written):
    """An outlet of a PDU with SNMP, by net-snmp's programs on this machine.

    Either `pdu`, a kind that is known, and `outlet`; or `oid`, what is written there as `on_value` and `off_value`, and
    where the state is another object or has other values, `state_oid`, `state_on` and `state_off`. Either `community`,
    for `version` 2c or 1; or `user` with two passwords, for version 3, whose `auth` and `privacy` are as net-snmp has
    them.
    """

    driver: Literal["snmp"]
    host: Host
    port: Annotated[Whole, Field(ge=1, le=65535)] = 161
    pdu: Literal["apc", "cyberpower", "eaton", "gude8210", "raritan"] | None = None
    outlet: Outlet | None = None
    oid: Oid | None = None
    on_value: Value | None = None
    off_value: Value | None = None
    state_oid: Oid | None = None
    state_on: Value | None = None
    state_off: Value | None = None
    community: SecretReference | None = None
    version: Literal["2c", "1"] = "2c"
    user: LoginName | None = None
    auth: Literal["MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"] = "SHA"
    auth_password: SecretReference | None = None
    privacy: Literal["DES", "AES", "AES-192", "AES-256"] = "AES"
    privacy_password: SecretReference | None = None

    @property
    def wanted(self) -> SnmpOutlet:
        """Its objects and their values."""
        if self.pdu is not None and self.outlet is not None:
            return PDUS[self.pdu](self.outlet)
        oid, on, off = self.oid or "", self.on_value or 0, self.off_value or 0
        state_on, state_off = (on, off) if self.state_on is None else (self.state_on, self.state_off or 0)
        return SnmpOutlet((oid, on), (oid, off), self.state_oid or oid, {state_on: True, state_off: False})

    @property
    def what(self) -> str:
        """Which of its outlets, for people."""
        return f"outlet {self.outlet}" if self.outlet is not None else self.oid or ""

    @property
    def place(self) -> str:
        """Where the wire ends."""
        return f"snmp {self.host}:{self.port}#{self.wanted.on[0]}"

    @model_validator(mode="after")
    def _says_one_outlet(self) -> SnmpWire:
        known, own = (self.pdu, self.outlet), (self.oid, self.on_value, self.off_value)
        theirs = (self.state_oid, self.state_on, self.state_off)
        by_kind, by_object = _all(known) and _none(own + theirs), _none(known) and _all(own)
        if not (by_kind or by_object):
            raise ValueError("say 'pdu' and 'outlet', or 'oid', 'on_value' and 'off_value'")
        if (self.state_on is None) is not (self.state_off is None):
            raise ValueError("say both of 'state_on' and 'state_off'")
        if by_object and (self.on_value == self.off_value or len(self.wanted.means) == 1):
            raise ValueError("on and off must have two values")
        return self

    @model_validator(mode="after")
    def _says_one_login(self) -> SnmpWire:
        first, third = (self.community,), (self.user, self.auth_password, self.privacy_password)
        by_community, by_user = _all(first) and _none(third), _none(first) and _all(third)
        if not (by_community or by_user):
            raise ValueError("say 'community', or 'user', 'auth_password' and 'privacy_password'")
        return self


def _all(values: tuple[object, ...]) -> bool:
    return all(value is not None for value in values)


def _none(values: tuple[object, ...]) -> bool:
    return all(value is None for value in values)


ButtonWire = Annotated[LcusWire | KmtronicWire | DevantechWire | NumatoWire, Field(discriminator="driver")]
PowerWire = Annotated[
    LcusWire
    | KmtronicWire
    | DevantechWire
    | NumatoWire
    | TasmotaWire
    | ShellyWire
    | NetioWire
    | PdudaemonWire
    | UhubctlWire
    | SnmpWire,
    Field(discriminator="driver"),
]
