"""From a path to the bundles that lie there: in a folder, in a package, in an archive."""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from kextrel.bundles.reading import xar
from kextrel.bundles.reading.component import Place
from kextrel.bundles.reading.found import ComponentKind, Installer
from kextrel.bundles.reading.package import Installed, flat_package, old_package
from kextrel.bundles.reading.refusal import Refused
from kextrel.bundles.reading.tree import Budget, Tree, survey
from kextrel.bundles.reading.ziparchive import unzip

__all__ = ["WANTED", "opened"]

WANTED = "name a .kext, .app, .systemextension, .dext, .pkg or .zip"
_MOST_BUNDLES = 256
_KINDS = {f".{kind}": kind for kind in ComponentKind}
_PACKAGES = (".pkg", ".mpkg")
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
_ARCHIVES = (".zip", ".dmg", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".xip", ".7z", ".rar")

Opened = tuple[str, list[Place], list[Installer]]


def opened(path: Path, folder: Path, now: datetime) -> Opened:
    """What `path` is, the bundles in it, and the packages that install them. `folder` is for what is unpacked.

    Raises Refused for what is none of the kinds that are read.
    """
    budget = Budget()
    real = path.resolve()
    if real.is_dir():
        return _folder(real, budget, folder)
    if not real.exists():
        raise Refused("there is nothing to inspect", WANTED)
    start = _start(real)
    if start == xar.MAGIC:
        return "pkg", *_of_packages(flat_package(real, budget, _new(folder), now))
    if start in _ZIPS:
        return _archive(unzip(real, budget, _new(folder)), budget, folder, now)
    _refuse_disk_image(real)
    raise Refused("it is no bundle, no package and no zip archive", WANTED)


def _refuse_disk_image(real: Path) -> None:
    """A .dmg ends with a block that says "koly" (Apple's UDIF); one with a password begins or ends with a word of its
    own."""
    with real.open("rb") as file:
        begins = file.read(8)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 512))
        ends = file.read(512)
    if ends[:4] == b"koly" or begins == b"encrcdsa" or ends.endswith(b"cdsaencr"):
        raise Refused("it is a disk image, which is not read", f"open it (hdiutil attach) and {WANTED} that is in it")


def _start(path: Path) -> bytes:
    if not path.is_file():
        raise Refused("it is a device, a pipe or a socket", WANTED)
    with path.open("rb") as file:
        return file.read(4)


def _folder(real: Path, budget: Budget, folder: Path) -> Opened:
    suffix = real.suffix.lower()
    if suffix in _PACKAGES:
        tree = survey(real, budget)
        return "pkg", *_of_packages(old_package(tree, real.name, _new(folder)))
    if suffix not in _KINDS:
        raise Refused("it is a folder, and no bundle", WANTED)
    return _KINDS[suffix].value, list(_bundles(survey(real, budget), top=real.name)), []


def _archive(tree: Tree, budget: Budget, folder: Path, now: datetime) -> Opened:
    """The bundles of a .zip, and those of the packages in it that are not part of a bundle."""
    places, installers = list(_bundles(tree)), list[Installer]()
    for name in _packages(tree, places):
        if name in tree.files:
            found = flat_package(tree.files[name], budget, _new(folder), now)
        else:
            found = old_package(tree, name, _new(folder))
        more, their = _of_packages(found)
        places, installers = places + more, installers + their
    if not places:
        _refuse_only_archives(tree)
    return "zip", places, installers


def _packages(tree: Tree, places: Sequence[Place]) -> Iterator[str]:
    names = sorted(name for name in (*tree.files, *tree.folders) if name.lower().endswith(_PACKAGES))
    taken = tuple(f"{place.path}/" for place in places)
    for name in names:
        if not name.startswith(taken):
            taken += (f"{name}/",)
            yield name


def _refuse_only_archives(tree: Tree) -> None:
    for name in sorted(tree.files):
        if name.lower().endswith(_ARCHIVES):
            raise Refused(f"it holds an archive in an archive, '{name}'", "unpack it and name what is in it")


def _of_packages(found: Sequence[Installed]) -> tuple[list[Place], list[Installer]]:
    places = [place for one in found for place in _bundles(one.tree, package=one.installer.identifier)]
    return places, [one.installer for one in found]


def _bundles(tree: Tree, *, top: str | None = None, package: str | None = None) -> Iterator[Place]:
    """Every bundle in the tree, those that carry others first. `top` is one whether it has an Info.plist or not."""
    carriers: list[str] = []
    for name in sorted(tree.folders):
        kind = _KINDS.get(posixpath.splitext(name)[1].lower())
        if kind is None or (name != top and not _has_info(tree, name)):
            continue
        if len(carriers) >= _MOST_BUNDLES:
            raise Refused(f"it holds more than {_MOST_BUNDLES} bundles", WANTED)
        inside = next((one for one in reversed(carriers) if name.startswith(f"{one}/")), None)
        carriers.append(name)
        yield Place(tree, name, kind, inside, f"/{name}" if package is not None else None, package)


def _has_info(tree: Tree, name: str) -> bool:
    places = (f"{name}/Contents/Info.plist", f"{name}/Info.plist")
    return any(place in tree.files or place in tree.links for place in places)


def _new(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))
