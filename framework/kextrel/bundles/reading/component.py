"""Reads one bundle in a tree: its Info.plist, its executable, its signature."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from kextrel import propertylist
from kextrel.bundles.reading import kpi
from kextrel.bundles.reading.codesign import Sealed, read_detached, read_signature, worst
from kextrel.bundles.reading.executable import read_slice
from kextrel.bundles.reading.found import Code, Component, ComponentKind, Signer
from kextrel.bundles.reading.needs import needed_macos
from kextrel.bundles.reading.refusal import Refused
from kextrel.bundles.reading.remarks import remarks_on
from kextrel.bundles.reading.seal import broken_seals
from kextrel.bundles.reading.slices import Thin, thin_slices
from kextrel.bundles.reading.tree import Tree
from kextrel.vocabulary import Category, Signature

__all__ = ["Place", "read_component"]

_LARGEST_EXECUTABLE = 256 << 20
_LARGEST_SEAL = 16 << 20
_DETACHED = ("CodeDirectory", "CodeSignature", "CodeRequirements", "CodeEntitlements")
_TICKET = b"s8ch"
_NOTARIZED_SINCE = datetime(2019, 4, 7, tzinfo=UTC)  # SIG-04: signatures older than that need no notarization
_NETWORK = "com.apple.developer.networking.networkextension"
_ENDPOINT_SECURITY = "com.apple.developer.endpoint-security.client"
_BY_SIGNER = {
    Signer.NOBODY: Signature.NONE,
    Signer.AD_HOC: Signature.AD_HOC,
    Signer.DEVELOPER_ID: Signature.DEVELOPER_ID,
    Signer.APPLE: Signature.DEVELOPER_ID,
    Signer.APP_STORE: Signature.DEVELOPER_ID,
}
_WORDS = {
    Category.DRIVER: "driver",
    Category.NETWORK: "network extension",
    Category.ENDPOINT_SECURITY: "endpoint security",
}


@dataclass(frozen=True)
class Place:
    """Where a bundle is: in which tree, under which name, in which other bundle, and where a package installs it."""

    tree: Tree
    path: str
    kind: ComponentKind
    inside: str | None = None
    installed_at: str | None = None
    package: str | None = None

    @property
    def contents(self) -> str:
        """The folder Contents, or the bundle itself where it is flat."""
        deep = f"{self.path}/Contents"
        return deep if deep in self.tree.folders or deep in self.tree.links else self.path

    def read(self, name: str, limit: int) -> bytes | None:
        """A file of the bundle by its path in Contents."""
        return self.tree.read(f"{self.contents}/{name}", self.path, limit)


def read_component(place: Place, now: datetime) -> Component:
    """Everything that is inspected of one bundle. Raises Refused for what no bundle is."""
    place.tree.refuse_links_out_of(place.path)
    raw = place.read("Info.plist", propertylist.LIMIT)
    if raw is None:
        raise Refused("it has no Info.plist")
    info = _info(raw)
    executable = _executable(place, info)
    thin = thin_slices(executable) if executable is not None else ()
    code = _code(place, thin, executable, raw, now)
    ticket = place.read("CodeResources", propertylist.LIMIT) or b""
    component = Component(
        kind=place.kind,
        path=place.path,
        inside=place.inside,
        bundle_id=_word(info, "CFBundleIdentifier"),
        version=_word(info, "CFBundleVersion"),
        short_version=_word(info, "CFBundleShortVersionString"),
        slices=tuple(read_slice(one) for one in thin),
        code=code,
        standing=_standing(code, place.kind),
        stapled=ticket[:4] == _TICKET,
        notarization=_notarization(code, stapled=ticket[:4] == _TICKET),
        minimum_macos=_word(info, "LSMinimumSystemVersion") or None,
        needs_macos=None,
        info=info,
        installed_at=place.installed_at,
        package=place.package,
    )
    return _completed(component)


def _code(place: Place, thin: Sequence[Thin], executable: bytes | None, info: bytes, now: datetime) -> Code:
    """The signature in the executable, else that in files of its own; and what no longer fits the seal."""
    resources = place.read("_CodeSignature/CodeResources", _LARGEST_SEAL)
    sealed = Sealed(info, resources)
    signed = [read_signature(one, sealed, now) for one in thin]
    code = worst(signed)
    if not any(one.present for one in signed):
        files = {name: place.read(f"_CodeSignature/{name}", _LARGEST_SEAL) for name in _DETACHED}
        code = read_detached(info if executable is None else executable, files, sealed, now)
    if not code.present or resources is None:
        return code
    broken = broken_seals(resources, place.tree, place.contents)
    return replace(code, damage=(*code.damage, *broken))


def _completed(component: Component) -> Component:
    """What follows from what was read: for a kext its interfaces, for an extension its category; then the remarks."""
    if component.kind is ComponentKind.KEXT:
        component = _kext(component)
    elif component.kind is not ComponentKind.APP:
        component = _extension(component)
    component = replace(component, needs_macos=needed_macos(component))
    return replace(component, remarks=tuple(remarks_on(component)))


def _kext(component: Component) -> Component:
    info = component.info
    stated = _dictionary(info, "OSBundleLibraries")
    libraries = {name: version if isinstance(version, str) else "" for name, version in stated.items()}
    symbols = component.symbols
    personalities = _dictionary(info, "IOKitPersonalities")
    user_client = kpi.uses_user_client(symbols) or any(
        isinstance(one, dict) and "IOUserClientClass" in one for one in personalities.values()
    )
    used = kpi.uses(libraries, symbols, user_client=user_client)
    return replace(
        component,
        libraries=libraries,
        user_client=user_client,
        user_loadable=info.get("OSBundleAllowUserLoad") is True,
        personalities=tuple(sorted(personalities)),
        kpi=used,
        kpi_by_release=kpi.by_release(used),
    )


def _extension(component: Component) -> Component:
    category = _category(component)
    return replace(
        component,
        category=category,
        category_name=_WORDS[category] if category else _other_category(component.info),
        early_boot=component.info.get("NSEndpointSecurityEarlyBoot") is True,
        personalities=tuple(sorted(_dictionary(component.info, "IOKitPersonalities"))),
    )


def _category(component: Component) -> Category | None:
    """What kind of system extension it is. One that is of two kinds counts as endpoint security: that is checked."""
    info, entitled = component.info, component.granted
    if component.kind is ComponentKind.DRIVER_EXTENSION:
        return Category.DRIVER
    if _ENDPOINT_SECURITY in entitled or any(key.startswith("NSEndpointSecurity") for key in info):
        return Category.ENDPOINT_SECURITY
    point = str(_dictionary(info, "NSExtension").get("NSExtensionPointIdentifier", ""))
    if "NetworkExtension" in info or _NETWORK in entitled or point.startswith("com.apple.networkextension."):
        return Category.NETWORK
    return None


def _other_category(info: Mapping[str, Any]) -> str | None:
    """What it calls itself where it is of a kind that the rules do not speak of, such as a camera."""
    if "CMIOExtension" in info:
        return "camera"
    point = _dictionary(info, "NSExtension").get("NSExtensionPointIdentifier")
    return str(point) if point else None


def _info(raw: bytes) -> dict[str, Any]:
    try:
        return propertylist.read(raw)
    except propertylist.BadPropertyList as error:
        raise Refused(f"its Info.plist cannot be read: {error}") from error


def _word(info: Mapping[str, Any], key: str) -> str:
    """A text of the Info.plist; "" where it is left out. Raises Refused for something else."""
    found = info.get(key, "")
    if not isinstance(found, str) or len(found) > 1024:
        raise Refused(f"its Info.plist says no text for {key}")
    return found


def _dictionary(info: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = info.get(key, {})
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise Refused(f"its Info.plist says no dictionary for {key}")
    return found


def _executable(place: Place, info: Mapping[str, Any]) -> bytes | None:
    """The main executable; None for a bundle that names none, such as a kext without code."""
    name = _word(info, "CFBundleExecutable")
    if not name:
        return None
    if posixpath.basename(name) != name or name in (".", ".."):
        raise Refused(f"its executable is '{name}', a path that leads out of its place")
    for folder in ("MacOS/", ""):
        found = place.read(f"{folder}{name}", _LARGEST_EXECUTABLE)
        if found is not None:
            return found
    raise Refused(f"its executable '{name}' is missing")


def _standing(code: Code, kind: ComponentKind) -> Signature:
    """The signature in the words of scenarios. `revoked` is never said: only a server knows.

    A certificate that no Mac takes for this (an expired one without a timestamp, a developer's own, one of an unknown
    authority, one that may not sign kexts) is worth as much as none: ad-hoc.
    """
    if code.damage:
        return Signature.BROKEN
    may = kind is not ComponentKind.KEXT or code.may_sign_kexts or code.signer is Signer.APPLE
    if code.expired or (code.signer is Signer.DEVELOPER_ID and not may):
        return Signature.AD_HOC
    return _BY_SIGNER.get(code.signer, Signature.AD_HOC)


def _notarization(code: Code, *, stapled: bool) -> str:
    """Whether macOS 10.14.5 and later want a notarization (SIG-04), and what the bundle shows of one."""
    if stapled:
        return "stapled"
    if code.signer in (Signer.APPLE, Signer.APP_STORE):
        return "not needed"
    old = code.timestamped and code.signed_at is not None and code.signed_at < _NOTARIZED_SINCE
    return "not needed" if old else "unknown"
