"""Kexts for the virtual Mac to judge: made on disk by `bundles`, which shares no code with what judges them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kextrel.bundles import make
from kextrel.virtual.macos import bundle, trust
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
