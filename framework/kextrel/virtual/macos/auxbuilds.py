"""The builds of the auxiliary kernel collection: which kexts go in, whether one is due, and where it is put."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from kextrel.virtual.hardware.sep import SepRefusal
from kextrel.virtual.macos import answers
from kextrel.virtual.macos.answers import BuildFailed
from kextrel.virtual.macos.auxkc import Member
from kextrel.virtual.macos.excludelist import ExcludeList
from kextrel.virtual.macos.host import Host
from kextrel.virtual.macos.kextchecks import Checks
from kextrel.virtual.macos.kextpolicy import KextPolicy
from kextrel.virtual.macos.library import Found, Library
from kextrel.virtual.macos.stores import Key, Store

__all__ = ["Builds"]


class Builds:
    """One Mac's. `approved` gives the kexts that somebody approved; `excluded` is what Apple's list keeps out, and
    `note` takes a line for the log."""

    def __init__(
        self,
        host: Host,
        store: Store,
        checks: Checks,
        approved: Callable[[], Collection[Key]],
        note: Callable[[str], None],
    ) -> None:
        self._host, self._store, self._checks = host, store, checks
        self._approved, self._note = approved, note
        self.excluded = ExcludeList(lambda: Library(host))

    def build(self) -> bool:
        """Builds the collection of every approved kext that is on the disk; False: it is what was built before.

        What Apple's list bans is left out. BuildFailed, and everything as it was, when one does not validate.
        """
        try:
            return self._store.put(self._members())
        except SepRefusal as refusal:
            raise BuildFailed(answers.refused_by_policy(refusal)) from refusal

    def build_if_possible(self) -> None:
        """As `build`, and where that fails the log says why."""
        try:
            self.build()
        except BuildFailed as error:
            self._note(f"the auxiliary collection stays as it was: {error.answer.text}")

    def due(self) -> bool:
        """Whether an approved kext on the disk is not, as it is now, in the collection of the next boot, or another is
        there that is no longer approved."""
        if not self._store.will_allow():
            return False
        built = {one.identifier: one.cdhash for one in self._store.built()}
        if built.keys() - {identifier for _, identifier in self._buildable()}:
            return True
        wanted = self.excluded.without(self._asked_for(self._buildable()))
        return any(built.get(one.kext.identifier) != one.cdhash for one in wanted)

    def lying_at(self, paths: Iterable[str]) -> Iterator[Found]:
        """The kexts that lie at `paths` today."""
        library = Library(self._host)
        for path in paths:
            try:
                yield library.find(path)
            except (OSError, ValueError) as error:
                self._note(f"{path} is left out of the auxiliary collection: {error}")

    def asked_for(self) -> Iterator[Found]:
        """What lies today where kexts were found when they were asked for."""
        return self.lying_at(KextPolicy(self._host.disk).paths())

    def _members(self) -> list[Member]:
        """Every approved kext that was asked for and is still on the disk. BuildFailed names one that is not good."""
        approved = self._buildable()
        found = {one.kext.identifier: one for one in self._asked_for(approved)}
        for one in found.values():
            wrong = self._checks.wrong_to_build_in(one)
            if wrong is None and one.key not in approved:
                wrong = answers.needs_approval(one.kext.identifier)
            if wrong is not None:
                raise BuildFailed(wrong)
        fitting = [one for one in found.values() if one.fits]
        kept = self.excluded.without(fitting)
        self.excluded.built(fitting, kept)
        return [one.member() for one in kept]

    def _buildable(self) -> Collection[Key]:
        """What may be in the collection: what was approved; KEXT-08: all that was asked for."""
        if self._host.defect("KEXT-08"):
            return {one.key for one in self.asked_for()}
        return self._approved()

    def _asked_for(self, approved: Collection[Key]) -> Iterator[Found]:
        """Those of `asked_for` that have the name of an approved one."""
        identifiers = {identifier for _, identifier in approved}
        found = self.asked_for() if approved else iter(())
        return (one for one in found if one.kext.identifier in identifiers)
