"""kernelmanagerd and syspolicyd of one Mac: load requests, approvals, and when the auxiliary collection is built.

What a kext is checked for is in `kextchecks`, how the collection is built in `auxbuilds`.

Everything that must outlive a restart lies on the Mac's disk (the KextPolicy database, staged copies, the `Store` of
its architecture) or in LocalPolicy. What waits for approval, and what runs, ends with the boot.
Sources: kmutil(8), kernelmanagerd(8); Apple Platform Security, "Securely extending the kernel in macOS".
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace

from kextrel.virtual.hardware.sep import SepRefusal
from kextrel.virtual.hardware.startup import Started
from kextrel.virtual.macos import answers
from kextrel.virtual.macos.answers import Answer, BuildFailed
from kextrel.virtual.macos.auxbuilds import Builds
from kextrel.virtual.macos.auxkc import Member
from kextrel.virtual.macos.host import Account, Host
from kextrel.virtual.macos.kernel import NotLoaded, RunningKernel
from kextrel.virtual.macos.kextchecks import Checks
from kextrel.virtual.macos.kextpolicy import KextPolicy
from kextrel.virtual.macos.library import Found, Library
from kextrel.virtual.macos.managedkexts import PAYLOAD, ManagedKexts, rows
from kextrel.virtual.macos.pending import APPROVAL_WINDOW, Pending
from kextrel.virtual.macos.stores import DataVolume, Sealed, Store

__all__ = ["APPROVAL_WINDOW", "BuildFailed", "KernelManagement", "Pending"]

BUILD_TIME = 20.0
"""Mac seconds that a build takes while the Mac goes down."""
_LONGEST_LOG = 500


class KernelManagement:
    """One Mac's kernel management. `running` is the kernel of this boot, None while there is none; `started` is what
    macOS was started with, None in recoveryOS; `store` is where approvals and the collection are."""

    def __init__(self, host: Host) -> None:
        self._host = host
        silicon = host.spec.architecture == "apple-silicon"
        self.store: Store = Sealed(host.sep, host.clock.now) if silicon else DataVolume(lambda: host.disk)
        self.started: Started | None = None
        self._pending: dict[tuple[str, str], Pending] = {}
        self.log: deque[tuple[float, str]] = deque(maxlen=_LONGEST_LOG)
        self.boot_uuid = ""
        self.running: RunningKernel | None = None
        self._managed = ManagedKexts(host)
        self._checks = Checks(host, self.store, self._managed, lambda: self.started, self._note)
        self._builds = Builds(host, self.store, self._checks, self.approved, self._note)
        self._ordered: tuple[tuple[str, ...], bytes | None] | None = None
        host.management.on_change(self._profiles_changed)
        host.management.carries_out(self.order_rebuild)

    @property
    def policy(self) -> KextPolicy:
        """The KextPolicy database."""
        return KextPolicy(self._host.disk)

    @property
    def library(self) -> Library:
        return Library(self._host)

    # Coming up and going down

    def boot(self, started: Started | None) -> None:
        """The boot loader hands the kernel what it may load; None: recoveryOS, which loads nothing of others.

        No collection of others' kexts is loaded in safe mode.
        """
        self._pending.clear()
        self._ordered = None
        self.started, self.boot_uuid = started, str(uuid.uuid4()).upper()
        members: tuple[Member, ...] = ()
        if started is not None:
            self._let_the_medic_work()
            self._builds.excluded.took_effect()
            members = () if started.safe else self.store.bootable(started)
            self._profiles_changed()
        self.running = RunningKernel(self._host.spec.darwin, self._host.spec.code_architecture, members)

    async def orderly_shutdown(self) -> None:
        """Builds what was approved and not built yet; a kext that spoils it leaves the collection as it was."""
        normal = self.started is not None and not self.started.safe
        if normal and (self._carry_out_order() or self._builds.due()):
            await self._host.clock.sleep(BUILD_TIME)
            self._builds.build_if_possible()
        self.running = None

    def power_lost(self) -> None:
        """The kernel is gone; what lies on the disk was written in single steps."""
        self.running = None
        self._pending.clear()

    # Load requests

    def load(self, path: str) -> Answer:
        """A request to load the kext at `path`, by root."""
        try:
            found = self.library.find(path)
        except OSError as error:
            return answers.failure(
                answers.OTHER, f"Could not find: Unable to read extension at {path}: {error.strerror}"
            )
        except ValueError as error:
            return answers.failure(answers.OTHER, f"Invalid extension: {error}")
        if not found.fits:
            return answers.wrong_architecture(found.kext, found.architecture)
        if self.started is not None and self.started.safe:
            return answers.safe_boot(found.kext)
        if self._kernel.has(found.kext.identifier, found.cdhash):
            self._kernel.start(self._kernel.collection[found.kext.identifier])
            return Answer(answers.LOADED)
        if wrong := self._checks.wrong_to_load(found):
            self._pending.pop(found.key, None)  # what waited under its name is not there any more
            return wrong
        return answers.excluded(found.kext) if self._builds.excluded.has(found) else self._resolved(found)

    def unload(self, identifier: str) -> Answer:
        """Stops a third-party kext; it stays in the collection."""
        try:
            self._kernel.stop(identifier)
        except NotLoaded:
            return Answer(
                answers.NOT_FOUND,
                f"(kernel) Kext {identifier} not found for unload request.\n"
                f"Failed to unload {identifier} - (libkern/kext) not found.",
            )
        return Answer(answers.LOADED)

    # Approval

    def pending(self) -> list[Pending]:
        """What Settings offers now: asked for within the window and not approved since; the oldest first."""
        now, approved = self._host.clock.now(), self.approved()
        fresh = [one for one in self._pending.values() if now - one.since <= APPROVAL_WINDOW]
        left = [one for one in fresh if (one.team_id, one.bundle_id) not in approved]
        return [replace(one, forbidden=self._managed.forbids(one.team_id, one.bundle_id)) for one in left]

    def approve(self, pending: Pending, user: str) -> None:
        """The user whose short name is `user` allowed `pending` in Settings, which asked for the password.

        PermissionError for somebody who may not approve kexts (`may_approve`), or when LocalPolicy or a profile does
        not let it be approved. A kext that spoils the build is approved all the same; the next load request says what
        is wrong.
        """
        account = self._host.spec.account(user)
        if account is None or not self.may_approve(account):
            raise PermissionError(f"{user} is not an administrator")
        if self._managed.forbids(pending.team_id, pending.bundle_id):
            raise PermissionError("a profile forbids approvals by users")
        if not pending.allowed_by_policy:
            raise PermissionError("LocalPolicy does not allow third-party kexts")
        self.policy.allow(pending.team_id, pending.bundle_id, pending.developer_name)
        self._authorise({*self.approved(), (pending.team_id, pending.bundle_id)})
        self._pending.pop((pending.team_id, pending.bundle_id), None)
        self._builds.build_if_possible()

    def may_approve(self, account: Account) -> bool:
        """Whether that user may: an administrator, or anybody where a profile says so."""
        return account.admin or self._managed.by_anybody

    def approved(self) -> frozenset[tuple[str, str]]:
        """Which kexts users authorised, or profiles once they were asked for, as far as the store has it too."""
        allowed = {(row.team_id, row.bundle_id) for row in self.policy.approvals() if row.allowed}
        managed = {key for key in self.policy.managed() if self._managed.allows(*key)}
        return frozenset(self.store.authorised(allowed | managed))

    # Management

    def order_rebuild(self, paths: Sequence[str], token: bytes | None) -> None:
        """The MDM server wants the collection rebuilt while the Mac restarts, with the kexts at `paths` besides those
        that were asked for before; `token` is the bootstrap token, None where it has none."""
        self._ordered = (tuple(paths), token)

    def _profiles_changed(self) -> None:
        """syspolicyd writes down what profiles allow."""
        self.policy.manage(rows(self._host.management.payloads(PAYLOAD)))

    def _carry_out_order(self) -> bool:
        """Authorises what a profile allows of all kexts that were asked for, in the MDM server's name. Whether the
        collection is to be built anew: also where there is nothing to authorise, for what left the disk."""
        ordered, self._ordered = self._ordered, None
        if ordered is None:
            return False
        for path in ordered[0]:
            self._discover(path)
        allowed = [one for one in self._builds.asked_for() if self._managed.allows(*one.key)]
        if not allowed:
            return True
        try:
            self.store.admit(ordered[1])
        except SepRefusal as refusal:
            self._note(f"the MDM server may not manage kernel extensions here: {refusal}")
            return False
        for one in allowed:
            self._seen(one)
        self._authorise({*self.approved(), *(one.key for one in allowed)})
        return True

    def _discover(self, path: str) -> None:
        """A kext that nobody asked for yet is looked at as if somebody had."""
        for one in self._builds.lying_at([path]):
            if one.fits and self._checks.wrong_to_load(one) is None:
                self._seen(one)

    # The auxiliary collection

    def rebuild(self) -> bool:
        """Builds the collection of every approved kext that is on the disk; False: it is what was built before.

        What Apple's list bans is left out, and from now on it is known to be. BuildFailed, and everything as it was,
        when one of them does not validate.
        """
        changed = self._builds.build()
        self._builds.excluded.took_effect()
        return changed

    def trigger_panic_medic(self) -> None:
        """Recovery: at the next boot the collection and every approval go."""
        self.store.call_medic()

    # Inside

    @property
    def _kernel(self) -> RunningKernel:
        if self.running is None:
            raise RuntimeError("no kernel runs")
        return self.running

    def _note(self, text: str) -> None:
        self.log.append((self._host.clock.now(), text))

    def _let_the_medic_work(self) -> None:
        if not self.store.medic_called():
            return
        self.policy.forget()
        self.store.clear()
        self._builds.excluded.forget()
        self._note("panic medic: the auxiliary collection and all approvals were removed")

    def _resolved(self, found: Found) -> Answer:
        """A good kext that does not run yet: asked for, or due at the next boot; KEXT-01: it is linked as it lies."""
        identifier = found.kext.identifier
        managed, allowed = self._seen(found), self._kexts_allowed
        if self._host.defect("KEXT-01"):
            self._kernel.start(found.member())
            return Answer(answers.LOADED)
        if allowed and managed and self.store.admits_mdm and found.key not in self.approved():
            self._authorise({*self.approved(), found.key})
        if managed and self.store.awaits_mdm and not self.store.admits_mdm:
            self._note(f"{identifier}: waits for the MDM server to rebuild at a restart")
            return answers.needs_reboot(identifier)
        if not allowed or found.key not in self.approved():
            self._ask(found, self.store.asks_users(self.started) or self._host.defect("KEXT-06"))
            return answers.needs_approval(identifier)
        if self._host.defect("KEXT-03"):
            self._kernel.start(found.member())
            return Answer(answers.LOADED)
        try:
            self._builds.build()
        except BuildFailed as error:
            return error.answer
        return answers.needs_reboot(identifier)

    @property
    def _kexts_allowed(self) -> bool:
        """Whether what this boot was started with lets kexts be; KEXT-06: this kernelmanagerd never looks."""
        return self.store.allows(self.started) or self._host.defect("KEXT-06")

    def _seen(self, found: Found) -> bool:
        """Notes that a kext was asked for; whether a profile allows it."""
        managed, now = self._managed.allows(*found.key), self._host.clock.now()
        self.policy.seen(found.kext.path, *found.key, found.cdhash, self.boot_uuid, now, managed=managed)
        return managed

    def _ask(self, found: Found, allowed: bool) -> None:
        self.policy.ask(found.team_id, found.kext.identifier, found.developer)
        self._pending[found.key] = Pending(
            found.kext.identifier, found.team_id, found.developer, allowed, self._host.clock.now(), found.kext.path
        )
        self._note(f"{found.kext.identifier}: waits for approval")
        if not self._managed.forbids(*found.key):
            self._host.display.extension_blocked(found.developer)

    def _authorise(self, approved: Collection[tuple[str, str]]) -> None:
        """Has the store keep the user-authorised kext list; where that is refused, the old one stays."""
        try:
            self.store.authorise(approved)
        except SepRefusal as refusal:
            self._note(f"LocalPolicy does not take the user-authorised kext list: {refusal}")
