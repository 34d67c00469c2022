"""What a Mac knows of its management: who manages it, and which profiles are installed. All of it lies on its disk."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from kextrel.virtual.mdm.profile import MDM, Profile
from kextrel.virtual.mdm.store import Enrolled, Store
from kextrel.virtual.unix.fs import FileSystem

__all__ = ["Management"]


class Host(Protocol):
    """The Mac."""

    @property
    def disk(self) -> FileSystem: ...


class Client(Protocol):
    """mdmclient (see `client`), which asks the server at `url`."""

    @property
    def url(self) -> str: ...

    def wake(self) -> None:
        """There is something to do."""
        ...


class Management:
    """One Mac's management; every question looks at the disk as it is now.

    `enrollment_profile`: the identifier of the profile that came with the enrollment. `leaving`: the enrollment that
    ended and that the server has not heard of yet, "" for none.
    """

    enrollment_profile = "com.example.kextrel.enrollment"

    def __init__(self, host: Host) -> None:
        self._host = host
        self.store = Store(lambda: host.disk)
        self.leaving = ""
        self.client: Client | None = None
        self.wanted = False
        self._callbacks: list[Callable[[], None]] = []
        self._rebuild: Callable[[Sequence[str], bytes | None], None] | None = None

    @property
    def enrollment(self) -> str:
        """ "none", "user", "device" or "automated-device"."""
        enrolled = self.store.enrolled()
        return enrolled.kind if enrolled is not None else "none"

    @property
    def server_url(self) -> str:
        """Where the server takes check-ins; "" for a Mac that is not enrolled."""
        enrolled = self.store.enrolled()
        return enrolled.url if enrolled is not None else ""

    def payloads(self, payload_type: str) -> list[dict[str, Any]]:
        """Every installed payload of that type, with its keys as in the profile, in the order that they came."""
        found = (payload for profile in self.store.profiles() for payload in profile.payloads)
        return [payload for payload in found if payload.get("PayloadType") == payload_type]

    def on_change(self, callback: Callable[[], None]) -> None:
        """Calls `callback` after a profile came or went."""
        self._callbacks.append(callback)

    def install(self, profile: Profile) -> None:
        """Keeps `profile`, in place of one with the same identifier."""
        others = [one for one in self.store.profiles() if one.identifier != profile.identifier]
        self.store.keep([*others, profile])
        self._changed()

    def remove(self, identifier: str) -> bool:
        """Takes a profile away; False when there is none of that identifier."""
        profiles = self.store.profiles()
        left = [one for one in profiles if one.identifier != identifier]
        if len(left) == len(profiles):
            return False
        self.store.keep(left)
        self._changed()
        return True

    # The server, and what its client reports

    def assigned(self, client: Client, *, enrolls: bool) -> None:
        """Apple's servers know whose Mac this is; `enrolls`: it does so by itself when it first starts."""
        self.client = client
        self.wanted = self.store.is_new and enrolls

    def enrolled(self, enrolled: Enrolled) -> None:
        """The server has taken the Mac: its enrollment profile is installed."""
        self.wanted = False
        self.store.enroll(enrolled)
        payload = {"PayloadType": MDM, "ServerURL": enrolled.url, "Topic": enrolled.topic, "CheckOutWhenRemoved": True}
        name = f"{self.enrollment_profile}.mdm"
        content = {
            **_headed(self.enrollment_profile, "Configuration", "Kextrel MDM enrollment"),
            "PayloadContent": [{**_headed(name, MDM, "MDM"), **payload}],
        }
        self.install(Profile(content))

    def unenroll(self) -> None:
        """The enrollment profile goes, and with it all that the server had installed; the server is told."""
        self.leaving = self.enrollment
        self.unenrolled()
        if self.client is not None:
            self.client.wake()

    def unenrolled(self) -> None:
        """The Mac is managed no more: what its server installed is gone."""
        self.wanted = False
        self.store.enroll(None)
        self.store.keep([one for one in self.store.profiles() if one.by_hand])
        self._changed()

    def renew(self) -> None:
        """Enrolls again, at once (`profiles renew`)."""
        self.wanted = True
        if self.client is not None:
            self.client.wake()

    # Kernel management

    def carries_out(self, rebuild: Callable[[Sequence[str], bytes | None], None]) -> None:
        """`rebuild(paths, bootstrap token)` is kernel management's part of a RestartDevice that rebuilds."""
        self._rebuild = rebuild

    def rebuild_at_restart(self, paths: Sequence[str], token: bytes | None) -> None:
        """The kernel cache is rebuilt while the Mac restarts; `paths` are kexts to look at as well."""
        if self._rebuild is not None:
            self._rebuild(paths, token)

    def _changed(self) -> None:
        for callback in self._callbacks:
            callback()


def _headed(identifier: str, kind: str, name: str) -> dict[str, Any]:
    unique = str(uuid.uuid5(uuid.NAMESPACE_DNS, identifier)).upper()
    return {
        "PayloadIdentifier": identifier,
        "PayloadUUID": unique,
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadDisplayName": name,
    }
