"""What kernel management leaves on the iSCPreboot volume for the boot loader: collection, receipt, approved list.

iBoot reads it at every start, and trusts none of it: only what LocalPolicy has the hash of counts. No running system
mounts that volume, so that no shell shows the receipt or the list: the one is known by its hash in LocalPolicy alone,
the other by the KextPolicy database.
"""

from __future__ import annotations

from collections.abc import Callable

from kextrel.virtual.hardware.localpolicy import LocalPolicy
from kextrel.virtual.macos import auxkc
from kextrel.virtual.macos.auxkc import BadCollection, Member
from kextrel.virtual.unix.fs import NO_GUARDS, FileSystem, Volume
from kextrel.virtual.unix.nodes import Directory

__all__ = ["Preboot"]


class Preboot:
    """The folder of one volume group on the iSCPreboot volume, which outlives restarts; `now` is the Mac's clock."""

    def __init__(self, volume_group: str, now: Callable[[], float]) -> None:
        self._volume = FileSystem.on(Volume("iSCPreboot", Directory(0o755), NO_GUARDS), now)
        self.folder = f"/{volume_group}/AuxKC"
        self.collection, self.receipt, self.uakl = (
            f"{self.folder}/{name}" for name in ("AuxiliaryKernelExtensions.im4p", "Receipt.plist", "UAKL.plist")
        )
        self.panic_medic = f"{self.folder}/.panic-medic"

    def read(self, path: str) -> bytes | None:
        """What lies at `path`, None for nothing."""
        return self._volume.read_bytes(path) if self._volume.is_file(path) else None

    def write(self, path: str, data: bytes) -> None:
        """Puts `data` at `path` in one step: whoever looks finds the old content or the new, never a part."""
        self._volume.mkdir(self.folder, parents=True, mode=0o755)
        self._volume.write_bytes(f"{path}.new", data, mode=0o644)
        self._volume.rename(f"{path}.new", path)

    def clear(self) -> None:
        """Takes the collection, the receipt, the list and the medic's mark away."""
        for path in (self.collection, self.receipt, self.uakl, self.panic_medic):
            self.remove(path)

    def remove(self, path: str) -> None:
        """Takes one of them away, if it is there."""
        if self._volume.exists(path):
            self._volume.unlink(path)

    def bootable(self, policy: LocalPolicy) -> tuple[Member, ...]:
        """iBoot's check: the kexts of a collection that `policy` has the hashes of and lets be loaded; else none."""
        if not policy.allows_kexts:
            return ()
        data = self.read(self.collection)
        measured = ((data, policy.auxi), (self.read(self.receipt), policy.auxr), (self.read(self.uakl), policy.auxp))
        if data is None or any((auxkc.digest(part) if part else None) != wanted for part, wanted in measured):
            return ()
        try:
            return auxkc.parse(data, wrapped=True)
        except BadCollection:
            return ()
