"""The running kernel of one boot: which kexts it was given with the auxiliary collection, and which of them run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kextrel.virtual.macos.auxkc import Member
from kextrel.virtual.macos.catalogue import Loaded, apple_kexts

__all__ = ["NotLoaded", "RunningKernel"]

_PAGE = 0x4000


class NotLoaded(LookupError):
    """No such kext runs."""


class RunningKernel:
    """What iBoot handed over at this boot: `collection` cannot change before the next; what runs of it can."""

    def __init__(self, darwin: str, architecture: str, collection: Iterable[Member] = ()) -> None:
        self.collection = {one.identifier: one for one in collection}
        self._apple = apple_kexts(darwin, architecture)
        self._next = self._apple[-1].index + 1
        self._running: dict[str, Loaded] = {}
        self._started: dict[str, str] = {}
        for one in self.collection.values():
            self.start(one)

    def has(self, identifier: str, cdhash: str) -> bool:
        """Whether exactly this kext is in the collection that was booted."""
        one = self.collection.get(identifier)
        return one is not None and one.cdhash == cdhash

    def runs_another(self, identifier: str, cdhash: str) -> bool:
        """Whether a kext of that name runs, and it is not exactly this one."""
        return identifier in self._running and self._started[identifier] != cdhash

    def start(self, kext: Member) -> None:
        """Links and starts a kext; one that runs stays as it is."""
        if kext.identifier in self._running:
            return
        index, self._next = self._next, self._next + 1
        address = self._apple[-1].address + _PAGE * 16 * index
        links = sorted((row.index for row in self.rows() if row.name in kext.libraries), reverse=True)
        self._running[kext.identifier] = Loaded(
            index, address, kext.size, kext.identifier, kext.version, kext.uuid, tuple(links)
        )
        self._started[kext.identifier] = kext.cdhash

    def stop(self, identifier: str) -> None:
        """Stops and unlinks a kext. Raises NotLoaded."""
        if self._running.pop(identifier, None) is None:
            raise NotLoaded(identifier)

    def auxiliary(self) -> list[Loaded]:
        """The third-party kexts that run, in the order that they were loaded."""
        return list(self._running.values())

    def apple(self, collection: str) -> list[Loaded]:
        """Apple's kexts of the collection "boot" or "sys"."""
        return [row for row in self._apple if row.collection == collection]

    def rows(self) -> list[Loaded]:
        """Everything that is loaded: Apple's, then the auxiliary ones."""
        return [*self._apple, *self._running.values()]

    def references(self) -> Counter[int]:
        """How many of the loaded kexts link against each, by its index."""
        return Counter(index for row in self.rows() for index in row.linked)
