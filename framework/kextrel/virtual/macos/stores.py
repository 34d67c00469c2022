"""Where approvals and the auxiliary collection lie, and what the boot loader believes of them, by architecture.

Apple silicon: on the iSCPreboot volume, and iBoot takes nothing that LocalPolicy has not the hash of. Intel: the
collection lies on the data volume and the approvals in the KextPolicy database alone, both under SIP's protection.
Sources: kmutil(8); Apple Platform Security, "Securely extending the kernel in macOS" and "LocalPolicy".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol, TypeAlias

from kextrel.virtual.hardware.localpolicy import LocalPolicy
from kextrel.virtual.hardware.startup import Started
from kextrel.virtual.macos import auxkc
from kextrel.virtual.macos.auxkc import BadCollection, Member
from kextrel.virtual.macos.preboot import Preboot
from kextrel.virtual.unix.fs import FileSystem

__all__ = ["DataVolume", "Enclave", "Key", "Sealed", "Store"]

Key: TypeAlias = tuple[str, str]
"""How approvals name a kext: team and bundle identifier."""


class Enclave(Protocol):
    """The Secure Enclave: the stored policy, and the hashes that the running macOS may write into it."""

    def policy(self) -> LocalPolicy: ...

    def measure(self, **digests: str | None) -> None:
        """SepRefusal where it does not take them."""
        ...

    @property
    def admits_mdm(self) -> bool: ...

    @property
    def awaits_mdm(self) -> bool: ...

    def admit_mdm(self, token: bytes | None) -> None:
        """An MDM server acts in a person's place, with the bootstrap token; SepRefusal where it may not."""
        ...


class Store(Protocol):
    """One Mac's approvals and collection."""

    def allows(self, started: Started | None) -> bool:
        """Whether a Mac that was started so lets third-party kexts be."""
        ...

    def asks_users(self, started: Started | None) -> bool:
        """Whether a user of a Mac that was started so may let one in; else recovery comes first."""
        ...

    def will_allow(self) -> bool:
        """The same as `allows` of the next boot."""
        ...

    def bootable(self, started: Started) -> tuple[Member, ...]:
        """What the boot loader hands a kernel that is started so."""
        ...

    def built(self) -> tuple[Member, ...]:
        """What the next boot will be handed."""
        ...

    def authorised(self, allowed: Collection[Key]) -> AbstractSet[Key]:
        """Which of the approvals that KextPolicy has count."""
        ...

    def authorise(self, approved: Collection[Key]) -> None:
        """Keeps the user-authorised kext list. SepRefusal where LocalPolicy does not take it; the old one stays."""
        ...

    @property
    def admits_mdm(self) -> bool:
        """Whether what a profile allows needs no person: the policy lets the MDM server manage kernel extensions."""
        ...

    @property
    def awaits_mdm(self) -> bool:
        """Whether the MDM server can let them in by itself, by a restart that rebuilds."""
        ...

    def admit(self, token: bytes | None) -> None:
        """The MDM server wants a rebuild and gave the bootstrap token. SepRefusal where that needs a person."""
        ...

    def put(self, members: Sequence[Member]) -> bool:
        """Keeps the collection of `members`, none for none; False: it was there before. SepRefusal as `authorise`."""
        ...

    def call_medic(self) -> None:
        """At the next boot the collection and all approvals go."""
        ...

    def medic_called(self) -> bool: ...

    def clear(self) -> None:
        """Takes everything away, the call for the medic too."""
        ...


class Sealed:
    """Apple silicon's: beside LocalPolicy, which has the hash of each part."""

    def __init__(self, sep: Enclave, now: Callable[[], float]) -> None:
        self._sep = sep
        self.preboot = Preboot(sep.policy().vuid, now)

    def allows(self, started: Started | None) -> bool:
        return started is not None and started.policy is not None and started.policy.allows_kexts

    def asks_users(self, started: Started | None) -> bool:
        return self.allows(started) and bool(started and started.policy and started.policy.smb2)

    def will_allow(self) -> bool:
        return self._sep.policy().allows_kexts

    def bootable(self, started: Started) -> tuple[Member, ...]:
        return self.preboot.bootable(started.policy) if started.policy is not None else ()

    def built(self) -> tuple[Member, ...]:
        return self.preboot.bootable(self._sep.policy())

    def authorised(self, allowed: Collection[Key]) -> AbstractSet[Key]:
        data = self.preboot.read(self.preboot.uakl)
        if data is None or auxkc.digest(data) != self._sep.policy().auxp:
            return frozenset()
        return auxkc.decode_uakl(data) & set(allowed)

    def authorise(self, approved: Collection[Key]) -> None:
        data = auxkc.encode_uakl(approved)
        self._sep.measure(auxp=auxkc.digest(data))
        self.preboot.write(self.preboot.uakl, data)

    @property
    def admits_mdm(self) -> bool:
        return self._sep.admits_mdm

    @property
    def awaits_mdm(self) -> bool:
        return self._sep.awaits_mdm

    def admit(self, token: bytes | None) -> None:
        self._sep.admit_mdm(token)

    def put(self, members: Sequence[Member]) -> bool:
        preboot = self.preboot
        if not members:
            changed = preboot.read(preboot.collection) is not None
            for path in (preboot.collection, preboot.receipt):
                preboot.remove(path)
            self._sep.measure(auxi=None, auxr=None)
            return changed
        data, receipt = auxkc.image4(auxkc.fileset(members, "arm64e")), auxkc.encode_receipt(members)
        there = (preboot.read(preboot.collection), preboot.read(preboot.receipt)) == (data, receipt)
        if there and auxkc.digest(data) == self._sep.policy().auxi:
            return False
        self._sep.measure(auxi=auxkc.digest(data), auxr=auxkc.digest(receipt))
        preboot.write(preboot.collection, data)
        preboot.write(preboot.receipt, receipt)
        return True

    def call_medic(self) -> None:
        self.preboot.write(self.preboot.panic_medic, b"")

    def medic_called(self) -> bool:
        return self.preboot.read(self.preboot.panic_medic) is not None

    def clear(self) -> None:
        self.preboot.clear()
        self._sep.measure(auxp=None, auxi=None, auxr=None)


class DataVolume:
    """Intel's: the collection is a file, and what KextPolicy allows is approved. No security mode bears on it."""

    FOLDER = "/Library/KernelCollections"
    COLLECTION = f"{FOLDER}/AuxiliaryKernelExtensions.kc"
    _MEDIC = f"{FOLDER}/.panic-medic"

    def __init__(self, disk: Callable[[], FileSystem]) -> None:
        self._disk = disk

    def allows(self, started: Started | None) -> bool:
        return started is not None

    def asks_users(self, started: Started | None) -> bool:
        return self.allows(started)

    def will_allow(self) -> bool:
        return True

    def bootable(self, started: Started) -> tuple[Member, ...]:  # noqa: ARG002 - nothing of the boot bears on it
        return self.built()

    def built(self) -> tuple[Member, ...]:
        if not self._disk().is_file(self.COLLECTION):
            return ()
        try:
            return auxkc.parse(self._disk().read_bytes(self.COLLECTION))
        except BadCollection:
            return ()

    def authorised(self, allowed: Collection[Key]) -> AbstractSet[Key]:
        return set(allowed)

    def authorise(self, approved: Collection[Key]) -> None:
        """KextPolicy has the list already, and nothing seals it."""

    @property
    def admits_mdm(self) -> bool:
        return True

    @property
    def awaits_mdm(self) -> bool:
        return False

    def admit(self, token: bytes | None) -> None:
        """Nothing on Intel keeps an MDM server from it."""

    def put(self, members: Sequence[Member]) -> bool:
        before = self._disk().read_bytes(self.COLLECTION) if self._disk().is_file(self.COLLECTION) else None
        data = auxkc.fileset(members, "x86_64") if members else None
        if data is None:
            self._remove(self.COLLECTION)
        elif data != before:
            self._write(self.COLLECTION, data)
        return data != before

    def call_medic(self) -> None:
        self._write(self._MEDIC, b"")

    def medic_called(self) -> bool:
        return self._disk().exists(self._MEDIC)

    def clear(self) -> None:
        for path in (self.COLLECTION, self._MEDIC):
            self._remove(path)

    def _write(self, path: str, data: bytes) -> None:
        """In one step: whoever looks finds the old content or the new, never a part."""
        self._disk().mkdir(self.FOLDER, parents=True, mode=0o755)
        self._disk().write_bytes(f"{path}.new", data, mode=0o644)
        self._disk().rename(f"{path}.new", path)

    def _remove(self, path: str) -> None:
        if self._disk().exists(path):
            self._disk().unlink(path)
