"""Apple's list of banned kexts, as kernelmanagerd goes by it: when it builds a collection, not when it is asked.

Nobody hears of it before: the request and the approval go as with any kext. Which kexts builds have left out is known
once such a build is in use, and kept until panic medic.
Source: Apple Platform Security, "Securely extending the kernel in macOS": the receipt may be a subset of what was
approved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kextrel.virtual.macos.library import Found, Library

__all__ = ["ExcludeList"]


class ExcludeList:
    """What one Mac's builds have left out. `library` is asked at each build: Apple may have another list by then."""

    def __init__(self, library: Callable[[], Library]) -> None:
        self._library = library
        self._left_out: frozenset[str] = frozenset()
        self._in_use: frozenset[str] = frozenset()

    def without(self, found: Iterable[Found]) -> list[Found]:
        """`found` without the banned."""
        banned = self._library().excluded()
        return [one for one in found if not one.serial or one.serial not in banned]

    def built(self, wanted: Iterable[Found], kept: Iterable[Found]) -> None:
        """A build of `wanted` holds `kept`."""
        self._left_out = frozenset(one.cdhash for one in wanted) - {one.cdhash for one in kept}

    def took_effect(self) -> None:
        """The last build is in use now: the Mac started with it, or somebody asked for it in so many words."""
        self._in_use |= self._left_out

    def forget(self) -> None:
        """Panic medic: there is no build any more."""
        self._left_out = self._in_use = frozenset()

    def has(self, found: Found) -> bool:
        """Whether it is known that this very kext is left out."""
        return found.cdhash in self._in_use
