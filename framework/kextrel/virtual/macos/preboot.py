"""What kernel management leaves on the Preboot volume for the boot loader: collection, receipt, list of the approved.

iBoot reads it at every start, and trusts none of it: only what LocalPolicy has the hash of counts.
"""

from __future__ import annotations

from kextrel.virtual.hardware.localpolicy import LocalPolicy
from kextrel.virtual.macos import auxkc
from kextrel.virtual.macos.auxkc import BadCollection, Member
from kextrel.virtual.unix.fs import FileSystem

__all__ = ["Preboot", "allows_kexts"]


def allows_kexts(policy: LocalPolicy) -> bool:
    """Whether LocalPolicy lets an auxiliary collection be loaded: below full, and somebody may manage kexts."""
    return bool(policy.smb0) and any((policy.smb2, policy.smb3, policy.smb4))


class Preboot:
    """The folder of one volume group on the Preboot volume."""

    def __init__(self, disk: FileSystem, volume_group: str) -> None:
        self._disk = disk
        self.folder = f"/System/Volumes/Preboot/{volume_group}/AuxKC"
        self.collection, self.receipt, self.uakl = (
            f"{self.folder}/{name}" for name in ("AuxiliaryKernelExtensions.im4p", "Receipt.plist", "UAKL.plist")
        )
        self.panic_medic = f"{self.folder}/.panic-medic"

    def read(self, path: str) -> bytes | None:
        """What lies at `path`, None for nothing."""
        return self._disk.read_bytes(path) if self._disk.is_file(path) else None

    def write(self, path: str, data: bytes) -> None:
        """Puts `data` at `path` in one step: whoever looks finds the old content or the new, never a part."""
        self._disk.mkdir(self.folder, parents=True, mode=0o755)
        self._disk.write_bytes(f"{path}.new", data, mode=0o644)
        self._disk.rename(f"{path}.new", path)

    def clear(self) -> None:
        """Takes the collection, the receipt, the list and the medic's mark away."""
        for path in (self.collection, self.receipt, self.uakl, self.panic_medic):
            self.remove(path)

    def remove(self, path: str) -> None:
        """Takes one of them away, if it is there."""
        if self._disk.exists(path):
            self._disk.unlink(path)

    def bootable(self, policy: LocalPolicy) -> tuple[Member, ...]:
        """iBoot's check: the kexts of a collection that `policy` has the hashes of and lets be loaded; else none."""
        if not allows_kexts(policy):
            return ()
        data = self.read(self.collection)
        measured = ((data, policy.auxi), (self.read(self.receipt), policy.auxr), (self.read(self.uakl), policy.auxp))
        if data is None or any(part is None or auxkc.digest(part) != wanted for part, wanted in measured):
            return ()
        try:
            return auxkc.parse(data)
        except BadCollection:
            return ()
