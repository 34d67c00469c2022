"""What a virtual Mac is, as plain data: the command fills it from a lab profile, the machine is built from it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from kextrel.errors import UsageError, nearest
from kextrel.virtual.faults import Fault
from kextrel.virtual.releases import numbers

__all__ = [
    "BUILDS",
    "DEFECTS",
    "ENROLLMENTS",
    "MODELS",
    "OLDER_DEFECTS",
    "PREPARATIONS",
    "Account",
    "Endpoints",
    "MacSpec",
    "lab_accounts",
]

DEFECTS = frozenset(
    {"BOOT-02", "BOOT-03", "BOOT-10", "KEXT-01", "KEXT-03", "KEXT-06", "KEXT-08", "MDM-02", "MDM-10"}
    | {"KPI-05", "SIG-01", "SYS-03", "SYS-04", "UAK-01", "UAK-08"}
)
"""The mechanisms that can be broken; each is asked for at one place only (`Machine.defect`)."""

OLDER_DEFECTS = frozenset({"UAK-01", "UAK-08"})
"""Those of them that only a release before macOS 11 has."""

MODELS = {"apple-silicon": "Macmini9,1", "intel-t2": "MacBookPro16,1", "intel": "Macmini7,1"}
"""The architectures that a virtual Mac can have, and the model of each unless another is named."""

BUILDS = {
    "10.12.6": "16G29", "10.13.1": "17B48", "10.13.6": "17G65", "10.14.6": "18G84", "10.15.7": "19H2",
    "12.7": "21G816", "13.6": "22G120", "14.5": "23F79", "15.1": "24B83",
    "26.2": "25C56",
}  # fmt: skip
"""The releases that a virtual Mac can run, and the build of each."""

ENROLLMENTS = frozenset({"none", "user", "device", "automated-device"})
"""How a virtual Mac can be enrolled with an MDM server, at its first boot."""

_FIRST_ON_SILICON = _COLLECTIONS_SINCE = (11,)
_BOOTSTRAP_TOKEN_SINCE = (10, 15)
_ASKS_FOR_ACCESSORIES_SINCE = (13,)

PREPARATIONS = frozenset(f"PREP-{number:02}" for number in range(1, 16))
"""The rows of what a Mac must be prepared for; `MacSpec.missing` takes single ones away."""


@dataclass(frozen=True)
class Account:
    """A user of the Mac. The password is made for this run unless one is given, and never printed."""

    name: str
    full_name: str
    admin: bool = False
    secure_token: bool = True
    uid: int = 501
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)


def lab_accounts() -> tuple[Account, ...]:
    """The two accounts of the virtual lab: the administrator, who owns the volume, and a standard user."""
    return (
        Account("admin", "Lab Admin", admin=True, uid=501),
        Account("student", "Lab Student", admin=False, uid=502),
    )


@dataclass(frozen=True)
class MacSpec:
    """One virtual Mac. `prepared` is for every PREP row at once, `missing` takes some of them away again.

    Left empty, `build` is that of the release, `model` one of the architecture, and `serial` is made of the name.
    `bootstrap_token`: whether it gives the MDM server its bootstrap token; None: in Automated Device Enrollment.
    `mdm_url`: where another MDM server takes check-ins, "" for the one that is served with the Macs. `mdm_identity`: a
    PEM file with the certificate and the key by which that server knows the Mac, "" for none.
    `filevault`: somebody with a secure token turned FileVault on.
    `second_macos`: the name of a volume with another macOS, which has a recovery of its own, "" for none.
    `drivers_in_use`: bundle identifiers of drivers in user space whose devices somebody uses all the time (a disk that
    is mounted, a stream that plays), so that they do not end when they are replaced.
    `trust` is a folder with more certificates (PEM) of authorities that this Mac trusts, "" for none.
    `gesture_rate`: Mac seconds per wall second while a button or a key is down; the profile's `time_scale`.
    """

    name: str
    architecture: str = "apple-silicon"
    macos: str = "14.5"
    build: str = ""
    model: str = ""
    serial: str = ""
    enrollment: str = "none"
    bootstrap_token: bool | None = None
    mdm_url: str = ""
    mdm_identity: str = ""
    prepared: bool = False
    missing: frozenset[str] = frozenset()
    defects: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()
    accounts: tuple[Account, ...] = field(default_factory=lab_accounts)
    disk_name: str = "Macintosh HD"
    second_macos: str = ""
    drivers_in_use: frozenset[str] = frozenset()
    filevault: bool = False
    trust: str = ""
    gesture_rate: float = 50.0

    def __post_init__(self) -> None:
        _known("defect", self.defects, DEFECTS)
        _known("preparation", self.missing, PREPARATIONS)
        _known("architecture", {self.architecture}, MODELS)
        _known("enrollment", {self.enrollment}, ENROLLMENTS)
        if not self.build:
            _known("release", {self.macos}, BUILDS)
        defaults = {"build": BUILDS.get(self.macos, ""), "model": MODELS[self.architecture]}
        for name, value in {**defaults, "serial": _serial(self.name)}.items():
            object.__setattr__(self, name, getattr(self, name) or value)
        if self.architecture == "apple-silicon" and self.release < _FIRST_ON_SILICON:
            raise UsageError(f"no Mac with Apple silicon runs macOS {self.macos}; the first that one runs is 11")
        if self.filevault and not self.owners:
            raise UsageError(f"nobody could unlock FileVault on {self.name}: that takes a secure token (PREP-04)")

    def has(self, preparation: str) -> bool:
        """Whether row `preparation` ("PREP-03") was done on this Mac."""
        return self.prepared and preparation not in self.missing

    def account(self, name: str) -> Account | None:
        """The account with that short or full name."""
        return next((account for account in self.accounts if name in (account.name, account.full_name)), None)

    @property
    def code_architecture(self) -> str:
        """What kernel and kexts are compiled for, as Mach-O has it: "arm64e" or "x86_64"."""
        return "arm64e" if self.architecture == "apple-silicon" else "x86_64"

    @property
    def release(self) -> tuple[int, ...]:
        """Its version of macOS as numbers: (10, 13, 6)."""
        return numbers(self.macos)

    @property
    def has_collections(self) -> bool:
        """Whether its kernel and the kexts of others come in collections, which are loaded whole; so from macOS 11."""
        return self.release >= _COLLECTIONS_SINCE

    @property
    def darwin(self) -> str:
        """The version of its kernel: 14.5 has 23.5.0, 10.13.6 has 17.7.0. A release gets no new kernel after its sixth
        update; that of 10.12 to 10.14 had begun to count at 1."""
        major, minor, update = (*self.release, 0, 0)[:3]
        if major == 10:
            return f"{minor + 4}.{min(update, 6) + (minor < 15)}.0"
        return f"{major + (9 if major < 26 else -1)}.{min(minor, 6)}.0"

    @property
    def owners(self) -> tuple[Account, ...]:
        """The accounts with a secure token: they own the volume. None before PREP-04 was done."""
        return tuple(account for account in self.accounts if account.secure_token) if self.has("PREP-04") else ()

    @property
    def layout(self) -> str:
        """The keyboard layout that keys have before anybody logs in, and after: it was never set before PREP-08."""
        return "U.S." if self.has("PREP-08") else "German"

    @property
    def is_laptop(self) -> bool:
        return self.model.startswith("MacBook")

    @property
    def asks_for_accessories(self) -> bool:
        """Whether macOS asks before it lets a new USB keyboard in, as a laptop with Apple silicon does from 13 on, and
        nobody has said yes (PREP-08)."""
        able = self.is_laptop and self.architecture == "apple-silicon" and self.release >= _ASKS_FOR_ACCESSORIES_SINCE
        return able and not self.has("PREP-08")

    @property
    def has_battery(self) -> bool:
        """A laptop's battery, which a bench takes out of circuit so that its relay cuts the power (PREP-09)."""
        return self.is_laptop and not self.has("PREP-09")

    @property
    def other_macos(self) -> str:
        """The name of a second macOS on the disk, "" for none: kept there on purpose, or forgotten (PREP-10)."""
        return self.second_macos or ("" if self.has("PREP-10") else "Untitled")

    @property
    def knows_lab(self) -> bool:
        """Whether it trusts the authority that signs a bench's extensions (PREP-13), and not Apple's alone."""
        return self.has("PREP-13")

    @property
    def escrows(self) -> bool:
        """Whether it hands its bootstrap token to its MDM server; User Enrollment has none, nor has a release before
        10.15."""
        given = self.enrollment == "automated-device" if self.bootstrap_token is None else self.bootstrap_token
        able = self.release >= _BOOTSTRAP_TOKEN_SINCE and self.enrollment in ("device", "automated-device")
        return given and able

    @property
    def build_version(self) -> str:
        """The long form of the build that LocalPolicy names: 23F79 is 23.6.79."""
        major, letter, minor = self.build[:2], self.build[2], self.build[3:]
        return f"{major}.{ord(letter) - ord('A') + 1}.{minor}"

    @property
    def administrator(self) -> Account:
        """The first administrator: the account that the endpoints name."""
        return next(account for account in self.accounts if account.admin)

    def with_faults(self, faults: tuple[Fault, ...]) -> MacSpec:
        """This Mac on a bench that has `faults` too."""
        return replace(self, faults=self.faults + faults)


def _serial(name: str) -> str:
    """Twelve characters, the same for one name: Macs of one lab differ in it."""
    return f"KXVR{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"


def _known(what: str, given: Collection[str], known: Collection[str]) -> None:
    for word in sorted(set(given) - set(known)):
        raise UsageError(f"a virtual Mac knows no {what} {word!r}; {nearest(word, known)}")


@dataclass(frozen=True)
class Endpoints:
    """Where a virtual Mac answers; `ssh` and `screen` carry passwords made for this run, so print it to its owner only.

    `ssh`: host, port, user, password, host_key. `screen`: url, user, password. `console`, `relay`, `keyboard`: paths of
    pseudo-terminals. `accounts`: name, full_name, admin, password of every account. `mdm`: the URL of the MDM server,
    None for a Mac that is not enrolled; `mdm_access`: udid (the enrollment ID, as the server's API names the Mac),
    user, api_key.
    """

    name: str
    architecture: str
    macos: str
    ssh: dict[str, Any] = field(repr=False)
    console: str
    relay: str
    keyboard: str
    screen: dict[str, Any] = field(repr=False)
    mdm: str | None = None
    mdm_access: dict[str, Any] | None = field(default=None, repr=False)
    accounts: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The object that `kextrel virtual serve` prints as one JSON line."""
        return {
            "name": self.name,
            "architecture": self.architecture,
            "macos": self.macos,
            "ssh": dict(self.ssh),
            "console": self.console,
            "relay": self.relay,
            "keyboard": self.keyboard,
            "screen": dict(self.screen),
            "mdm": self.mdm,
            "mdm_access": dict(self.mdm_access) if self.mdm_access is not None else None,
            "accounts": [dict(account) for account in self.accounts],
        }
