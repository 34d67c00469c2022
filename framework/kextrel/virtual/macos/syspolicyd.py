"""syspolicyd of macOS 10.13 to 10.15: whether a good kext may be loaded, what it asks its user, what it remembers.

It remembers in the KextPolicy database, by team and bundle identifier; what lies with an approved kext of the same team
is approved with it. The teams and the switch of `spctl kext-consent` are those that the kernel was started with.
Sources: Apple TN2459; spctl(8); Apple's support article on kernel extensions in 10.13 (MDM, 10.13.2, 10.13.4).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum, auto
from typing import Protocol

from kextrel.virtual.hardware.startup import Started
from kextrel.virtual.macos import host, kextconsent
from kextrel.virtual.macos.host import Account
from kextrel.virtual.macos.kextpolicy import KextPolicy
from kextrel.virtual.macos.library import Found, Library
from kextrel.virtual.macos.managedkexts import PAYLOAD, ManagedKexts, rows
from kextrel.virtual.macos.pending import APPROVAL_WINDOW, Pending

__all__ = ["Host", "SystemPolicy", "Verdict", "place_of"]

_SINCE = (10, 13)
_PROFILES_SINCE = (10, 13, 2)
_MDM_SPARES_BEFORE = (10, 13, 4)
"""Until then a Mac with an MDM server, whatever its profiles say, asks nobody."""
_EXTENSIONS, _SUPPORT, _APPLICATIONS = "/Library/Extensions", "/Library/Application Support", "/Applications"


class Verdict(Enum):
    """What becomes of a request."""

    ALLOWED = auto()
    ASKED = auto()
    FORBIDDEN = auto()


class Management(host.Management, Protocol):
    @property
    def enrollment(self) -> str:
        """ "none" without an MDM server."""
        ...


class Host(host.Host, Protocol):
    """The Mac, with the NVRAM of its board."""

    @property
    def management(self) -> Management: ...
    @property
    def nvram(self) -> kextconsent.Nvram: ...


def place_of(path: str) -> str:
    """Where the kexts lie that are approved together with one at `path`: its application, its folder of /Library/
    Application Support, or /Library/Extensions; elsewhere "", for it is alone (TN2459)."""
    parts = path.split("/")
    application = next((number for number, part in enumerate(parts) if part.endswith(".app")), None)
    if application is not None:
        return "/".join(parts[: application + 1])
    if path.startswith(f"{_SUPPORT}/") and len(parts) > 4:
        return "/".join(parts[:4])
    return _EXTENSIONS if path.startswith(f"{_EXTENSIONS}/") else ""


class SystemPolicy:
    """One Mac's syspolicyd. What waits for its user is forgotten with the boot."""

    def __init__(self, mac: Host) -> None:
        self._host = mac
        self._pending: dict[tuple[str, str], Pending] = {}
        self._teams: frozenset[str] = frozenset()
        self._asks, self._boot_uuid = True, ""
        self._managed = ManagedKexts(mac)
        mac.management.on_change(self._profiles_changed)

    @property
    def database(self) -> KextPolicy:
        return KextPolicy(self._host.disk, hashes=False)

    def boot(self, started: Started | None, boot_uuid: str) -> None:
        """A kernel starts; None: recoveryOS, in which nobody is asked anything. The first time that a release with this
        daemon starts, what is on the disk came before it, and is approved."""
        self._pending.clear()
        self._boot_uuid = boot_uuid
        if started is None or self._host.spec.release < _SINCE:
            return
        self._asks = not started.sip & kextconsent.UNAPPROVED_KEXTS
        self._teams = frozenset(kextconsent.teams(self._host.nvram))
        if self.database.is_new:
            self._approve_what_is_there()
        self._profiles_changed()

    def forget_requests(self) -> None:
        """The daemon ends with the kernel."""
        self._pending.clear()

    def judge(self, found: Found) -> Verdict:
        """A request for a kext whose signature is good. What has to be asked is asked on the screen, the first time."""
        verdict = self._judged(found)
        if self._host.spec.release < _SINCE:
            return verdict
        managed = self._by_profile(found)
        now = self._host.clock.now()
        self.database.seen(found.kext.path, *found.key, found.cdhash, self._boot_uuid, now, managed=managed)
        if verdict is not Verdict.ALLOWED:
            self._ask(found, alert=verdict is Verdict.ASKED)
        return verdict

    # What System Preferences shows and does

    def pending(self) -> list[Pending]:
        """What is offered now: asked for within the window and not approved since; the oldest first."""
        now = self._host.clock.now()
        fresh = [one for one in self._pending.values() if now - one.since <= self._window]
        left = [one for one in fresh if not self._is_approved(one.team_id, one.bundle_id, one.path)]
        return [replace(one, forbidden=self._forbids(one.team_id, one.bundle_id)) for one in left]

    def approve(self, pending: Pending, user: str) -> None:
        """The user whose short name is `user` pressed Allow. PermissionError for who may not."""
        account = self._host.spec.account(user)
        if account is None or not self.may_approve(account):
            raise PermissionError(f"{user} is not an administrator")
        if self._forbids(pending.team_id, pending.bundle_id):
            raise PermissionError("a profile forbids approvals by users")
        self.database.allow(pending.team_id, pending.bundle_id, pending.developer_name)
        self._pending.pop((pending.team_id, pending.bundle_id), None)

    def may_approve(self, account: Account) -> bool:
        """An administrator [Apple Platform Security]."""
        return account.admin

    # Inside

    def _judged(self, found: Found) -> Verdict:
        """UAK-01 is the Mac whose syspolicyd asks nobody."""
        if self._host.spec.release < _SINCE or not self._asks or found.team_id in self._teams:
            return Verdict.ALLOWED
        managed = self._host.management.enrollment != "none"
        if (managed and self._host.spec.release < _MDM_SPARES_BEFORE) or self._by_profile(found):
            return Verdict.ALLOWED
        if self._forbids(*found.key):
            return Verdict.FORBIDDEN
        if self._is_approved(*found.key, found.kext.path):
            self.database.allow(*found.key, found.developer)
            return Verdict.ALLOWED
        return Verdict.ALLOWED if self._host.defect("UAK-01") else Verdict.ASKED

    @property
    def _window(self) -> float:
        """How long it is offered; UAK-08: until somebody comes."""
        return math.inf if self._host.defect("UAK-08") else APPROVAL_WINDOW

    def _is_approved(self, team_id: str, bundle_id: str, path: str) -> bool:
        """By name, whatever the version; or because one of its team, in the same place, was."""
        approved = {(row.team_id, row.bundle_id) for row in self.database.approvals() if row.allowed}
        if (team_id, bundle_id) in approved:
            return True
        place = place_of(path)
        neighbours = (one for one in self.database.asked() if one[1:] in approved and one[1] == team_id)
        return bool(place and team_id) and any(place_of(one) == place for one, _, _ in neighbours)

    def _ask(self, found: Found, *, alert: bool) -> None:
        """The pane offers it anew; the alert comes once for a kext."""
        known = any((row.team_id, row.bundle_id) == found.key for row in self.database.approvals())
        self.database.ask(found.team_id, found.kext.identifier, found.developer)
        self._pending[found.key] = Pending(
            found.kext.identifier, found.team_id, found.developer, True, self._host.clock.now(), found.kext.path
        )
        if alert and not known:
            self._host.display.extension_blocked(found.developer)

    def _profiles_work(self) -> bool:
        return self._host.spec.release >= _PROFILES_SINCE

    def _by_profile(self, found: Found) -> bool:
        return self._profiles_work() and self._managed.allows(*found.key)

    def _forbids(self, team_id: str, bundle_id: str) -> bool:
        return self._profiles_work() and self._managed.forbids(team_id, bundle_id)

    def _profiles_changed(self) -> None:
        if self._profiles_work():
            self.database.manage(rows(self._host.management.payloads(PAYLOAD)))

    def _approve_what_is_there(self) -> None:
        self.database.create()
        for found in self._installed():
            now = self._host.clock.now()
            self.database.seen(found.kext.path, *found.key, found.cdhash, self._boot_uuid, now)
            self.database.allow(*found.key, found.developer)

    def _installed(self) -> Iterator[Found]:
        """The third-party kexts on the disk; what cannot be read has no name to be approved by."""
        disk, library = self._host.disk, Library(self._host)
        for folder in (_EXTENSIONS, _SUPPORT, _APPLICATIONS):
            for path in list(disk.walk(folder)) if disk.is_dir(folder) else ():
                if path.endswith(".kext") and disk.is_dir(path):
                    try:
                        yield library.find(path)
                    except (OSError, ValueError):
                        continue
