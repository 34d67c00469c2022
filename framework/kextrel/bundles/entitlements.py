"""Entitlements: what a category needs, and the two blobs that a signature has them in.

The blobs are a property list (magic 0xFADE7171, slot 5) and the same dictionary in DER (magic 0xFADE7172, slot 7),
which macOS 12 and later read. Sources: <kern/cs_blobs.h>, CoreEntitlements' DER: an APPLICATION 16 of the version 1 and
a CONTEXT 16 of pairs, sorted by key; Apple's "System Extensions" and "Requesting Entitlements for DriverKit
Development".
"""

from __future__ import annotations

import plistlib
import struct
from collections.abc import Mapping, Sequence

from kextrel.vocabulary import Category, Extension

__all__ = ["INSTALL", "Entitlements", "der_blob", "of_extension", "of_host", "xml_blob"]

Value = bool | int | str | Sequence["Value"] | Mapping[str, "Value"]
Entitlements = Mapping[str, Value]

INSTALL = "com.apple.developer.system-extension.install"

_NETWORK = "com.apple.developer.networking.networkextension"
_GROUPS = "com.apple.security.application-groups"
_NETWORK_KINDS = (
    "app-proxy-provider-systemextension",
    "content-filter-provider-systemextension",
    "dns-proxy-systemextension",
    "packet-tunnel-provider-systemextension",
)
_NEEDED = {
    Category.ENDPOINT_SECURITY: ("com.apple.developer.endpoint-security.client",),
    Category.NETWORK: (_NETWORK, _GROUPS),
    Category.DRIVER: ("com.apple.developer.driverkit", "com.apple.security.app-sandbox"),
}
_XML_MAGIC, _DER_MAGIC = 0xFADE7171, 0xFADE7172
_APPLICATION_16, _CONTEXT_16 = 0x70, 0xB0
_BOOLEAN, _INTEGER, _UTF8, _SEQUENCE = 0x01, 0x02, 0x0C, 0x30


def of_extension(extension: Extension) -> Entitlements:
    """The entitlements that the scenario names, else those that the category needs; each with a fitting value."""
    names = extension.entitlements
    if names is None:
        names = frozenset(_NEEDED[extension.category or Category.ENDPOINT_SECURITY])
    return {name: _value(name, extension.team_id, extension.bundle_id) for name in sorted(names)}


def of_host(extensions: Sequence[Extension]) -> Entitlements:
    """An app's own: to install system extensions, and NetworkExtension's where it carries such a one."""
    found: dict[str, Value] = {INSTALL: True}
    if any(extension.category is Category.NETWORK for extension in extensions):
        found[_NETWORK] = list(_NETWORK_KINDS)
    return found


def xml_blob(entitlements: Entitlements) -> bytes:
    return _blob(_XML_MAGIC, plistlib.dumps(dict(entitlements)))


def der_blob(entitlements: Entitlements) -> bytes:
    return _blob(_DER_MAGIC, _tlv(_APPLICATION_16, _der(1) + _der(entitlements)))


def _value(name: str, team_id: str, bundle_id: str) -> Value:
    if name == _NETWORK:
        return list(_NETWORK_KINDS)
    if name == _GROUPS:
        return [f"{team_id}.{bundle_id}"]
    return True


def _blob(magic: int, content: bytes) -> bytes:
    return struct.pack(">2I", magic, 8 + len(content)) + content


def _der(value: Value) -> bytes:
    if isinstance(value, bool):
        return _tlv(_BOOLEAN, b"\xff" if value else b"\0")
    if isinstance(value, int):
        return _tlv(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if isinstance(value, str):
        return _tlv(_UTF8, value.encode())
    if isinstance(value, Mapping):
        pairs = (_tlv(_SEQUENCE, _der(key) + _der(value[key])) for key in sorted(value))
        return _tlv(_CONTEXT_16, b"".join(pairs))
    return _tlv(_SEQUENCE, b"".join(_der(one) for one in value))


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content
