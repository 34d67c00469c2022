"""Makes the app that carries system extensions, and that activates and deactivates them when it is told to.

The app is always signed in order by its developer, over the extension as it is: what a scenario says of a signature,
and of damage, it says of the extension.
"""

from __future__ import annotations

import plistlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kextrel.bundles.entitlements import of_host
from kextrel.bundles.executable import USER_ARCHITECTURES, executable_slice
from kextrel.bundles.macho import universal
from kextrel.bundles.names import APP_PREFIX, app_name
from kextrel.bundles.parts import check, identity_of, write
from kextrel.bundles.resources import seal
from kextrel.bundles.signature import Seal, sign
from kextrel.bundles.sysext import make_extension, slices_of
from kextrel.errors import UsageError
from kextrel.vocabulary import Extension, ExtensionKind, Signature

__all__ = ["make_app"]

_PLACE = "Library/SystemExtensions"
_LIBRARIES = (
    "/System/Library/Frameworks/SystemExtensions.framework/Versions/A/SystemExtensions",
    "/System/Library/Frameworks/Foundation.framework/Versions/C/Foundation",
    "/usr/lib/libobjc.A.dylib",
    "/usr/lib/libSystem.B.dylib",
)


def make_app(extensions: Sequence[Extension], folder: Path) -> Path:
    """Writes the app that carries all `extensions`, under its `app_name`, into `folder` and returns its path.

    It and they are universal and signed by the test authority, which only virtual Macs trust; no ticket is stapled to
    the app, for nothing that sysextd does here needs one. Raises UsageError for none, for two with one identifier, of
    several teams or names that will not do, NotPossible for a slice that is not made.
    """
    _check_all(extensions)
    name = app_name(extensions)
    app = folder / f"{name}.app"
    for extension in extensions:
        make_extension(extension, app / "Contents" / _PLACE)
    info = plistlib.dumps(_info(extensions, name))
    resources = seal(_files(app / "Contents"))
    write(app / "Contents" / "Info.plist", info)
    write(app / "Contents" / "PkgInfo", b"APPL????")
    write(app / "Contents" / "MacOS" / name, _executable(extensions, info, resources, name), executable=True)
    write(app / "Contents" / "_CodeSignature" / "CodeResources", resources)
    return app


def _check_all(extensions: Sequence[Extension]) -> None:
    for extension in extensions:
        if extension.kind is not ExtensionKind.SYSTEM_EXTENSION:
            raise UsageError(f"extension '{extension.name}': an app carries system extensions, and this is a kext")
        check(extension)
        slices_of(extension)
    names = {extension.bundle_id for extension in extensions}
    teams = {extension.team_id for extension in extensions}
    if not extensions or len(names) < len(extensions) or len(teams) > 1:
        raise UsageError("an app carries extensions of one team, at least one, each with an identifier of its own")


def _files(contents: Path) -> dict[str, bytes]:
    paths = (path for path in contents.rglob("*") if path.is_file())
    return {path.relative_to(contents).as_posix(): path.read_bytes() for path in paths}


def _info(extensions: Sequence[Extension], name: str) -> dict[str, object]:
    return {
        "CFBundleDevelopmentRegion": "en",
        "CFBundleDisplayName": name,
        "CFBundleExecutable": name,
        "CFBundleIdentifier": _identifier(extensions),
        "CFBundleInfoDictionaryVersion": "6.0",
        "CFBundleName": name,
        "CFBundlePackageType": "APPL",
        "CFBundleShortVersionString": extensions[0].version,
        "CFBundleSupportedPlatforms": ["MacOSX"],
        "CFBundleVersion": extensions[0].version,
        "LSMinimumSystemVersion": "10.15",
        "LSUIElement": True,
        "NSSystemExtensionUsageDescription": "An app of Kextrel's tests.",
    }


def _identifier(extensions: Sequence[Extension]) -> str:
    """An identifier of its own: sysextd knows an app by it."""
    return f"{app_name(extensions).removeprefix(APP_PREFIX)}.host"


def _executable(extensions: Sequence[Extension], info: bytes, resources: bytes, name: str) -> bytes:
    good = replace(extensions[0], signature=Signature.DEVELOPER_ID if extensions[0].team_id else Signature.AD_HOC)
    identity, team = identity_of(good), good.team_id or None
    slices = []
    for architecture in USER_ARCHITECTURES:
        thin = executable_slice(architecture, name, good.version, _LIBRARIES)
        sealed = Seal(_identifier(extensions), team, info, resources, identity, of_host(extensions), executable=True)
        slices.append(sign(thin, sealed))
    return universal(slices)
