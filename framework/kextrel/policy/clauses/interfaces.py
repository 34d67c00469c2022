"""What kernel programming interfaces a kext uses, and what comes of it (KPI)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from kextrel.policy.clauses import vouching
from kextrel.policy.kpi import (
    KPI_01,
    KPI_02,
    KPI_03,
    KPI_04,
    KPI_05,
    KPI_06,
    KPI_07,
    KPI_08,
    KPI_09,
    KPI_10,
    KPI_11,
)
from kextrel.policy.rule import BIG_SUR, Law, Rule
from kextrel.policy.situation import Situation
from kextrel.vocabulary import Extension, KextManagement
from kextrel.vocabulary.kpi import FILTER_SYMBOLS, KAUTH_SYMBOLS, KPI_LIST, SOCKET_SYMBOLS, IOFamily, c_name

__all__ = ["spoken_of", "unsupported"]

_USB = frozenset({IOFamily.USB, IOFamily.USB_HOST})
_IOKIT = "com.apple.iokit."


@dataclass(frozen=True)
class _Uses:
    """What one kext imports: symbols without the linker's underscore, and the names in its OSBundleLibraries."""

    symbols: frozenset[str]
    libraries: frozenset[str]
    user_client: bool

    @classmethod
    def of(cls, symbols: frozenset[str], libraries: frozenset[str], *, user_client: bool) -> _Uses:
        """What a scenario says of a kext, symbols with or without the underscore."""
        bare = frozenset(map(c_name, symbols))
        return cls(bare, libraries, user_client or any("IOUserClient" in one for one in bare))

    @property
    def usb(self) -> bool:
        return bool(self.libraries & _USB)

    @property
    def family(self) -> bool:
        """Whether it ties into an I/O family besides USB's own (KPI-09)."""
        others = self.libraries - _USB
        return any(one.startswith(_IOKIT) and one.endswith("Family") for one in others)


_ENTRIES: Mapping[Rule, Callable[[_Uses], bool]] = {
    KPI_02: lambda uses: bool(uses.symbols & KAUTH_SYMBOLS),
    KPI_03: lambda uses: bool(uses.symbols & SOCKET_SYMBOLS),
    KPI_04: lambda uses: bool(uses.symbols & FILTER_SYMBOLS),
    KPI_05: lambda uses: IOFamily.HID in uses.libraries,
    KPI_06: lambda uses: IOFamily.USB in uses.libraries,
    KPI_07: lambda uses: IOFamily.NETWORKING in uses.libraries and uses.usb,
    KPI_08: lambda uses: IOFamily.SERIAL in uses.libraries and uses.usb,
    KPI_09: lambda uses: uses.usb and not uses.family and uses.user_client,
    KPI_10: lambda uses: {IOFamily.NETWORKING, IOFamily.PCI} <= uses.libraries,
}
_UNSUPPORTED = {one.rule: one.unsupported for one in KPI_LIST}


@lru_cache(maxsize=1024)
def _entries(symbols: frozenset[str], libraries: frozenset[str], *, user_client: bool) -> tuple[Rule, ...]:
    """The entries of the list that are about a kext that uses these: the same at every boot and every request."""
    uses = _Uses.of(symbols, libraries, user_client=user_client)
    return tuple(rule for rule, is_about in _ENTRIES.items() if is_about(uses))


def _about(extension: Extension) -> tuple[Rule, ...]:
    return _entries(extension.symbols, extension.libraries, user_client=extension.user_client)


def _used(extension: Extension, law: Law) -> tuple[Rule, ...]:
    """The entries of the list that are about this kext, where they are deprecated already."""
    about = _about(extension)
    return law.those_said(*about)


def _no_longer_there(rule: Rule, law: Law) -> bool:
    since = _UNSUPPORTED[rule.id]
    return since is not None and law.mac.macos >= since


def unsupported(situation: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    """The rules by which this kext does not load for what it uses; none where it does (KPI-01, KPI-11)."""
    found = (*(rule for rule in _used(extension, law) if _no_longer_there(rule, law)), *_not_only_old(extension, law))
    if not found or not law.says(KPI_01) or (law.says(KPI_11) and _spared(situation, extension, law)):
        return ()
    return (*found, KPI_01)


def _not_only_old(extension: Extension, law: Law) -> tuple[Rule, ...]:
    """Left out, a rule that calls something deprecated only says the contrary."""
    if not law.without:
        return ()
    left_out = (rule for rule in _about(extension) if rule.id in law.without and _UNSUPPORTED[rule.id] is None)
    return tuple(rule for rule in left_out if law.mac.macos >= BIG_SUR)


def _spared(situation: Situation, extension: Extension, law: Law) -> bool:
    """KPI-11: SIP is disabled, or the kext is approved through a profile: not where that is not enough (MDM-09)."""
    if not situation.in_force.sip:
        return True
    users_only = situation.in_force.management == {KextManagement.USER} and not vouching.lowers_itself(situation)
    enough = not (situation.apple_silicon and users_only)
    return enough and vouching.managed(situation) and vouching.listed(situation, extension, law)


def spoken_of(situation: Situation, extension: Extension, law: Law) -> tuple[Rule, ...]:
    """The rules that have something to say of a kext that loads all the same: what it uses is deprecated only, or it is
    spared."""
    used = _used(extension, law)
    gone = any(_no_longer_there(rule, law) for rule in used) and law.says(KPI_11)
    return (*used, KPI_11) if gone and _spared(situation, extension, law) else used
