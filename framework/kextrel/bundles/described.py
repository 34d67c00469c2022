"""What a bundle that somebody gave is, in the words of a scenario's `extensions:`, and who trusts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kextrel.errors import InputError
from kextrel.vocabulary import Extension, ExtensionKind, Signature

if TYPE_CHECKING:  # who installs no bundle of somebody's need not wait for the readers
    from kextrel.bundles.reading.found import Component

__all__ = ["Given", "distrusted", "given"]

_APPLE = "Apple"
_ARCHITECTURES = frozenset({"arm64e", "x86_64", "arm64", "i386"})  # of which a scenario can speak
_CARRIED = ("systemextension", "dext")
_WANTED = "name a .kext, an .app that carries system extensions, or one of those inside its app"


@dataclass(frozen=True)
class Given:
    """One extension in a bundle. `path` is what is installed for it: the .kext, or the .app that carries it; `fields`
    are those of `extensions:` that the files tell; `signer` is the name in the developer's certificate, "" for none;
    `apples`: the certificate comes from Apple."""

    path: Path
    fields: Mapping[str, Any]
    signer: str = ""
    apples: bool = False


def given(path: Path) -> tuple[Given, ...]:
    """The extensions at `path`: a .kext, an .app with all that it carries, or one .systemextension or .dext inside an
    app. Raises InputError for what is none of these, cannot be read, or is of a kind that no scenario speaks of."""
    from kextrel.bundles.reading import inspect

    app = next((one for one in path.absolute().parents if one.suffix == ".app"), None)
    if app is None or path.suffix[1:] not in _CARRIED:
        return _given(path)
    carried = [one for one in _given(app) if one.fields["bundle_id"] == inspect(path).components[0].bundle_id]
    if len(carried) != 1:
        raise InputError(f"it is not one of the extensions that {app.name} carries", path=str(path), hint=_WANTED)
    return tuple(carried)


@lru_cache(maxsize=64)
def _given(path: Path) -> tuple[Given, ...]:
    """Read once in a process: a run asks for the same few bundles with each scenario."""
    from kextrel.bundles.reading import inspect

    found = inspect(path)
    if found.kind == "kext":
        return (_kext(found.components[0], path),)
    if found.kind != "app":
        raise InputError("it cannot be installed as it is", path=str(path), hint=_WANTED)
    extensions = tuple(_extension(one, path) for one in found.components if one.kind in _CARRIED)
    if not extensions:
        raise InputError("it is an app without a system extension", path=str(path), hint=_WANTED)
    return extensions


def _kext(one: Component, path: Path) -> Given:
    architectures = {piece.architecture for piece in one.slices} & _ARCHITECTURES
    if not architectures:
        raise InputError("it has no code for a Mac of today", path=str(path), hint="build it for arm64e and x86_64")
    fields = {
        **_common(one, ExtensionKind.KEXT),
        "architectures": sorted(architectures),
        "libraries": sorted(one.libraries),
        "symbols": sorted({symbol for piece in one.slices for symbol in piece.undefined}),
        "user_client": one.user_client,
    }
    return Given(path, fields, one.code.developer, one.code.anchor == _APPLE)


def _extension(one: Component, path: Path) -> Given:
    if one.category is None:
        what = f"{one.bundle_id} in it is a {one.category_name or 'system extension of no known kind'}"
        raise InputError(what, path=str(path), hint="the rules speak of drivers, network and endpoint security")
    fields = {
        **_common(one, ExtensionKind.SYSTEM_EXTENSION),
        "category": one.category.value,
        "entitlements": sorted(one.granted),
        "early_boot": one.early_boot,
    }
    return Given(path, fields, one.code.developer, one.code.anchor == _APPLE)


def _common(one: Component, kind: ExtensionKind) -> dict[str, Any]:
    return {
        "kind": kind.value,
        "bundle_id": one.bundle_id,
        "team_id": one.code.team_id,
        "version": one.version,
        "signature": one.standing.value,
    }


def distrusted(extension: Extension, by_samples: bool) -> str:
    """Why a Mac would not take its Developer ID for one, "" where it does. `by_samples`: the Mac trusts our test
    authority and no other, as a virtual one does; else Apple's alone. Raises InputError as `given`."""
    if extension.signature is not Signature.DEVELOPER_ID:
        return ""
    if extension.bundle is None:
        return "" if by_samples else _only_a_sample(extension.name)
    path = Path(extension.bundle)
    found = next((one for one in given(path) if one.fields["bundle_id"] == extension.bundle_id), None)
    if found is None or found.apples is not by_samples:
        return ""
    if by_samples:
        return (
            f"{path.name} is signed by {found.signer}, and a virtual Mac trusts Kextrel's test authority alone: "
            "name a lab of real Macs with --lab"
        )
    return f"{path.name} is signed by Kextrel's test authority, which no real Mac trusts: give the bundle that you ship"


def _only_a_sample(name: str) -> str:
    return (
        f"'{name}' would be a sample that Kextrel's test authority signs, which no real Mac trusts: "
        f"give a bundle of yours with --extension {name}=PATH, or in the lab's 'extensions:'"
    )
