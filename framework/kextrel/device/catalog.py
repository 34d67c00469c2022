"""The extensions that a scenario speaks of, by its names, and the bundle of each: given, or made when first needed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from kextrel import bundles
from kextrel.errors import NotPossible, UsageError, nearest
from kextrel.vocabulary import Extension, ExtensionKind

__all__ = ["Catalog"]


class Catalog:
    """Knows extensions by name. Made bundles live in a folder of their own until `close`."""

    def __init__(self) -> None:
        self._extensions: dict[str, Extension] = {}
        self._bundles: dict[Extension, Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def learn(self, extensions: Mapping[str, Extension]) -> None:
        """From now on these names mean these extensions."""
        self._extensions.update(extensions)

    def kext(self, name: str) -> Extension:
        """The kext of that name. UsageError for a name never learnt, NotPossible for a system extension."""
        if name not in self._extensions:
            raise UsageError(f"there is no extension {name!r} here; {nearest(name, self._extensions)}")
        extension = self._extensions[name]
        if extension.kind is not ExtensionKind.KEXT:
            raise NotPossible("not implemented: system extensions")
        return extension

    def kexts(self) -> Iterable[Extension]:
        """All kexts learnt."""
        return [e for e in self._extensions.values() if e.kind is ExtensionKind.KEXT]

    def bundle(self, extension: Extension) -> Path:
        """The bundle here: the one that the scenario names, else one made from the description."""
        if extension.bundle is not None:
            return Path(extension.bundle)
        if extension not in self._bundles:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="kextrel-")
            folder = Path(tempfile.mkdtemp(dir=self._folder.name))
            self._bundles[extension] = bundles.make(extension, folder)
        return self._bundles[extension]

    def installed_at(self, extension: Extension) -> str:
        """Where its bundle lies on the Mac once it is installed; it need not be one that can be made."""
        name = bundles.file_name(extension) if extension.bundle is None else Path(extension.bundle).name
        return f"{extension.path.rstrip('/')}/{name}"

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
        self._folder = None
        self._bundles.clear()
