"""Installer packages: what each of a package's components installs, as a Tree of the disk that it installs on.

A flat package is a xar archive with PackageInfo, Payload and Scripts, or a product of several such, one in a folder
each. A package in the older style is a folder with Contents/Archive.pax.gz. Nothing of either is ever run.
Source: pkgbuild(1), productbuild(1), and the layout that pkgutil --expand shows.
"""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kextrel import propertylist
from kextrel.bundles.reading import certificates, cpio
from kextrel.bundles.reading.found import Code, Installer
from kextrel.bundles.reading.refusal import Refused
from kextrel.bundles.reading.streams import unpacked
from kextrel.bundles.reading.tree import Budget, Tree
from kextrel.bundles.reading.xar import Xar, XarFile, open_xar, parse_xml

__all__ = ["Installed", "flat_package", "old_package"]

_TEXT_LIMIT = 4 << 20
_MOST_COMPONENTS = 64
_TICKET_TRAILER = b"t8lr"
_TRAILER = 16
_SCRIPTS = ("preinstall", "postinstall", "preflight", "postflight", "preupgrade", "postupgrade")


@dataclass(frozen=True)
class Installed:
    """One component of a package: what it says of itself, and its files by their path on the disk, without the "/"."""

    installer: Installer
    tree: Tree


def flat_package(path: Path, budget: Budget, store: Path, now: datetime) -> list[Installed]:
    """The components of a flat package. Raises Refused."""
    archive = open_xar(path)
    budget.entries -= len(archive.files)
    code, stapled = _signer(archive, now), _is_stapled(path)
    folders = [posixpath.dirname(one.name) for one in archive.files if posixpath.basename(one.name) == "PackageInfo"]
    if not folders:
        raise Refused("it is a xar archive, and no package: it has no PackageInfo")
    if len(folders) > _MOST_COMPONENTS:
        raise Refused(f"it has more than {_MOST_COMPONENTS} components")
    return [_component(archive, folder, budget, store, (code, stapled)) for folder in folders]


def old_package(tree: Tree, package: str, store: Path) -> list[Installed]:
    """The payload of a package that is a folder, and those of the packages in it. Raises Refused."""
    tree.refuse_links_out_of(package)
    found = [_old_component(tree, folder, package, store) for folder in _old_folders(tree, package)]
    if not found:
        raise Refused("it holds no Archive.pax.gz, so it installs nothing", "name the .kext or the .app itself")
    return found


def _component(archive: Xar, folder: str, budget: Budget, store: Path, signed: tuple[Code, bool]) -> Installed:
    own = {posixpath.basename(one.name): one for one in archive.files if posixpath.dirname(one.name) == folder}
    info = parse_xml(_whole(archive, own["PackageInfo"]))
    location = info.get("install-location") or "/"
    tree = Tree(budget, Path(tempfile.mkdtemp(dir=store)))
    if "Payload" in own:
        cpio.take_apart(unpacked(archive.content(own["Payload"])), tree, _on_disk(location))
    scripts = tuple(_scripts(archive, own["Scripts"], budget, store)) if "Scripts" in own else ()
    installer = Installer(
        info.get("identifier") or "", info.get("version") or "", location, scripts, code=signed[0], stapled=signed[1]
    )
    return Installed(installer, tree)


def _scripts(archive: Xar, file: XarFile, budget: Budget, store: Path) -> list[str]:
    """The names of the scripts that the installer would run."""
    tree = Tree(budget, Path(tempfile.mkdtemp(dir=store)))
    cpio.take_apart(unpacked(archive.content(file)), tree, "")
    return sorted(name for name in tree.files if posixpath.basename(name) in _SCRIPTS)


def _whole(archive: Xar, file: XarFile) -> bytes:
    found = b""
    for chunk in archive.content(file):
        found += chunk
        if len(found) > _TEXT_LIMIT:
            raise Refused(f"'{file.name}' in it is larger than any package's")
    return found


def _on_disk(location: str) -> str:
    """Where the payload's own "." is on the disk. Raises Refused for a place that is none."""
    if ".." in location.split("/") or "\0" in location:
        raise Refused(f"it installs into '{location}', a path that leads out of the disk")
    return "/".join(part for part in location.split("/") if part not in ("", "."))


def _signer(archive: Xar, now: datetime) -> Code:
    """Who signed the table of contents, which holds the checksums of all that is in it."""
    signed = archive.signature
    if signed is None:
        return Code()
    return certificates.read_installer(signed.certificates, signed.signature, signed.digest, signed.algorithm, now)


def _is_stapled(path: Path) -> bool:
    """A ticket is behind the archive, with a trailer at the very end."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - _TRAILER))
        return file.read(_TRAILER)[:4] == _TICKET_TRAILER


def _old_folders(tree: Tree, package: str) -> Iterator[str]:
    """The packages, this one or those in it, that have a payload."""
    for name in sorted(tree.below(package)):
        if posixpath.basename(name) == "Archive.pax.gz" and posixpath.dirname(name).endswith("/Contents"):
            yield posixpath.dirname(name)


def _old_component(tree: Tree, contents: str, package: str, store: Path) -> Installed:
    raw = tree.read(f"{contents}/Info.plist", package, propertylist.LIMIT)
    try:
        info = propertylist.read(raw) if raw is not None else {}
    except propertylist.BadPropertyList as error:
        raise Refused(f"its Info.plist cannot be read: {error}") from error
    location = _text(info, "IFPkgFlagDefaultLocation") or "/"
    unpacked_tree = Tree(tree.budget, Path(tempfile.mkdtemp(dir=store)))
    with tree.files[f"{contents}/Archive.pax.gz"].open("rb") as file:
        cpio.take_apart(unpacked(iter(lambda: file.read(1 << 16), b"")), unpacked_tree, _on_disk(location))
    resources = f"{contents}/Resources/"
    scripts = [name.removeprefix(resources) for name in tree.below(contents) if name.startswith(resources)]
    names = tuple(sorted(name for name in scripts if posixpath.basename(name) in _SCRIPTS))
    identifier, version = _text(info, "CFBundleIdentifier"), _text(info, "CFBundleShortVersionString")
    return Installed(Installer(identifier, version, location, names), unpacked_tree)


def _text(info: Mapping[str, Any], key: str) -> str:
    found = info.get(key)
    return found if isinstance(found, str) else ""
