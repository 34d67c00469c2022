"""Makes bundles from descriptions, signed by a test authority that no real Mac trusts; reads those of strangers.

kext         a .kext                 app     an app that carries system extensions
sysext       what the app carries    macho, executable, signature, entitlements, resources, authority: their parts
reading      bundles of strangers     described          what theirs are, in the words of scenarios
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kextrel.bundles.described import Given, distrusted, given
from kextrel.bundles.names import APP_PREFIX, app_name, kext_name
from kextrel.vocabulary import Extension, ExtensionKind

if TYPE_CHECKING:  # who only names bundles need not wait for the makers, nor these for the readers
    from collections.abc import Sequence
    from datetime import datetime

    from kextrel.bundles.reading.found import Inspected

__all__ = ["APP_PREFIX", "Given", "distrusted", "file_name", "given", "inspect", "make", "make_app"]


def make(extension: Extension, folder: Path) -> Path:
    """Writes the bundle that is installed for `extension`, under its `file_name`, into `folder`; returns its path.

    For a kext that is the kext; for a system extension the app that carries it, and that asks for it by
    `NAME activate BUNDLEID` and `NAME deactivate BUNDLEID`. Raises UsageError for names that cannot be a file's and
    NotPossible for what is not made.
    """
    if extension.kind is not ExtensionKind.KEXT:
        return make_app([extension], folder)
    from kextrel.bundles.kext import make_kext

    return make_kext(extension, folder)


def make_app(extensions: Sequence[Extension], folder: Path) -> Path:
    """Writes an app that carries all `extensions`; see `app.make_app`."""
    from kextrel.bundles.app import make_app as made

    return made(extensions, folder)


def file_name(extension: Extension) -> str:
    """Under what name `make` writes it: no other extension's is the same."""
    if extension.kind is ExtensionKind.KEXT:
        return kext_name(extension)
    return f"{app_name([extension])}.app"


def inspect(path: Path | str, now: datetime | None = None) -> Inspected:
    """Everything that a bundle, a package or an archive says of its bundles; see `reading.inspect`."""
    from kextrel.bundles.reading import inspect as read

    return read(path, now)
