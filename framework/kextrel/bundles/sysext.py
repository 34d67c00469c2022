"""Makes a system extension as a scenario describes it: a .systemextension, or a driver's .dext, which is a flat bundle.

Info.plists are as Apple's documentation of each kind requires them: "Bundle Resources: NSEndpointSecurityEarlyBoot",
"NetworkExtension" and "Creating a Driver Using the DriverKit SDK".
"""

from __future__ import annotations

import plistlib
from pathlib import Path

from kextrel.bundles.entitlements import of_extension
from kextrel.bundles.executable import DRIVER_LIBRARIES, USER_ARCHITECTURES, Platform, executable_slice
from kextrel.bundles.macho import universal
from kextrel.bundles.parts import damage, identity_of, write
from kextrel.bundles.resources import seal
from kextrel.bundles.signature import Seal, sign
from kextrel.errors import NotPossible, UsageError
from kextrel.vocabulary import Category, Extension, Signature

__all__ = ["bundle_name", "make_extension", "slices_of"]

_SYSTEM = "/usr/lib/libSystem.B.dylib"
_LIBRARIES = {
    Category.ENDPOINT_SECURITY: ("/usr/lib/libEndpointSecurity.dylib", _SYSTEM),
    Category.NETWORK: ("/System/Library/Frameworks/NetworkExtension.framework/Versions/A/NetworkExtension", _SYSTEM),
    Category.DRIVER: (DRIVER_LIBRARIES,),
}
_PROVIDERS = {
    "com.apple.networkextension.app-proxy": "AppProxyProvider",
    "com.apple.networkextension.dns-proxy": "DNSProxyProvider",
    "com.apple.networkextension.filter-data": "FilterDataProvider",
    "com.apple.networkextension.packet-tunnel": "PacketTunnelProvider",
}
_FOR_USER_SPACE = {"arm64e": "arm64"}  # a third party's programme has no arm64e slice [Apple, "Preparing Your App"]


def make_extension(extension: Extension, folder: Path) -> Path:
    """Writes the extension, under its `bundle_name`, into `folder` and returns its path."""
    bundle = folder / bundle_name(extension)
    flat = extension.category is Category.DRIVER
    contents = bundle if flat else bundle / "Contents"
    info, resources = plistlib.dumps(_info(extension)), seal({})
    write(contents / "Info.plist", info)
    place = contents if flat else contents / "MacOS"
    write(place / extension.bundle_id, _executable(extension, info, resources), executable=True)
    if extension.signature is not Signature.NONE:
        write(contents / "_CodeSignature" / "CodeResources", resources)
    return bundle


def bundle_name(extension: Extension) -> str:
    """sysextd finds an extension by a file name that is its identifier."""
    return f"{extension.bundle_id}.{'dext' if extension.category is Category.DRIVER else 'systemextension'}"


def slices_of(extension: Extension) -> list[str]:
    """The slices of its executable, in user space's words; both kinds of Mac unless the scenario says otherwise."""
    found = sorted({_FOR_USER_SPACE.get(name, name) for name in extension.architectures})
    if not found:
        raise UsageError(f"extension '{extension.name}': a system extension needs at least one architecture")
    for name in found:
        if name not in USER_ARCHITECTURES:
            raise NotPossible(f"not implemented: making a slice for {name} of '{extension.name}'")
    return found


def _executable(extension: Extension, info: bytes, resources: bytes) -> bytes:
    category = extension.category or Category.ENDPOINT_SECURITY
    platform = Platform.DRIVERKIT if category is Category.DRIVER else Platform.MACOS
    return universal(
        [
            _signed(
                executable_slice(name, extension.bundle_id, extension.version, _LIBRARIES[category], platform),
                extension,
                (info, resources),
            )
            for name in slices_of(extension)
        ]
    )


def _signed(thin: bytes, extension: Extension, sealed: tuple[bytes, bytes]) -> bytes:
    if extension.signature is Signature.NONE:
        return thin
    identity = identity_of(extension)
    team = extension.team_id if identity else None
    signed = sign(thin, Seal(extension.bundle_id, team, *sealed, identity, of_extension(extension), executable=True))
    return damage(signed) if extension.signature is Signature.BROKEN else signed


def _info(extension: Extension) -> dict[str, object]:
    name = extension.bundle_id.rsplit(".", 1)[-1]
    info: dict[str, object] = {
        "CFBundleDevelopmentRegion": "en",
        "CFBundleDisplayName": name,
        "CFBundleExecutable": extension.bundle_id,
        "CFBundleIdentifier": extension.bundle_id,
        "CFBundleInfoDictionaryVersion": "6.0",
        "CFBundleName": name,
        "CFBundlePackageType": "DEXT" if extension.category is Category.DRIVER else "SYSX",
        "CFBundleShortVersionString": extension.version,
        "CFBundleVersion": extension.version,
    }
    return info | _particular(extension, name)


def _particular(extension: Extension, name: str) -> dict[str, object]:
    """What the Info.plist of one kind has and the others have not."""
    if extension.category is Category.DRIVER:
        personality = {
            "CFBundleIdentifier": extension.bundle_id,
            "CFBundleIdentifierKernel": "com.apple.kpi.iokit",
            "IOClass": "IOUserService",
            "IOMatchCategory": extension.bundle_id,
            "IOProviderClass": "IOUserResources",
            "IOResourceMatch": "IOKit",
            "IOUserClass": name,
            "IOUserServerName": extension.bundle_id,
        }
        reason = {
            "OSBundleUsageDescription": "A sample driver of Kextrel's tests.",
            "OSMinimumDriverKitVersion": "19.0",
        }
        return {**reason, "IOKitPersonalities": {name: personality}}
    kept: dict[str, object] = {
        "LSMinimumSystemVersion": "10.15",
        "NSSystemExtensionUsageDescription": "A sample extension of Kextrel's tests.",
    }
    mach_service = f"{extension.team_id}.{extension.bundle_id}"
    if extension.category is Category.NETWORK:
        return kept | {"NetworkExtension": {"NEMachServiceName": mach_service, "NEProviderClasses": _PROVIDERS}}
    early = {"NSEndpointSecurityEarlyBoot": True} if extension.early_boot else {}
    return kept | {"NSEndpointSecurityMachServiceName": mach_service} | early
