"""What kernelmanagerd looks at before a kext may run or be built in: its signature, and what the kernel has for it."""

from __future__ import annotations

from collections.abc import Callable

from kextrel.virtual.hardware.startup import Started
from kextrel.virtual.macos import answers
from kextrel.virtual.macos.answers import Answer
from kextrel.virtual.macos.host import Host
from kextrel.virtual.macos.interfaces import withheld_libraries, withheld_symbols
from kextrel.virtual.macos.library import Found, Library
from kextrel.virtual.macos.managedkexts import ManagedKexts
from kextrel.virtual.macos.stores import Store

__all__ = ["Checks"]

_UNTRUSTED_KEXTS = 0x1


class Checks:
    """One Mac's. `started` gives what macOS was started with, None in recoveryOS; `note` takes a line for the log."""

    def __init__(
        self,
        host: Host,
        store: Store,
        managed: ManagedKexts,
        started: Callable[[], Started | None],
        note: Callable[[str], None],
    ) -> None:
        self._host, self._store, self._managed = host, store, managed
        self._started, self._note = started, note

    def wrong_to_load(self, found: Found) -> Answer | None:
        """What is wrong with a kext that is to be loaded, None for nothing. Its copy is staged, and kept only when its
        signature is good."""
        library = Library(self._host)
        staged = library.stage(found.kext)
        wrong = self._badly_signed(found, staged)
        if wrong is not None:
            library.discard(staged)
            self._note(f"{found.kext.identifier}: {wrong.text} ({found.worth.detail})")
            return wrong
        library.keep(found.kext, staged)
        return self._unlinked(found)

    def wrong_to_build_in(self, found: Found) -> Answer | None:
        """What is wrong with a kext, as it lies, that is to go into the auxiliary collection; None for nothing."""
        return self._badly_signed(found, found.kext.path) or self._unlinked(found)

    def _badly_signed(self, found: Found, place: str) -> Answer | None:
        return answers.invalid(found.kext, place, found.worth if self._enforces_signatures else None)

    @property
    def _untrusted_allowed(self) -> bool:
        """SIP's word in force at this boot."""
        started = self._started()
        return started is not None and bool(started.sip & _UNTRUSTED_KEXTS)

    @property
    def _enforces_signatures(self) -> bool:
        """SIG-01 is the Mac whose kernelmanagerd never looks."""
        return not self._untrusted_allowed and not self._host.defect("SIG-01")

    def _unlinked(self, found: Found) -> Answer | None:
        """What a kext uses that the kernel has not for it, None for nothing; KPI-05: IOHIDFamily takes everybody's.

        Without SIP nothing is withheld, nor from a kext that a profile approves."""
        if self._untrusted_allowed or self._vouched_for(found):
            return None
        darwin, hid_open = self._host.spec.darwin, self._host.defect("KPI-05")
        if libraries := withheld_libraries(found.kext, found.imports, darwin, hid_open=hid_open):
            return answers.unresolved(found.kext, libraries[0])
        symbols = withheld_symbols(found.imports, darwin)
        return answers.unbound(found.kext, symbols) if symbols else None

    def _vouched_for(self, found: Found) -> bool:
        """Whether a profile approves it: not where users alone may, as LocalPolicy says."""
        store = self._store
        users_only = store.asks_users(self._started()) and not (store.admits_mdm or store.awaits_mdm)
        return not users_only and self._managed.allows(*found.key)
