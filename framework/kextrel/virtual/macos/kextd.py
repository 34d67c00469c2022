"""kextd of macOS 10.12 to 10.15 and its kernel: a kext is loaded when somebody asks for it, at once, and goes with the
boot. There is no collection; from 10.13 on syspolicyd has a word in it. See `kernelmanagement` for macOS 11 and later.

Sources: kextd(8), kextutil(8), kextcache(8), Apple TN2459.
"""

from __future__ import annotations

import plistlib
import uuid
from collections import deque
from collections.abc import Iterator

from kextrel.virtual.hardware.startup import Started
from kextrel.virtual.macos import kextwords
from kextrel.virtual.macos.host import Account
from kextrel.virtual.macos.kernel import NotLoaded, RunningKernel
from kextrel.virtual.macos.kextwords import Refusal
from kextrel.virtual.macos.library import Found, Library
from kextrel.virtual.macos.pending import Pending
from kextrel.virtual.macos.syspolicyd import Host, SystemPolicy, Verdict

__all__ = ["KextDaemon"]

_PRELINKED = "/System/Library/PrelinkedKernels/prelinkedkernel"
_STAGES_SINCE = (10, 13)
_UNTRUSTED_KEXTS = 0x1
_LONGEST_LOG = 500


class KextDaemon:
    """One Mac's. `running` is the kernel of this boot, None while there is none; `started` is what macOS was started
    with, None in recoveryOS."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.started: Started | None = None
        self.running: RunningKernel | None = None
        self.boot_uuid = ""
        self.log: deque[tuple[float, str]] = deque(maxlen=_LONGEST_LOG)
        self.policy = SystemPolicy(host)

    @property
    def library(self) -> Library:
        return Library(self._host)

    # Coming up and going down

    def boot(self, started: Started | None) -> None:
        """The boot loader starts the prelinked kernel, in which nothing of others runs before somebody asks for it."""
        self.started, self.boot_uuid = started, str(uuid.uuid4()).upper()
        self.running = RunningKernel(self._host.spec.darwin, self._host.spec.code_architecture)
        self.policy.boot(started, self.boot_uuid)

    async def orderly_shutdown(self) -> None:
        """Nothing is built while the Mac goes down: kextd keeps the prelinked kernel up to date while it runs."""
        self.power_lost()

    def power_lost(self) -> None:
        """The kernel is gone, and what was loaded with it."""
        self.running = None
        self.policy.forget_requests()

    # Requests

    def load(self, path: str) -> Refusal | None:
        """A request by root to load the kext at `path`; None: it runs."""
        try:
            found = self.library.find(path)
        except OSError as error:
            return kextwords.not_found(path, str(error.strerror))
        except ValueError as error:
            return kextwords.not_found(path, str(error))
        refusal = self._refused(found)
        if refusal is None:
            self._kernel.start(found.member())
        else:
            self.log.append((self._host.clock.now(), f"{found.kext.identifier}: {refusal.why}"))
        return refusal

    def unload(self, identifier: str) -> Refusal | None:
        """Stops a third-party kext; None: it is gone from the kernel."""
        try:
            self._kernel.stop(identifier)
        except NotLoaded:
            lines = (
                f"(kernel) Kext {identifier} not found for unload request.",
                f"Failed to unload {identifier} - (libkern/kext) not found.",
            )
            return Refusal(kextwords.NOT_LOADED, "(libkern/kext) not found", lines)
        return None

    def rebuild_cache(self) -> tuple[str, ...]:
        """Writes the prelinked kernel anew with the third-party kexts that may be in it; the lines about the others."""
        members: list[Found] = []
        complaints: list[str] = []
        for found in self._in_library():
            refusal = kextwords.unauthentic(found.kext) or self._untrusted(found, found.kext.path)
            if refusal is None:
                members.append(found)
            else:
                complaints.append(refusal.lines[-1])
        info = [{"CFBundleIdentifier": one.kext.identifier, "_PrelinkCDHash": one.cdhash} for one in members]
        self._host.disk.write_bytes(_PRELINKED, plistlib.dumps({"_PrelinkInfoDictionary": info}), mode=0o644)
        return tuple(complaints)

    # What System Preferences shows and does

    def pending(self) -> list[Pending]:
        """What it offers now, the oldest first."""
        return self.policy.pending()

    def approve(self, pending: Pending, user: str) -> None:
        """The user whose short name is `user` pressed Allow: what was blocked for want of that is loaded at once
        (TN2459). PermissionError for who may not."""
        blocked = [one.path for one in self.pending()]
        self.policy.approve(pending, user)
        waiting = {one.path for one in self.pending()}
        for path in blocked:
            if path not in waiting:
                self.load(path)

    def may_approve(self, account: Account) -> bool:
        """Whether that user may allow kexts."""
        return self.policy.may_approve(account)

    # Inside

    @property
    def _kernel(self) -> RunningKernel:
        if self.running is None:
            raise RuntimeError("no kernel runs")
        return self.running

    def _refused(self, found: Found) -> Refusal | None:
        """Why a kext is not loaded: the kext itself, the kernel, then its user."""
        kext = found.kext
        if not found.fits:
            return kextwords.no_code(kext, found.architecture)
        if self.started is not None and self.started.safe:
            return kextwords.not_now(kext)
        wrong = kextwords.unauthentic(kext)
        if wrong is not None:
            return wrong
        staged = self._staged(found)
        untrusted = self._untrusted(found, staged)
        if untrusted is not None:
            return untrusted
        if self._kernel.runs_another(kext.identifier, found.cdhash):
            return kextwords.another_is_loaded(kext)
        if self.policy.judge(found) is not Verdict.ALLOWED:
            return kextwords.prevented(kext, staged, self._host.spec.release)
        return None

    def _staged(self, found: Found) -> str:
        """From 10.13 on a kext is loaded from a copy that System Integrity Protection keeps."""
        return self.library.place(found.kext) if self._host.spec.release >= _STAGES_SINCE else found.kext.path

    def _untrusted(self, found: Found, staged: str) -> Refusal | None:
        enforced = self.started is None or not self.started.sip & _UNTRUSTED_KEXTS
        if found.worth.trusted or not enforced or self._host.defect("SIG-01"):
            return None
        return kextwords.unsigned(staged, found.worth)

    def _in_library(self) -> Iterator[Found]:
        disk, library = self._host.disk, self.library
        for name in sorted(disk.listdir("/Library/Extensions")):
            if name.endswith(".kext"):
                try:
                    yield library.find(f"/Library/Extensions/{name}")
                except (OSError, ValueError) as error:
                    self.log.append((self._host.clock.now(), f"{name} is left out of the prelinked kernel: {error}"))
