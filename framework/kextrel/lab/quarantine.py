"""Macs that are put aside: what could not be taken back to its baseline is not used before somebody looked.

A quarantine stands for the Mac, so it is written down with all the marks of its wires (see `lab.ends`), and whoever
comes by any of them is refused. A file that does not tell its wires, for an earlier version wrote it or it cannot be
read, is named after all of them together: it is taken for the Mac of a profile with those wires, or with more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from kextrel.errors import UsageError
from kextrel.lab import notes
from kextrel.lab.ends import Known

__all__ = ["begin_anew", "is_any", "put_aside", "reason", "release"]

_FILES = "*.quarantine"


@dataclass(frozen=True)
class _Quarantine:
    """One file. `why` is None for one that cannot be read; `wires` are empty for one of an earlier version, too."""

    path: Path
    at: str = ""
    why: str | None = None
    mac: str = ""
    wires: frozenset[str] = frozenset()

    def said(self, mac: Known) -> str:
        """For people, who may know the Mac by another name or by other wires."""
        if self.why is None:
            return f"for a reason that cannot be read any more ({self.path})"
        common = sorted(self.wires & mac.marks)
        if not common or (self.mac, self.wires) == (mac.name, mac.marks):
            return f"{self.why} (since {self.at})"
        return f"{self.why} (since {self.at}, as '{self.mac}', which has the same {common[0]})"

    def write(self) -> None:
        wires = sorted(self.wires)
        notes.write(self.path, {"at": self.at, "why": self.why, "mac": self.mac, "wires": wires})


def put_aside(folder: Path, mac: Known, why: str) -> None:
    """Quarantines a Mac, by all its marks; the first reason stays."""
    standing = _standing(folder, mac)
    marked = [one for one in standing if one.wires]
    for one in marked:
        replace(one, wires=one.wires | mac.marks).write()
    if not marked:
        now = _Quarantine(folder, datetime.now(UTC).isoformat(timespec="seconds"), why)
        first = next((one for one in standing if one.why is not None), now)
        replace(first, path=folder / f"{mac.key}.quarantine", mac=mac.name, wires=mac.marks).write()


def is_any(folder: Path) -> bool:
    """Whether any Mac is put aside."""
    return any(folder.glob(_FILES))


def reason(folder: Path, mac: Known) -> str | None:
    """Why a Mac is put aside and since when, None when it is not."""
    standing = _standing(folder, mac)
    return standing[0].said(mac) if standing else None


def release(folder: Path, mac: Known) -> str | None:
    """Ends a Mac's quarantine for all its wires; returns its reason, None where there was none."""
    standing = _standing(folder, mac)
    for one in standing:
        _end(one)
    return standing[0].said(mac) if standing else None


def begin_anew(folder: Path, mac: Known) -> None:
    """The Mac was made a moment ago, as virtual ones are, and what stands against its wires was against another that
    has ended. A quarantine goes on for those wires that are not of this one."""
    for one in _standing(folder, mac):
        if one.wires - mac.marks:
            replace(one, wires=one.wires - mac.marks).write()
        else:
            _end(one)


def _standing(folder: Path, mac: Known) -> list[_Quarantine]:
    """What stands against a Mac, the oldest first."""
    found = list(_all(folder))
    keys = set() if all(one.wires for one in found) else mac.keys()
    standing = [one for one in found if one.wires & mac.marks or (not one.wires and one.path.stem in keys)]
    return sorted(standing, key=lambda one: (one.at, one.path.name))


def _all(folder: Path) -> Iterator[_Quarantine]:
    for path in _files(folder):
        try:
            said = notes.read(path)
        except FileNotFoundError:
            continue  # somebody has ended it just now
        yield _Quarantine(path) if said is None else _from(path, said)


def _files(folder: Path) -> list[Path]:
    """Path.glob finds nothing in a folder that may not be read, and every Mac there would be free."""
    try:
        return [path for path in folder.iterdir() if path.match(_FILES)]
    except OSError as error:
        hint = "look at the folder's permissions"
        raise UsageError(f"cannot look for quarantines in {folder}: {error.strerror}; {hint}") from error


def _from(path: Path, said: dict[str, object]) -> _Quarantine:
    """One that lacks something is as good as one that cannot be read."""
    wires, mac = said.get("wires", []), str(said.get("mac", ""))
    if "at" not in said or "why" not in said or not isinstance(wires, list):
        return _Quarantine(path)
    return _Quarantine(path, str(said["at"]), str(said["why"]), mac, frozenset(map(str, wires)))


def _end(one: _Quarantine) -> None:
    try:
        one.path.unlink(missing_ok=True)
    except OSError as error:
        hint = "look at the folder's permissions"
        raise UsageError(f"cannot end the quarantine {one.path}: {error.strerror}; {hint}") from error
