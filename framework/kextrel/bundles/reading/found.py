"""What `inspect` finds, as frozen values. Times are UTC; names and versions are as the bundle has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from kextrel.vocabulary import Category, Extension, ExtensionKind, Signature

__all__ = ["Code", "Component", "ComponentKind", "Inspected", "Installer", "KpiUse", "Remark", "Signer", "Slice"]


_NO_WORD = re.compile(r"[^A-Za-z0-9_-]")  # what no name in a scenario has


class ComponentKind(StrEnum):
    """What a bundle is; the value is also the ending of its name."""

    KEXT = "kext"
    APP = "app"
    SYSTEM_EXTENSION = "systemextension"
    DRIVER_EXTENSION = "dext"


class Signer(StrEnum):
    """Who signed. `other`: a chain that begins neither at Apple's root nor at this project's test authority."""

    NOBODY = "nobody"
    AD_HOC = "ad-hoc"
    DEVELOPER_ID = "developer-id"
    APPLE = "apple"
    APP_STORE = "app-store"
    DEVELOPMENT = "development"
    OTHER = "other"


@dataclass(frozen=True)
class Slice:
    """One architecture of an executable. `undefined` symbols are without the leading underscore of C.

    `minimum` is the oldest version of `platform` (macos, driverkit …) that it was linked for.
    """

    architecture: str
    size: int
    file_type: str | None = None
    platform: str | None = None
    minimum: str | None = None
    libraries: tuple[str, ...] = ()
    undefined: tuple[str, ...] = ()


@dataclass(frozen=True)
class Code:
    """A code signature, the worst of all slices. `damage` is what no longer fits it, in words.

    `signed_at` is from the timestamp of a timestamp server where `timestamped`, else what the signer's clock said.
    `may_sign_kexts`: the certificate has Apple's mark for kernel extensions (1.2.840.113635.100.6.1.18).
    """

    signer: Signer = Signer.NOBODY
    identifier: str = ""
    team_id: str = ""
    developer: str = ""
    anchor: str = ""
    signed_at: datetime | None = None
    timestamped: bool = False
    valid_until: datetime | None = None
    expired: bool = False
    may_sign_kexts: bool = False
    hardened_runtime: bool = False
    damage: tuple[str, ...] = ()
    entitlements: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def present(self) -> bool:
        return self.signer is not Signer.NOBODY


@dataclass(frozen=True)
class KpiUse:
    """One entry of Apple's list of deprecated interfaces that a kext uses, and by what it shows."""

    rule: str
    name: str
    shown_by: tuple[str, ...]
    deprecated: str | None
    unsupported: str | None
    replacement: str


@dataclass(frozen=True)
class Remark:
    """Something that its maker should know. `level`: "problem" where it keeps the bundle from working, else "note"."""

    level: str
    text: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Component:
    """One bundle. `path` is its place in the file that was inspected, `inside` that of the bundle that carries it.

    `installed_at` is where a package puts it. `standing` is its signature in the words of scenarios.
    """

    kind: ComponentKind
    path: str
    inside: str | None
    bundle_id: str
    version: str
    short_version: str
    slices: tuple[Slice, ...]
    code: Code
    standing: Signature
    stapled: bool
    notarization: str
    minimum_macos: str | None
    needs_macos: str | None
    info: Mapping[str, Any] = field(hash=False, default_factory=dict)
    installed_at: str | None = None
    package: str | None = None
    category: Category | None = None
    category_name: str | None = None
    early_boot: bool = False
    libraries: Mapping[str, str] = field(hash=False, default_factory=dict)
    user_client: bool = False
    user_loadable: bool = False
    personalities: tuple[str, ...] = ()
    kpi: tuple[KpiUse, ...] = ()
    kpi_by_release: Mapping[str, str] = field(hash=False, default_factory=dict)
    remarks: tuple[Remark, ...] = ()

    @property
    def symbols(self) -> frozenset[str]:
        """The undefined symbols of all slices."""
        return frozenset(symbol for one in self.slices for symbol in one.undefined)

    @property
    def granted(self) -> frozenset[str]:
        """The names of the entitlements that are not set to false."""
        return frozenset(name for name, value in self.code.entitlements.items() if value is not False)

    @property
    def architectures(self) -> frozenset[str]:
        """In the words of scenarios, where an extension of user space that runs on Apple silicon has an arm64e slice.
        A bundle without code runs everywhere."""
        words = {"x86_64h": "x86_64"} | ({} if self.kind is ComponentKind.KEXT else {"arm64": "arm64e"})
        found = frozenset(words.get(one.architecture, one.architecture) for one in self.slices)
        return found or frozenset({"arm64e", "x86_64"})


@dataclass(frozen=True)
class Installer:
    """A package: its own identifier and version, where it installs, who signed it, and the scripts that it runs."""

    identifier: str
    version: str
    location: str
    scripts: tuple[str, ...] = ()
    code: Code = Code()
    stapled: bool = False


@dataclass(frozen=True)
class Inspected:
    """Everything that was found in one file or folder. `kind`: kext, app, systemextension, dext, pkg or zip."""

    path: str
    kind: str
    components: tuple[Component, ...]
    installers: tuple[Installer, ...] = ()

    def extensions(self) -> tuple[Extension, ...]:
        """Its kexts and system extensions as scenarios describe them, each under the last word of its identifier.

        What no file can say is taken to be good: that it is notarized (SIG-04), and not banned and not revoked.
        `bundle` is the path where it can be installed from there, not for what lies in an archive or in another bundle.
        """
        found = [one for one in self.components if one.kind is not ComponentKind.APP]
        words = [_NO_WORD.sub("-", one.bundle_id.rpartition(".")[2]) for one in found]
        return tuple(
            self._extension(one, word if word and words.count(word) == 1 else one.bundle_id or one.path)
            for one, word in zip(found, words, strict=True)
        )

    def _extension(self, component: Component, name: str) -> Extension:
        is_kext = component.kind is ComponentKind.KEXT
        common = Extension(
            name=name,
            kind=ExtensionKind.KEXT if is_kext else ExtensionKind.SYSTEM_EXTENSION,
            bundle_id=component.bundle_id,
            team_id=component.code.team_id,
            version=component.version or component.short_version,
            signature=component.standing,
            architectures=component.architectures,
            bundle=self._installable(component),
        )
        return self._kext(component, common) if is_kext else self._system_extension(component, common)

    def _kext(self, component: Component, common: Extension) -> Extension:
        place = (component.installed_at or "").rpartition("/")[0]
        return replace(
            common,
            libraries=frozenset(component.libraries),
            symbols=component.symbols,
            user_client=component.user_client,
            path=place or common.path,
        )

    def _system_extension(self, component: Component, common: Extension) -> Extension:
        installed = component.installed_at
        return replace(
            common,
            libraries=frozenset(),
            category=component.category,
            entitlements=component.granted,
            early_boot=component.early_boot,
            app_in_applications=installed is None or installed.startswith("/Applications/"),
        )

    def _installable(self, component: Component) -> str | None:
        """A kext by itself, or the app that carries an extension, where the path is one."""
        fits = component.inside is None if component.kind is ComponentKind.KEXT else component.inside is not None
        return self.path if fits and self.kind in (ComponentKind.KEXT, ComponentKind.APP) else None
