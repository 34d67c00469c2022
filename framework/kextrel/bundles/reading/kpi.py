"""Which entries of Apple's list of deprecated interfaces a kext uses, and what each macOS release does about it.

The list is the vocabulary's; what makes a kext use an entry is in the rules KPI-02 to KPI-10.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from kextrel.bundles.reading.found import KpiUse
from kextrel.vocabulary import Version
from kextrel.vocabulary.kpi import FILTER_SYMBOLS, KAUTH_SYMBOLS, KPI_LIST, SOCKET_SYMBOLS, IOFamily, Kpi

__all__ = ["RELEASES", "by_release", "uses", "uses_user_client"]

RELEASES = ("10.13", "10.14", "10.15", "11", "12", "13", "14", "15", "26")
_USER_CLIENT = "IOUserClient"
_USB = (IOFamily.USB, IOFamily.USB_HOST)
_FAMILIES = "com.apple.iokit."


def uses(libraries: Collection[str], symbols: Collection[str], *, user_client: bool) -> tuple[KpiUse, ...]:
    """The entries that are about a kext with these OSBundleLibraries and undefined symbols, in the list's order."""
    found = []
    for entry in KPI_LIST:
        shown = tuple(_shown(entry.rule, libraries, symbols, user_client))
        if shown:
            found.append(_use(entry, shown))
    return tuple(found)


def by_release(found: Sequence[KpiUse]) -> dict[str, str]:
    """Of each release from 10.13: "supported", "deprecated" or "unsupported", the worst of what is used."""
    return {release: _verdict(found, Version.parse(release)) for release in RELEASES}


def uses_user_client(symbols: Collection[str]) -> bool:
    """Whether IOUserClient or a subclass of it is linked against: its name is in C++ symbols of it."""
    return any(_USER_CLIENT in symbol for symbol in symbols)


def _verdict(found: Sequence[KpiUse], release: Version) -> str:
    if any(one.unsupported and Version.parse(one.unsupported) <= release for one in found):
        return "unsupported"
    if any(one.deprecated and Version.parse(one.deprecated) <= release for one in found):
        return "deprecated"
    return "supported"


def _use(entry: Kpi, shown: tuple[str, ...]) -> KpiUse:
    deprecated, unsupported = (str(one) if one else None for one in (entry.deprecated, entry.unsupported))
    return KpiUse(entry.rule, entry.name, shown, deprecated, unsupported, entry.replacement)


def _shown(rule: str, libraries: Collection[str], symbols: Collection[str], user_client: bool) -> Iterator[str]:
    """By which libraries and symbols it shows that the entry of `rule` is used; nothing where it is not."""
    named = {"KPI-02": KAUTH_SYMBOLS, "KPI-03": SOCKET_SYMBOLS, "KPI-04": FILTER_SYMBOLS}.get(rule)
    if named is not None:
        yield from sorted(named & set(symbols))
        return
    usb = [one for one in _USB if one in libraries]
    together = {"KPI-07": IOFamily.NETWORKING, "KPI-08": IOFamily.SERIAL}.get(rule)
    if together is not None and together in libraries and usb:
        yield from (together, *usb)
    if rule == "KPI-10" and {IOFamily.NETWORKING, IOFamily.PCI} <= set(libraries):
        yield from (IOFamily.NETWORKING, IOFamily.PCI)
    alone = {"KPI-05": IOFamily.HID, "KPI-06": IOFamily.USB}.get(rule)
    if alone is not None and alone in libraries:
        yield alone
    if rule == "KPI-09" and usb and user_client and not _in_a_family(libraries):
        yield from (*usb, _USER_CLIENT)


def _in_a_family(libraries: Collection[str]) -> bool:
    """Whether it ties into an I/O family besides USB's own."""
    return any(one.startswith(_FAMILIES) and one.endswith("Family") and one not in _USB for one in libraries)
