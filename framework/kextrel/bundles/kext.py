"""Makes a .kext as a scenario describes it: Info.plist, a Mach-O of type kext bundle, a signature of the asked kind."""

from __future__ import annotations

import plistlib
from pathlib import Path

from kextrel.bundles.macho import ARCHITECTURES, kext_slice, universal
from kextrel.bundles.names import kext_name
from kextrel.bundles.parts import check, damage, identity_of, write
from kextrel.bundles.signature import Seal, sign
from kextrel.bundles.ticket import ticket
from kextrel.errors import NotPossible, UsageError
from kextrel.vocabulary import Extension, Signature

__all__ = ["make_kext"]

_KPI_VERSION = "8.0.0"


def make_kext(extension: Extension, folder: Path) -> Path:
    """Writes the bundle, under its `kext_name`, into `folder` and returns its path.

    The Mach-O has a slice for each of `architectures`, imports `symbols`, and is signed as `signature` says by the test
    authority, which only virtual Macs trust; the test notary's ticket is stapled to it where it is `notarized`, which
    nobody can be with a bad signature. Raises UsageError for an identifier that cannot be a file's name and NotPossible
    for another architecture.
    """
    _refuse_what_is_not_made(extension)
    name = extension.bundle_id.rsplit(".", 1)[-1]
    bundle = folder / kext_name(extension)
    info = plistlib.dumps(_info(extension, name))
    resources = _code_resources()
    write(bundle / "Contents" / "Info.plist", info)
    slices = _slices(extension, info, resources)
    write(bundle / "Contents" / "MacOS" / name, universal(slices), executable=True)
    if extension.notarized and extension.signature is Signature.DEVELOPER_ID:
        write(bundle / "Contents" / "CodeResources", ticket(slices))
    if extension.signature is not Signature.NONE:
        write(bundle / "Contents" / "_CodeSignature" / "CodeResources", resources)
    return bundle


def _refuse_what_is_not_made(extension: Extension) -> None:
    check(extension)
    for architecture in sorted(extension.architectures - set(ARCHITECTURES)):
        raise NotPossible(f"not implemented: making a slice for {architecture} of '{extension.name}'")


def _info(extension: Extension, name: str) -> dict[str, object]:
    info: dict[str, object] = {
        "CFBundleDevelopmentRegion": "en",
        "CFBundleExecutable": name,
        "CFBundleIdentifier": extension.bundle_id,
        "CFBundleInfoDictionaryVersion": "6.0",
        "CFBundleName": name,
        "CFBundlePackageType": "KEXT",
        "CFBundleShortVersionString": extension.version,
        "CFBundleVersion": extension.version,
        "LSMinimumSystemVersion": "10.13",
        "OSBundleLibraries": dict.fromkeys(sorted(extension.libraries), _KPI_VERSION),
    }
    if extension.user_client:
        personality = {
            "CFBundleIdentifier": extension.bundle_id,
            "IOClass": name,
            "IOMatchCategory": name,
            "IOProviderClass": "IOResources",
            "IOUserClientClass": f"{name}UserClient",
        }
        info["IOKitPersonalities"] = {name: personality}
    return info


def _code_resources() -> bytes:
    """The seal over the bundle's other files: this one has none, so only the rules."""
    rules = {"^.*": True, "^version.plist$": True}
    exclusions = {"^Info\\.plist$": {"omit": True, "weight": 20.0}, "^PkgInfo$": {"omit": True, "weight": 20.0}}
    return plistlib.dumps({"files": {}, "files2": {}, "rules": rules, "rules2": {**rules, **exclusions}})


def _slices(extension: Extension, info: bytes, resources: bytes) -> list[bytes]:
    slices = []
    for architecture in sorted(extension.architectures):
        thin = kext_slice(architecture, extension.bundle_id, extension.version, sorted(extension.symbols))
        slices.append(_signed(thin, extension, info, resources))
    if not slices:
        raise UsageError(f"extension '{extension.name}': a kext needs at least one architecture")
    return slices


def _signed(thin: bytes, extension: Extension, info: bytes, resources: bytes) -> bytes:
    if extension.signature is Signature.NONE:
        return thin
    identity = identity_of(extension)
    team = extension.team_id if identity else None
    signed = sign(thin, Seal(extension.bundle_id, team, info, resources, identity))
    return damage(signed) if extension.signature is Signature.BROKEN else signed
