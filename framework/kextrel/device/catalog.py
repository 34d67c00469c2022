"""The extensions that a scenario speaks of, by its names, and the bundle of each: given, or made when first needed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from kextrel import bundles
from kextrel.errors import NotPossible, UsageError, nearest
from kextrel.vocabulary import Extension, ExtensionKind

__all__ = ["Catalog"]


class Catalog:
    """Knows extensions by name. Made bundles live in a folder of their own until `close`."""

    def __init__(self, home: str = "/Users/Shared") -> None:
        """`home` is where an app lies that is not among the applications."""
        self.home = home
        self._extensions: dict[str, Extension] = {}
        self._bundles: dict[Extension, Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def begin(self, extensions: Mapping[str, Extension]) -> None:
        """Learns those of a scenario. What an older macOS left for one before it is from now on ours like any other."""
        self._extensions = {name: replace(one, installed_before=None) for name, one in self._extensions.items()}
        self.learn(extensions)

    def learn(self, extensions: Mapping[str, Extension]) -> None:
        """From now on these names mean these extensions."""
        self._extensions |= extensions

    def extension(self, name: str) -> Extension:
        """The extension of that name, of either kind. UsageError for a name never learnt."""
        if name not in self._extensions:
            raise UsageError(f"there is no extension {name!r} here; {nearest(name, self._extensions)}")
        return self._extensions[name]

    def kext(self, name: str) -> Extension:
        """The kext of that name. UsageError for a name never learnt, NotPossible for a system extension."""
        return self._of_kind(name, ExtensionKind.KEXT)

    def system_extension(self, name: str) -> Extension:
        """The system extension of that name. UsageError for a name never learnt, NotPossible for a kext."""
        return self._of_kind(name, ExtensionKind.SYSTEM_EXTENSION)

    def kexts(self) -> Iterable[Extension]:
        """All kexts learnt."""
        return [e for e in self._extensions.values() if e.kind is ExtensionKind.KEXT]

    def system_extensions(self) -> Iterable[Extension]:
        """All system extensions learnt."""
        return [e for e in self._extensions.values() if e.kind is ExtensionKind.SYSTEM_EXTENSION]

    def renew(self, name: str, version: str) -> Extension:
        """From now on `name` means that version of it. NotPossible where a bundle is given: it has its own version."""
        extension = self.extension(name)
        if extension.bundle is not None:
            raise NotPossible(f"{extension.bundle} is what it is: another version of '{name}' is not made of it")
        self._extensions[name] = replace(extension, version=version)
        return self._extensions[name]

    def _of_kind(self, name: str, kind: ExtensionKind) -> Extension:
        extension = self.extension(name)
        if extension.kind is not kind:
            raise NotPossible(f"'{name}' is a {extension.kind}, and this is done with a {kind}")
        return extension

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
        return f"{self._folder_of(extension)}/{name}"

    def _folder_of(self, extension: Extension) -> str:
        if extension.kind is ExtensionKind.KEXT:
            return extension.path.rstrip("/")
        return "/Applications" if extension.app_in_applications else self.home

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
        self._folder = None
        self._bundles.clear()
