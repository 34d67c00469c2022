"""What mdmclient keeps on the Mac's disk: the installed profiles, and what it is enrolled with.

Both are property lists under /private/var/db/ConfigurationProfiles/Store, for root alone. A file that was damaged is
taken for an empty one, as a Mac without profiles.
"""

from __future__ import annotations

import plistlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from kextrel.virtual.macos.files import read_bounded
from kextrel.virtual.macos.plists import LIMIT, BadPlist, mapping
from kextrel.virtual.mdm.profile import Profile
from kextrel.virtual.unix.fs import FileSystem

__all__ = ["FOLDER", "Enrolled", "Store"]

FOLDER = "/private/var/db/ConfigurationProfiles/Store"
_PROFILES, _ENROLLED = f"{FOLDER}/ConfigProfiles.plist", f"{FOLDER}/MDM.plist"


@dataclass(frozen=True)
class Enrolled:
    """What a Mac remembers of its enrollment.

    `kind`: "user", "device" or "automated-device". `url`: where check-in and connect go. `escrowed`: the server has the
    bootstrap token.
    """

    kind: str
    url: str
    topic: str
    magic: str
    token: bytes = field(repr=False)
    escrowed: bool = False


class Store:
    """Reads and writes both files on `disk`, the kernel's view."""

    def __init__(self, disk: Callable[[], FileSystem]) -> None:
        self._disk = disk

    def profiles(self) -> list[Profile]:
        """Every installed profile, in the order that they came."""
        rows = self._read(_PROFILES).get("Profiles", [])
        return [_profile(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    def keep(self, profiles: Sequence[Profile]) -> None:
        """Writes the list of installed profiles."""
        rows = [{"Content": one.content, "Installed": one.installed, "ByHand": one.by_hand} for one in profiles]
        self._write(_PROFILES, {"Profiles": rows})

    @property
    def is_new(self) -> bool:
        """Whether this Mac has never been enrolled."""
        return not self._disk().exists(_ENROLLED)

    def enrolled(self) -> Enrolled | None:
        """What the Mac is enrolled with, None when it is not."""
        row = self._read(_ENROLLED)
        try:
            return Enrolled(**row) if row else None
        except TypeError:
            return None

    def enroll(self, enrolled: Enrolled | None) -> None:
        """Remembers an enrollment, or forgets it."""
        self._write(_ENROLLED, asdict(enrolled) if enrolled is not None else {})

    def _read(self, path: str) -> dict[str, Any]:
        disk = self._disk()
        if not disk.is_file(path):
            return {}
        try:
            return mapping(read_bounded(disk, path, LIMIT))
        except (BadPlist, OSError):
            return {}

    def _write(self, path: str, content: dict[str, Any]) -> None:
        disk = self._disk()
        disk.mkdir(FOLDER, parents=True, mode=0o700)
        disk.write_bytes(f"{path}.new", plistlib.dumps(content, fmt=plistlib.FMT_BINARY), mode=0o600)
        disk.rename(f"{path}.new", path)


def _profile(row: dict[str, Any]) -> Profile:
    content, installed = row.get("Content"), row.get("Installed")
    return Profile(
        content if isinstance(content, dict) else {},
        installed if isinstance(installed, float) else 0.0,
        bool(row.get("ByHand")),
    )
