"""The oldest macOS that a bundle runs on, from everything in it that says so."""

from __future__ import annotations

from collections.abc import Iterator

from kextrel.bundles.reading.found import Component, ComponentKind, Slice
from kextrel.vocabulary import Version

__all__ = ["needed_macos"]

_KPI = "com.apple.kpi."
_DARWIN_OF_BIG_SUR, _BIG_SUR = 20, 11
_DARWIN_OF_TAHOE, _TAHOE = 25, 26
_OLDEST_DARWIN = 5


def needed_macos(component: Component) -> str | None:
    """The newest of: LSMinimumSystemVersion; for a kext the kernel whose interfaces it asks for; for all others what
    they were linked for, and for a driver its OSMinimumDriverKitVersion. None where nothing says anything."""
    found = [version for version in _said(component) if version is not None]
    return str(max(found)) if found else None


def _said(component: Component) -> Iterator[Version | None]:
    yield _version(component.minimum_macos)
    if component.kind is ComponentKind.KEXT:
        for name, version in component.libraries.items():
            yield _of_darwin(version) if name.startswith(_KPI) else None
        return
    for one in component.slices:
        yield _linked_for(one, alone=len(component.slices) == 1)
    if component.kind is ComponentKind.DRIVER_EXTENSION:
        stated = component.info.get("OSMinimumDriverKitVersion")
        yield _of_darwin(stated) if isinstance(stated, str) else None


def _linked_for(one: Slice, *, alone: bool) -> Version | None:
    """What a slice was linked for; of a universal file the Intel one counts, for no arm64 runs before 11."""
    if one.platform == "driverkit":
        return _of_darwin(one.minimum or "")
    if one.platform != "macos" or (one.architecture.startswith("arm64") and not alone):
        return None
    return _version(one.minimum)


def _of_darwin(text: str) -> Version | None:
    """The macOS of a Darwin version, which kernel interfaces and DriverKit are numbered by: 19 is 10.15, 20 is 11."""
    head = text.split(".")[0]
    if not head.isascii() or not head.isdigit() or len(head) > 3 or int(head) < _OLDEST_DARWIN:
        return None
    major = int(head)
    if major < _DARWIN_OF_BIG_SUR:
        return Version(10, major - 4)
    return Version(
        major - _DARWIN_OF_BIG_SUR + _BIG_SUR if major < _DARWIN_OF_TAHOE else major - _DARWIN_OF_TAHOE + _TAHOE
    )


def _version(text: str | None) -> Version | None:
    try:
        return Version.parse(text) if text else None
    except ValueError:
        return None
