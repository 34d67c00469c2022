"""What was found, as JSON values: the form `kextrel/inspect/v1`, to which later versions only add."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kextrel.bundles.reading.found import Code, Component, Inspected, Installer, Remark

__all__ = ["inspected_json", "plain", "printable"]

_NUMBER_BITS = 64  # of an integer that every reader of JSON can have
SCHEMA = "kextrel/inspect/v1"


def inspected_json(found: Inspected) -> dict[str, Any]:
    """One object. Times are ISO 8601 in UTC, binary values base64; what is not known is null."""
    return {
        "schema": SCHEMA,
        "file": printable(found.path),
        "kind": found.kind,
        "packages": [_installer(one) for one in found.installers],
        "bundles": [_component(one) for one in found.components],
    }


def _installer(one: Installer) -> dict[str, Any]:
    return {
        "identifier": printable(one.identifier),
        "version": printable(one.version),
        "location": printable(one.location),
        "scripts": [printable(name) for name in one.scripts],
        "signature": _code(one.code) | {"stapled": one.stapled},
    }


def _component(one: Component) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "path": printable(one.path),
        "inside": _maybe(one.inside),
        "package": _maybe(one.package),
        "installed_at": _maybe(one.installed_at),
        "bundle_id": printable(one.bundle_id),
        "version": printable(one.version),
        "short_version": printable(one.short_version),
        "team_id": printable(one.code.team_id),
        "architectures": [
            {
                "name": part.architecture,
                "size": part.size,
                "type": part.file_type,
                "platform": part.platform,
                "minimum": part.minimum,
                "linked": [printable(name) for name in part.libraries],
                "undefined": [printable(name) for name in part.undefined],
            }
            for part in one.slices
        ],
        "minimum_macos": _maybe(one.minimum_macos),
        "needs_macos": one.needs_macos,
        "signature": _code(one.code) | {"counts_as": one.standing.value, "stapled": one.stapled},
        "notarization": one.notarization,
        "entitlements": plain(one.code.entitlements),
        "category": one.category.value if one.category else None,
        "category_name": _maybe(one.category_name),
        "early_boot": one.early_boot,
        "personalities": [printable(name) for name in one.personalities],
        "libraries": {printable(name): printable(version) for name, version in sorted(one.libraries.items())},
        "user_client": one.user_client,
        "user_loadable": one.user_loadable,
        "kpi": [
            {
                "rule": use.rule,
                "name": use.name,
                "shown_by": list(map(str, use.shown_by)),
                "deprecated": use.deprecated,
                "unsupported": use.unsupported,
                "replacement": use.replacement or None,
            }
            for use in one.kpi
        ],
        "kpi_by_release": dict(one.kpi_by_release),
        "remarks": [_remark(remark) for remark in one.remarks],
    }


def _code(code: Code) -> dict[str, Any]:
    return {
        "present": code.present,
        "signer": code.signer.value,
        "identifier": _maybe(code.identifier or None),
        "team_id": _maybe(code.team_id or None),
        "developer": _maybe(code.developer or None),
        "anchor": code.anchor or None,
        "signed_at": _time(code.signed_at),
        "timestamped": code.timestamped,
        "valid_until": _time(code.valid_until),
        "expired": code.expired,
        "may_sign_kexts": code.may_sign_kexts,
        "hardened_runtime": code.hardened_runtime,
        "damage": [printable(one) for one in code.damage],
    }


def _remark(remark: Remark) -> dict[str, Any]:
    return {"level": remark.level, "text": printable(remark.text), "rules": list(remark.rules)}


def plain(value: object) -> Any:
    """A value of a property list, or of JSON, as JSON has it and a terminal bears it."""
    if isinstance(value, Mapping):
        return {printable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return _time(value.replace(tzinfo=UTC))
    if isinstance(value, int) and value.bit_length() > _NUMBER_BITS:
        return hex(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def printable(text: str) -> str:
    """What names of strangers may do to a terminal, they do not: control characters and lone surrogates are escaped."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii", "backslashreplace") for one in text
    )


def _maybe(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
