"""Under what names bundles are written and installed: no two extensions have the same."""

from __future__ import annotations

from collections.abc import Sequence

from kextrel.vocabulary import Extension

__all__ = ["APP_PREFIX", "app_name", "kext_name"]

APP_PREFIX = "Kextrel-"


def kext_name(extension: Extension) -> str:
    """`<bundle identifier>.kext`: no other kext is installed at that place."""
    return f"{extension.bundle_id}.kext"


def app_name(extensions: Sequence[Extension]) -> str:
    """ "Kextrel-" and the extension's identifier; for several what their identifiers begin with."""
    first = extensions[0].bundle_id
    return APP_PREFIX + (first if len(extensions) == 1 else _family(extensions) or first)


def _family(extensions: Sequence[Extension]) -> str:
    """The dotted beginning that all identifiers share."""
    shared = []
    for parts in zip(*(extension.bundle_id.split(".")[:-1] for extension in extensions), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared)
