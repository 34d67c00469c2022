"""`--lab virtual:fit`: virtual Macs made to measure, one for each set of requirements that comes up.

What a virtual Mac can be is told by the shipped lab: each of its architectures with each of its releases of macOS, with
any enrollment; an Intel Mac can have an older release, too. Of several releases that meet a requirement the newest is
taken.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kextrel.errors import NotPossible
from kextrel.lab.profile import SCHEMA, LabProfile, MacProfile, Virtual, default_profile_path, load_profile
from kextrel.vocabulary import Architecture, Enrollment, Version

__all__ = ["FIT", "Fitted", "Requirement", "Versions"]

FIT = "virtual:fit"
"""The name of this lab."""

_OLDER = {
    Architecture.INTEL: tuple(map(Version.parse, ("10.12.6", "10.13.1", "10.13.6", "10.14.6", "10.15.7"))),
    Architecture.INTEL_T2: (Version(10, 15, 7),),
}
"""What virtual Macs with an Intel processor can run besides the releases of the shipped lab. The model with a T2 came
with 10.15."""
_CONSENT, _COLLECTIONS = Version(10, 13), Version(11)


class Versions(Protocol):
    """Which releases of macOS will do; `str()` of it is what was written."""

    def met_by(self, version: Version) -> bool: ...


@dataclass(frozen=True)
class Requirement:
    """What a Mac must be. None: whatever it is."""

    architecture: Architecture | None = None
    macos: Versions | None = None
    enrollment: Enrollment | None = None
    bootstrap_token: bool = True
    online: bool = True
    second_macos: bool = False
    upgraded_by: str = ""
    """The name of the only scenario that will have it, as it upgrades it; "" for one that anybody may have."""
    left: tuple[str, Version] | None = None
    """The name of a scenario, and the release that left its oldest kext on the disk."""


class Fitted:
    """A lab that grows a Mac with each new requirement; `profile` is that of all that it has by now."""

    def __init__(self) -> None:
        self._shipped = load_profile(default_profile_path())
        self._macs: dict[str, MacProfile] = {}

    @property
    def profile(self) -> LabProfile:
        """Its `origin` is the name of this lab: there is no file."""
        return self._shipped.model_copy(update={"name": FIT, "macs": dict(self._macs), "origin": FIT})

    def mac_for(self, wanted: Requirement) -> str:
        """The name of a Mac that meets it. Raises NotPossible with one sentence where no virtual Mac can."""
        mac = self._made(wanted)
        alone = wanted.upgraded_by or (wanted.left[0] if wanted.left and mac.arrives_with is not None else "")
        name = _name(mac) + (f"-{_word(alone)}" if alone else "")
        self._macs.setdefault(name, mac)
        return name

    def _made(self, wanted: Requirement) -> MacProfile:
        architecture = wanted.architecture or Architecture.APPLE_SILICON
        known = {mac.architecture: mac for mac in self._shipped.macs.values()}
        if architecture not in known:
            raise NotPossible(f"no virtual Mac can be {architecture.value} yet; there are {_words(known)}")
        releases = sorted({*(mac.macos for mac in self._shipped.macs.values()), *_OLDER.get(architecture, ())})
        fitting = [one for one in releases if wanted.macos is None or wanted.macos.met_by(one)]
        if not fitting:
            raise NotPossible(f"no virtual Mac can run macOS {wanted.macos} yet; there are {_words(releases)}")
        arrives = _arrives_with(wanted.left[1], fitting[-1], releases) if wanted.left else None
        made = {
            "macos": fitting[-1],
            "enrollment": wanted.enrollment or Enrollment.NONE,
            "bootstrap_token": wanted.bootstrap_token,
            "upgrades": bool(wanted.upgraded_by or arrives),
            "arrives_with": arrives,
            "other_macos": "Second HD" if wanted.second_macos else "",
        }
        mac = known[architecture].model_copy(update=made)
        return mac if wanted.online else _offline(mac)

    def write(self, path: Path) -> None:
        """Writes the profile, for who reads files; whoever reads `path` meanwhile sees no half of it."""
        macs = {name: _dumped(mac) for name, mac in self._macs.items()}
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_text(json.dumps({"schema": SCHEMA, "name": FIT, "macs": macs}), encoding="utf-8")
        fresh.replace(path)

    def read(self, path: Path) -> None:
        """Takes over the Macs that another has written."""
        self._macs |= load_profile(path).macs

    @contextmanager
    def written(self) -> Iterator[Path]:
        """A file with the profile; it is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="kextrel-fit-") as folder:
            self.write(Path(folder) / "fit.yaml")
            yield Path(folder) / "fit.yaml"


def _arrives_with(left: Version, macos: Version, releases: list[Version]) -> Version | None:
    """The release that a Mac for `macos` runs first, where it matters that a kext was there before 10.13 asked for
    consent: only until 10.15, for it is another one that asks from 11 on. None where it does not."""
    if not (left < _CONSENT <= macos < _COLLECTIONS):
        return None
    return max((one for one in releases if one < _CONSENT), default=None)


def _offline(mac: MacProfile) -> MacProfile:
    """One whose network does not reach Apple's servers (PREP-11)."""
    virtual = Virtual(prepared=True, missing=("PREP-11",))
    return mac.model_copy(update={"online": False, "virtual": virtual})


def _name(mac: MacProfile) -> str:
    managed = mac.enrollment is not Enrollment.NONE
    token = [] if mac.bootstrap_token or not managed else ["no-token"]
    kind = [mac.enrollment.value] if managed else []
    more = [*([] if mac.online else ["offline"]), *(["of-two"] if mac.other_macos else [])]
    return "-".join([mac.architecture.value, str(mac.macos), *kind, *token, *more])


def _word(name: str) -> str:
    """What of the name of a scenario a Mac may be called."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _dumped(mac: MacProfile) -> dict[str, object]:
    versions = {name: str(value) for name in ("macos", "arrives_with") if (value := getattr(mac, name)) is not None}
    return {**mac.model_dump(mode="json", exclude=set(versions), exclude_none=True), **versions}


def _words(known: Iterable[object]) -> str:
    return ", ".join(str(one) for one in known)
