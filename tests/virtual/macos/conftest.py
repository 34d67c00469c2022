"""Kexts for the virtual Mac to judge: made on disk by `bundles`, which shares no code with what judges them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kextrel.bundles import make
from kextrel.virtual.clock import Clock
from kextrel.virtual.hardware.localpolicy import Change, LocalPolicy
from kextrel.virtual.hardware.progress import BootProgress, Progress
from kextrel.virtual.hardware.sep import SecureEnclave
from kextrel.virtual.macos import bundle, trust
from kextrel.virtual.macos.kernelmanagement import KernelManagement
from kextrel.virtual.spec import MacSpec
from kextrel.virtual.unix.fs import FileSystem, Volume
from kextrel.virtual.unix.nodes import Directory
from kextrel.vocabulary import Extension, ExtensionKind, Signature

NOW = datetime(2025, 6, 1, tzinfo=UTC)


class RootOwned:
    """A folder of the host as a Mac's file system in which everything belongs to root (or to whom one says)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owners: dict[str, tuple[int, int]] = {}

    def tree(self, path: str) -> Mapping[str, bundle.Node]:
        top = self.folder / path.lstrip("/")
        if not top.is_dir():
            raise FileNotFoundError(path)
        found = {"": bundle.Node(0o40755, 0, 0)}
        for entry in sorted(top.rglob("*")):
            name = str(entry.relative_to(top))
            owner = self.owners.get(name, (0, 0))
            content = b"" if entry.is_dir() else entry.read_bytes()
            found[name] = bundle.Node(entry.lstat().st_mode, *owner, content)
        return found


@pytest.fixture
def kext_files(tmp_path: Path) -> RootOwned:
    return RootOwned(tmp_path)


@pytest.fixture
def make_kext(tmp_path: Path) -> Callable[..., Path]:
    """Makes a sample kext under the test's folder; keywords replace fields of its description."""

    def build(**fields: object) -> Path:
        wanted = {"name": "driver", "kind": ExtensionKind.KEXT, "bundle_id": "com.example.kextrel.driver", **fields}
        wanted.setdefault("team_id", "KXTRL00001")
        wanted.setdefault("signature", Signature.DEVELOPER_ID)
        return make(Extension(**wanted), tmp_path)  # type: ignore[arg-type]

    return build


@pytest.fixture
def verdict(kext_files: RootOwned) -> Callable[..., bundle.Judgement]:
    """Reads and judges a kext as an arm64e Mac with the shipped trust does."""

    def judge(path: Path, when: datetime = NOW, anchors: trust.Trust | None = None) -> bundle.Judgement:
        kext = bundle.read(kext_files, f"/{path.name}")
        return bundle.judge(kext, "arm64e", anchors or trust.load(), when)

    return judge


class QuietDisplay:
    """Remembers what the Mac would show."""

    def __init__(self) -> None:
        self.blocked: list[str] = []

    def extension_blocked(self, developer: str) -> None:
        self.blocked.append(developer)


class SmallMac:
    """A Mac without power or shell: disk, Secure Enclave, clock, kernel management; `boot` is iBoot's part."""

    def __init__(self, defects: frozenset[str] = frozenset()) -> None:
        self.spec = MacSpec("small", prepared=True, defects=defects)
        self.clock = Clock(start=1_750_000_000.0, wall=lambda: 0.0)
        self.disk = FileSystem.on(Volume("Macintosh HD", Directory(0o755)), self.clock.now)
        self.progress = BootProgress()
        self.sep = SecureEnclave(self.spec, self.progress, defects=defects)
        self.display = QuietDisplay()
        self.system = None
        self.in_force: LocalPolicy | None = None
        self.kernel = KernelManagement(self)
        self.boot()

    def defect(self, rule: str) -> bool:
        return rule in self.spec.defects

    def boot(self) -> None:
        """Starts macOS with the stored policy."""
        self.kernel.power_lost()
        self.in_force = self.sep.policy()
        self.kernel.boot(self.in_force)

    def lower(self, *, afresh: bool = False, **fields: int | None) -> None:
        """Changes LocalPolicy from 1TR, and comes back to macOS."""
        self.progress.lock(Progress("recovery", by_button=True, paired=True))
        self.sep.change(Change(fields, afresh=afresh), user="admin", password=self.spec.administrator.password)
        self.progress.reset()
        self.boot()

    def install(self, bundle: Path, folder: str = "/Library/Extensions", *, owner: tuple[int, int] = (0, 0)) -> str:
        """Copies a kext of the host to the Mac."""
        target = f"{folder}/{bundle.name}"
        for entry in (bundle, *sorted(bundle.rglob("*"))):
            place = f"{target}/{entry.relative_to(bundle)}" if entry != bundle else target
            if entry.is_dir():
                self.disk.mkdir(place, parents=True)
            else:
                self.disk.write_bytes(place, entry.read_bytes())
            self.disk.chown(place, *owner)
        return target

    def loaded(self) -> list[str]:
        """Bundle identifiers of the third-party kexts that run."""
        assert self.kernel.running is not None
        return [row.name for row in self.kernel.running.auxiliary()]


@pytest.fixture
def small_mac() -> Callable[..., SmallMac]:
    """Makes Macs: `small_mac("KEXT-06")` has that defect."""
    return lambda *defects: SmallMac(frozenset(defects))
