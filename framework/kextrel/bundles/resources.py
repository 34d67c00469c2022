"""The seal over a bundle's files: _CodeSignature/CodeResources, as codesign(1) writes it for an app.

The rules are codesign's own defaults. Library/SystemExtensions is not among the places of nested code that they name,
so codesign seals every file of an extension there as a resource, its executable and its own signature among them.
Source: Security's bundlediskrep.cpp, resource envelope version 2.
"""

from __future__ import annotations

import hashlib
import plistlib
from collections.abc import Mapping

__all__ = ["seal"]

_NESTED = (
    "^(Frameworks|SharedFrameworks|PlugIns|Plug-ins|XPCServices|Helpers|MacOS"
    "|Library/(Automator|Spotlight|LoginItems))/"
)
_LOCALIZED: dict[str, object] = {
    "^Resources/.*\\.lproj/": {"optional": True, "weight": 1000.0},
    "^Resources/.*\\.lproj/locversion.plist$": {"omit": True, "weight": 1100.0},
    "^Resources/Base\\.lproj/": {"weight": 1010.0},
}
_RULES: dict[str, object] = {"^Resources/": True, "^version.plist$": True, **_LOCALIZED}
_RULES2: dict[str, object] = {
    ".*\\.dSYM($|/)": {"weight": 11.0},
    "^(.*/)?\\.DS_Store$": {"omit": True, "weight": 2000.0},
    _NESTED: {"nested": True, "weight": 10.0},
    "^.*": True,
    "^Info\\.plist$": {"omit": True, "weight": 20.0},
    "^PkgInfo$": {"omit": True, "weight": 20.0},
    "^Resources/": {"weight": 20.0},
    "^[^/]+$": {"nested": True, "weight": 10.0},
    "^embedded\\.provisionprofile$": {"weight": 20.0},
    "^version\\.plist$": {"weight": 20.0},
    **_LOCALIZED,
}


def seal(files: Mapping[str, bytes]) -> bytes:
    """CodeResources over `files`, by their path below Contents (of a flat bundle: below the bundle).

    The bundle's own Info.plist, PkgInfo, executable and signature are not among them: the signature holds those.
    """
    entries = {path: {"hash2": hashlib.sha256(content).digest()} for path, content in sorted(files.items())}
    return plistlib.dumps({"files": {}, "files2": entries, "rules": _RULES, "rules2": _RULES2})
