"""The lab profile `kextrel/lab/v1`: what people write about their Macs and the wires to them.

Strict: an unknown key, a wrong word, a duplicate key, a password in clear are errors with file, line and the nearest
right word, before anything is touched. Times under `timeouts` are wall seconds; `time_scale` is Mac seconds per wall
second for gestures and dwell, 1 on every real bench.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

import kextrel
from kextrel import yamltext
from kextrel.bench.hostkey import HostKey
from kextrel.errors import InputError, UsageError, nearest
from kextrel.lab.secrets import SecretReference
from kextrel.lab.supply import ButtonWire, PowerWire, RelayWire
from kextrel.lab.written import Amount, Flag, Url, Whole, Written, typed
from kextrel.vocabulary import Architecture, Enrollment, Version

__all__ = [
    "SCHEMA",
    "AccountProfile",
    "BeaconWire",
    "KeyboardWire",
    "LabProfile",
    "MacProfile",
    "MdmWire",
    "RelayWire",
    "ScreenWire",
    "SerialWire",
    "ShellWire",
    "Virtual",
    "WebhookProfile",
    "Wiring",
    "default_profile_path",
    "load_profile",
]

SCHEMA = "kextrel/lab/v1"
_SHIPPED = "virtual-lab.yaml"
_PREPARATIONS = [f"PREP-{row:02}" for row in range(1, 16)]

Port = Annotated[Whole, Field(ge=0, le=65535)]
Seconds = Annotated[Amount, Field(gt=0)]


def _version(value: object) -> object:
    if value is not None and not isinstance(value, str | Version):
        raise ValueError("a macOS version should be here, such as 14.5 or 11.6.4")
    return Version.parse(value) if isinstance(value, str) else value


def _host_key(value: object) -> object:
    try:
        HostKey.parse(str(value))
    except UsageError as error:
        raise ValueError(str(error)) from None
    return value


def _mac_name(value: object) -> object:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", str(value)):
        raise ValueError(f"{value!r} is no name for a Mac: use letters, digits, '.', '_' and '-'")
    return value


def _preparation(value: object) -> object:
    if value not in _PREPARATIONS:
        raise ValueError(f"{value!r} is no row of preparation; {nearest(str(value), _PREPARATIONS)}")
    return value


def _webhook_path(value: object) -> object:
    if not re.fullmatch(r"/?[A-Za-z0-9._~/-]{1,200}", str(value)):
        raise ValueError(f"{value!r} is no path of a URL: use letters, digits, '/', '.', '_', '~' and '-'")
    return value


def _udid(value: object) -> object:
    if not re.fullmatch(r"[A-Za-z0-9-]{8,64}", str(value)):
        raise ValueError(f"{value!r} is no UDID: write it as `ioreg -rd1 -c IOPlatformExpertDevice` shows it")
    return value


class AccountProfile(Written):
    """Somebody of a Mac; the password is a reference, never the password."""

    user: str
    full_name: str = ""
    password: SecretReference


class AccountsProfile(Written):
    """`admin` owns the volume and has a secure token; `standard` is needed for what a standard user is refused."""

    admin: AccountProfile
    standard: AccountProfile | None = None


class ShellWire(Written):
    """SSH. `user` and `password` default to the administrator's; `host_keys` are lines of .pub files, one or more:
    without any nobody is logged in to, and `kextrel lab pin` writes one."""

    driver: Literal["ssh"]
    host: str
    port: Port = 22
    user: str | None = None
    password: SecretReference | None = None
    key: str | None = None
    host_keys: tuple[Annotated[str, BeforeValidator(_host_key)], ...] = ()


class SerialWire(Written):
    """A serial console: a device, or a URL of pyserial's such as rfc2217://host:port."""

    driver: Literal["serial"]
    port: str
    baud: Whole = 115200


class KeyboardWire(Written):
    """A CH9329 board: serial in, USB-HID keyboard out."""

    driver: Literal["ch9329"]
    port: str
    baud: Whole = 9600


class ScreenWire(Written):
    """A PiKVM. `poll`: wall seconds between two looks; `certificate`: a PEM file, its own one for https."""

    driver: Literal["pikvm"]
    url: Url
    user: str
    password: SecretReference
    poll: Seconds = 0.5
    certificate: str | None = None


class BeaconWire(Written):
    """An HTTP listener that the Mac can reach from recovery, by wire; port 0 takes a free one.

    `host`: what the Mac calls this machine, where `listen` is no address for it (0.0.0.0).
    """

    driver: Literal["http"]
    listen: str
    port: Port = 0
    host: str | None = None


class WebhookProfile(Written):
    """Where the MDM server's events come in. `host`: what the server calls this machine; port 0 takes a free one.

    A real NanoMDM is started with -webhook-url, so `port` and `path` are fixed there; `register: true` is for a server
    that takes its webhook from us, as Kextrel's own does. `hmac_key`: what the server signs its events with.
    """

    listen: str = "127.0.0.1"
    port: Port = 0
    host: str | None = None
    path: Annotated[str, BeforeValidator(_webhook_path)] = ""
    hmac_key: SecretReference | None = None
    register_: Flag = Field(default=False, alias="register")

    @model_validator(mode="after")
    def _findable(self) -> WebhookProfile:
        if not self.register_ and not (self.port and self.path):
            raise ValueError(
                "the server must find us: give 'port' and 'path' as in its -webhook-url, or register: true"
            )
        return self


class MdmWire(Written):
    """NanoMDM, or a server with its API, and the Mac's UDID there. `certificate`: PEM of the server's authority.

    `push: false` is for a server without a push certificate, whose Macs ask by themselves, as virtual ones do.
    """

    driver: Literal["nanomdm"]
    url: Url
    api_key: SecretReference
    udid: Annotated[str, BeforeValidator(_udid)]
    certificate: str | None = None
    push: Flag = True
    webhook: WebhookProfile


class Wiring(Written):
    """The wires of one Mac; what is left out cannot be asked of it."""

    shell: ShellWire | None = None
    console: SerialWire | None = None
    power: PowerWire | None = None
    button: ButtonWire | None = None
    keyboard: KeyboardWire | None = None
    screen: ScreenWire | None = None
    beacon: BeaconWire | None = None
    mdm: MdmWire | None = None

    @model_validator(mode="after")
    def _apart(self) -> Wiring:
        power, button = self.power, self.button
        if isinstance(power, RelayWire) and button is not None and power.port == button.port:
            if (power.driver, power.size) != (button.driver, button.size):
                raise ValueError("power and button are on one port as two kinds of board; give both one driver")
            if power.channel == button.channel:
                raise ValueError("power and button are on one channel of one relay board; give each its own")
        return self

    def places(self) -> list[str]:
        """Where the wires end, as it is written. Earlier versions knew a Mac by all of it at once; now see lab.ends."""
        shell = [f"{self.shell.host}:{self.shell.port}"] if self.shell is not None else []
        supply = [wire.place for wire in (self.power, self.button) if wire is not None]
        ports = [wire.port for wire in (self.console, self.keyboard) if wire is not None]
        return [*shell, *supply, *ports, *([self.screen.url] if self.screen is not None else [])]

    def names(self) -> list[str]:
        """The wires that are there."""
        return [name for name in type(self).model_fields if getattr(self, name) is not None]


class Virtual(Written):
    """A Mac that Kextrel makes itself. `missing` takes single rows of preparation away again: PREP-03.
    `drivers_in_use`: bundle identifiers of drivers in user space that do not end when they are replaced, for somebody
    uses their device."""

    prepared: Flag = False
    missing: tuple[Annotated[str, BeforeValidator(_preparation)], ...] = ()
    drivers_in_use: tuple[str, ...] = ()


class TimeoutsProfile(Written):
    """Wall seconds; what is left out keeps the default of `device.Timeouts`."""

    command: Seconds | None = None
    transfer: Seconds | None = None
    observe: Seconds | None = None
    boot: Seconds | None = None
    shutdown: Seconds | None = None
    recovery: Seconds | None = None
    button: Seconds | None = None
    screen: Seconds | None = None
    settle: Seconds | None = None
    draw: Seconds | None = None
    login: Seconds | None = None
    mdm: Seconds | None = None
    upgrade: Seconds | None = None


class MacProfile(Written):
    """One Mac. A virtual one has no wires here: they are known once it is served. `trusts` is whose signatures it takes
    for a developer's: Apple's, or, as a virtual Mac does, those of the test authority that signs our samples.
    `filevault`: it is on, so each start waits for the password of `accounts.admin`, and `automatic_login` says nothing.
    `upgrades`: a run may upgrade it, which only an erase takes back; `arrives_with`: the older macOS that it still runs
    when it was erased for that, and `macos` is what it is upgraded to first. `other_macos`: the volume with a second
    macOS that the bench keeps, "" for none."""

    architecture: Architecture
    model: str = ""
    macos: Annotated[Version, BeforeValidator(_version)]
    enrollment: Enrollment = Enrollment.NONE
    user_approved_mdm: Flag = True
    bootstrap_token: Flag = True
    online: Flag = True
    automatic_login: Flag = True
    filevault: Flag = False
    upgrades: Flag = False
    arrives_with: Annotated[Version | None, BeforeValidator(_version)] = None
    volume: str = "Macintosh HD"
    other_macos: str = ""
    time_scale: Seconds = 1.0
    accounts: AccountsProfile | None = None
    timeouts: TimeoutsProfile = TimeoutsProfile()
    trusts: Literal["apple", "test-authority"] = "apple"
    virtual: Virtual | None = None
    wires: Wiring | None = None

    @property
    def trusts_samples(self) -> bool:
        """Whether our samples count as signed on it, and nobody else's bundles do."""
        return self.virtual is not None or self.trusts == "test-authority"

    @model_validator(mode="after")
    def _one_of_both(self) -> MacProfile:
        if (self.virtual is None) == (self.wires is None):
            raise ValueError("a Mac has either 'wires:' or 'virtual:', and not both")
        if self.wires is not None and self.accounts is None:
            raise ValueError("a Mac with wires needs 'accounts:' with at least an admin")
        return self


class LabProfile(Written):
    """A whole profile; `origin` is the file that it was read from."""

    schema_: Literal["kextrel/lab/v1"] = Field(alias="schema")
    name: str
    macs: Annotated[dict[Annotated[str, BeforeValidator(_mac_name)], MacProfile], Field(min_length=1)]
    extensions: dict[str, str] = Field(default_factory=dict)
    origin: str = Field(default="", alias="origin", exclude=True)


def default_profile_path() -> Path:
    """The shipped virtual lab: in a wheel beside the package, in a checkout beside its source root."""
    package = Path(kextrel.__file__).parent
    for folder in (package / "device_profiles", package.parents[1] / "device_profiles"):
        if (folder / _SHIPPED).is_file():
            return folder / _SHIPPED
    raise InputError(f"the shipped profile {_SHIPPED} is not there", hint="install Kextrel again, or give --lab FILE")


def load_profile(path: Path) -> LabProfile:
    """Reads and checks a profile. Raises InputError with file, line and the nearest right word; touches nothing."""
    profile = typed(LabProfile, yamltext.read(path), str(path))
    return profile.model_copy(update={"origin": str(path.absolute())})
