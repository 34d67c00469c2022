"""What a Mac knows of its management: who manages it, and which profiles are installed. All of it lies on its disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from kextrel.virtual.mdm.profile import Profile
from kextrel.virtual.mdm.store import Store
from kextrel.virtual.unix.fs import FileSystem

__all__ = ["Management"]


class Host(Protocol):
    """The Mac."""

    @property
    def disk(self) -> FileSystem: ...


class Management:
    """One Mac's management; every question looks at the disk as it is now."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.store = Store(lambda: host.disk)
        self._callbacks: list[Callable[[], None]] = []

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

    def _changed(self) -> None:
        for callback in self._callbacks:
            callback()
