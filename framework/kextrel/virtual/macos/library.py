"""Kexts on the disk: read, judged as this Mac judges them, and staged where nobody can change them any more."""

from __future__ import annotations

import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from kextrel.virtual.macos import bundle, trust
from kextrel.virtual.macos.auxkc import Member
from kextrel.virtual.macos.bundle import BadBundle, Judgement, Kext, Node
from kextrel.virtual.macos.host import Host
from kextrel.virtual.macos.plists import BadPlist, mapping
from kextrel.virtual.macos.signature import Problem
from kextrel.virtual.macos.trust import Trust
from kextrel.virtual.unix.fs import FileSystem

__all__ = ["EXCLUDED", "Found", "Library", "disk_files"]

STAGING = "/private/var/db/KernelExtensionManagement/Staging"
STAGED = "/Library/StagedExtensions"
FOLDERS = ("/Library/Extensions", "/Library/Apple/System/Library/Extensions")
EXCLUDED = "/Library/Apple/System/Library/Extensions/AppleKextExcludeList.kext/Contents/Info.plist"
"""What Apple bans; its updates replace it, and System Integrity Protection keeps it."""
_NOTARIZED_SINCE = (10, 14, 5)
_MOST_FILES, _MOST_BYTES = 4096, 64 << 20


@dataclass(frozen=True)
class Found:
    """A kext and what its signature is worth to a kernel of `architecture`. `team_id` is empty where no certificate
    proves one; `by_notary`: this macOS takes a Developer ID only with a notary's ticket."""

    kext: Kext
    judgement: Judgement
    architecture: str
    by_notary: bool = False

    @property
    def worth(self) -> Judgement:
        """What the kernel's side makes of `judgement`: a signature of today must be notarized, too."""
        if self.judgement.notarized or not self.by_notary or not self.judgement.trusted:
            return self.judgement
        return replace(self.judgement, problem=Problem.UNNOTARIZED, detail="no notary's ticket is stapled to it")

    @property
    def serial(self) -> str:
        """The serial number of the certificate that signed it, in hexadecimal; empty where nobody is proved."""
        return f"{self.judgement.signer.serial:X}" if self.judgement.signer else ""

    @property
    def team_id(self) -> str:
        return self.judgement.team_id

    @property
    def developer(self) -> str:
        """The name that Settings shows."""
        signer = self.judgement.signer
        return signer.developer_name if signer else f"Unidentified - {self.kext.name.removesuffix('.kext')}"

    @property
    def cdhash(self) -> str:
        """What tells it from every other kext: of its signature, if that holds for these very files."""
        valid = self.judgement.problem is None
        return self.judgement.cdhash if valid else self.kext.fingerprint(self.architecture)

    @property
    def key(self) -> tuple[str, str]:
        """How approvals name it: team and bundle identifier."""
        return self.team_id, self.kext.identifier

    @property
    def fits(self) -> bool:
        """Whether it has a slice for the Mac's kernel."""
        return self.kext.slice_for(self.architecture) is not None

    @property
    def imports(self) -> frozenset[str]:
        """The symbols that its slice for the Mac's kernel leaves to others."""
        part = self.kext.slice_for(self.architecture)
        return part.undefined if part is not None else frozenset()

    def member(self) -> Member:
        """It as a part of a collection. Only for a kext that fits."""
        part = self.kext.slice_for(self.architecture)
        assert part is not None
        return Member(
            identifier=self.kext.identifier,
            version=self.kext.version,
            path=self.kext.path,
            team_id=self.team_id,
            cdhash=self.cdhash,
            uuid=part.uuid,
            size=part.size,
            libraries=self.kext.libraries,
            content=part.content,
        )


class _DiskFiles:
    """bundle.Files over a Mac's file system."""

    def __init__(self, disk: FileSystem) -> None:
        self._disk = disk

    def tree(self, path: str) -> Mapping[str, Node]:
        if not self._disk.stat(path).is_dir:
            raise BadBundle(f"{path} is not a bundle")
        found: dict[str, Node] = {}
        size = 0
        for place in self._disk.walk(path):
            entry = self._disk.stat(place, follow=False)
            size += entry.size if entry.is_file else 0
            if size > _MOST_BYTES or len(found) > _MOST_FILES:
                raise BadBundle(f"{path} is larger than a kext may be")
            content = self._disk.read_bytes(place) if entry.is_file else b""
            found[place[len(path) + 1 :]] = Node(entry.mode, entry.uid, entry.gid, content)
        return found


def disk_files(disk: FileSystem) -> bundle.Files:
    """Bundles on `disk`, seen with its eyes."""
    return _DiskFiles(disk)


class Library:
    """What kernelmanagerd can find on one Mac's disk."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def _disk(self) -> FileSystem:
        """Everything that is mounted now, or the bare disk while the Mac goes down."""
        return self._host.system.fs if self._host.system is not None else self._host.disk

    def find(self, path: str) -> Found:
        """The kext at `path`. Raises OSError when there is nothing, ValueError when it is no kext."""
        return self.judged(bundle.read(disk_files(self._disk), self._disk.real(path)))

    def judged(self, kext: Kext) -> Found:
        """What this Mac makes of a kext."""
        spec = self._host.spec
        judgement = bundle.judge(kext, spec.code_architecture, self.trust(), self.now())
        return Found(kext, judgement, spec.code_architecture, spec.release >= _NOTARIZED_SINCE)

    def excluded(self) -> frozenset[str]:
        """The serial numbers of the certificates whose kexts Apple's list keeps out of every collection."""
        try:
            rows = mapping(self._disk.read_bytes(EXCLUDED)).get("OSKextExcludedCertificates")
        except (OSError, BadPlist):
            return frozenset()
        return frozenset(str(row) for row in rows) if isinstance(rows, list) else frozenset()

    def now(self) -> datetime:
        """The Mac's time."""
        return datetime.fromtimestamp(self._host.clock.now(), UTC)

    def trust(self) -> Trust:
        """Whom this Mac trusts."""
        return trust.load(self._host.spec.trust, shipped=self._host.spec.knows_lab)

    def by_identifier(self, identifier: str) -> str | None:
        """The path of the kext with that bundle identifier in the folders that macOS watches; None for none."""
        disk = self._disk
        for folder in FOLDERS:
            for name in disk.listdir(folder) if disk.is_dir(folder) else ():
                path = f"{folder}/{name}"
                if name.endswith(".kext") and self.identifier(path) == identifier:
                    return path
        return None

    def identifier(self, path: str) -> str | None:
        """The bundle identifier of what lies at `path`; None when it cannot be read."""
        try:
            return bundle.read(disk_files(self._disk), path).identifier
        except (OSError, ValueError):
            return None

    def stage(self, kext: Kext) -> str:
        """Copies a kext to where only kernelmanagerd writes; returns the copy's path."""
        suffix = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(6)).capitalize()
        path = f"{STAGING}/{kext.identifier}.{suffix}/{kext.name}"
        self._copy(kext, path)
        return path

    def keep(self, kext: Kext, staged: str) -> None:
        """A staged kext was found good: it replaces what was staged of it before."""
        self.place(kext)
        self.discard(staged)

    def place(self, kext: Kext) -> str:
        """Copies a kext to where it is loaded from; returns the copy's path."""
        path = f"{STAGED}{kext.path}"
        self._remove(path)
        self._copy(kext, path)
        return path

    def discard(self, staged: str) -> None:
        """Takes a copy in the staging folder away."""
        self._remove(staged.rsplit("/", 1)[0])

    def clear_staging(self) -> None:
        """Takes every staged copy away."""
        for folder in (STAGING, STAGED):
            self._remove(folder)

    def _copy(self, kext: Kext, path: str) -> None:
        disk = self._disk
        for name, node in kext.nodes.items():
            place = f"{path}/{name}" if name else path
            if stat.S_ISDIR(node.mode):
                disk.mkdir(place, parents=True)
            else:
                disk.write_bytes(place, node.content)
                disk.chmod(place, node.mode & 0o7777)

    def _remove(self, path: str) -> None:
        if self._disk.exists(path):
            self._disk.remove_tree(path)
