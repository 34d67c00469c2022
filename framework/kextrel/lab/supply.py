"""What a profile says under `power:` and `button:`: a relay board, a device on the network, a port of a USB hub.

Each driver has keys of its own; a driver that is not known is named with the nearest one. Outlets and relays are
counted as the device counts them: from 0 on Numato's boards and Shelly's devices, from 1 on all others.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

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
    "TasmotaWire",
    "UhubctlWire",
]

_NUMATO = (1, 2, 4, 8, 16, 32, 64)

Channel = Annotated[Whole, Field(ge=1, le=8)]
Outlet = Annotated[Whole, Field(ge=1, le=64)]


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


Hub = Annotated[str, BeforeValidator(_hub)]
Word = Annotated[str, BeforeValidator(_word)]
LoginName = Annotated[str, BeforeValidator(_login)]


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
    | UhubctlWire,
    Field(discriminator="driver"),
]
