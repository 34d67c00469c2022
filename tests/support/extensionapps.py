"""Applications that carry a system extension, for tests that put them on a virtual Mac's disk themselves."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from kextrel.bundles import make
from kextrel.vocabulary import Category, Extension, ExtensionKind


@cache
def files(name: str, bundle_id: str, version: str, category: Category) -> dict[str, bytes]:
    """The application's files as `bundles` makes it, by path below it; made once for all tests."""
    with TemporaryDirectory() as folder:
        made = Extension(name, ExtensionKind.SYSTEM_EXTENSION, bundle_id, version=version, category=category)
        app = make(made, Path(folder))
        return {str(path.relative_to(app)): path.read_bytes() for path in app.rglob("*") if path.is_file()}
