"""`extensions:`, the extensions that a scenario is about: fields and defaults, which are those of design.md."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from kextrel import yamltext
from kextrel.scenario.fields import (
    Fields,
    Place,
    bundle_id,
    flag,
    list_of,
    matching,
    one_of,
    team_id,
    text,
    version,
    word_of,
)
from kextrel.scenario.given import SAMPLE_TEAM, sample_id
from kextrel.vocabulary import Category, Extension, ExtensionKind, Signature
from kextrel.vocabulary.kpi import c_name
from kextrel.yamltext import Node

__all__ = ["read_extension"]

_COMMON_FIELDS = ("kind", "bundle_id", "team_id", "version", "signature", "bundle")
_KEXT_FIELDS = (
    "notarized",
    "architectures",
    "libraries",
    "symbols",
    "user_client",
    "banned",
    "path",
    "installed_before",
)
_SYSTEM_EXTENSION_FIELDS = ("category", "entitlements", "early_boot", "app_in_applications")
_absolute = matching(r"/.*", "an absolute path such as /Library/Extensions")
_ARCHITECTURES = ("arm64e", "x86_64", "arm64", "i386")


def read_extension(name: str, node: Node, place: Place) -> tuple[Extension, dict[str, Any]]:
    """Types one entry of `extensions:`; the fields that it may have follow from its `kind`. Also what was written."""
    everything = Fields(node, place, (*_COMMON_FIELDS, *_KEXT_FIELDS, *_SYSTEM_EXTENSION_FIELDS))
    kind = everything.get("kind", word_of(ExtensionKind), ExtensionKind.KEXT)
    fields = Fields(node, place.inside(f"{place.what}, a {kind}"), (*_COMMON_FIELDS, *_fields_of(kind)))
    common = Extension(
        name=name,
        kind=fields.get("kind", word_of(ExtensionKind), ExtensionKind.KEXT),
        bundle_id=_bundle_id(name, fields),
        team_id=fields.get("team_id", team_id, SAMPLE_TEAM),
        version=fields.get("version", text, "1.0"),
        signature=fields.get("signature", word_of(Signature), Signature.DEVELOPER_ID),
        bundle=_beside(place.path, fields.get_or_none("bundle", text)),
    )
    if common.bundle is not None and kind is ExtensionKind.KEXT and not common.bundle.endswith(".kext"):
        raise fields.place.wrong(f"the bundle of a kext is a .kext, not {common.bundle}", fields.at("bundle"))
    typed = _kext(fields, common) if kind is ExtensionKind.KEXT else _system_extension(fields, common)
    return typed, fields.written


def _bundle_id(name: str, fields: Fields) -> str:
    """What is written; left out, one made of the extension's name, which must then be fit for it."""
    if fields.has("bundle_id"):
        return fields.need("bundle_id", bundle_id)
    node = yamltext.Scalar(sample_id(name), fields.node.line)
    return bundle_id(node, fields.place.field("bundle_id"))


def _beside(path: str, bundle: str | None) -> str | None:
    """A relative path of a bundle is meant from the folder of the file that names it."""
    return None if bundle is None else str(Path(path).parent / bundle)


def _fields_of(kind: ExtensionKind) -> tuple[str, ...]:
    return _KEXT_FIELDS if kind is ExtensionKind.KEXT else _SYSTEM_EXTENSION_FIELDS


def _kext(fields: Fields, common: Extension) -> Extension:
    return replace(
        common,
        notarized=fields.get("notarized", flag, True),
        architectures=_architectures(fields),
        libraries=frozenset(fields.get("libraries", list_of(text), ("com.apple.kpi.bsd",))),
        symbols=frozenset(map(c_name, fields.get("symbols", list_of(text), ()))),
        user_client=fields.get("user_client", flag, False),
        banned=fields.get("banned", flag, False),
        path=fields.get("path", _absolute, "/Library/Extensions"),
        installed_before=fields.get_or_none("installed_before", version),
    )


def _architectures(fields: Fields) -> frozenset[str]:
    found = fields.get("architectures", list_of(one_of(*_ARCHITECTURES)), ("arm64e", "x86_64"))
    if not found:
        raise fields.place.wrong("a kext needs at least one architecture", fields.at("architectures"), "write [arm64e]")
    return frozenset(found)


def _system_extension(fields: Fields, common: Extension) -> Extension:
    entitled = fields.need("entitlements", list_of(text)) if fields.has("entitlements") else None
    return replace(
        common,
        category=fields.get("category", word_of(Category), Category.ENDPOINT_SECURITY),
        entitlements=None if entitled is None else frozenset(entitled),
        early_boot=fields.get("early_boot", flag, False),
        app_in_applications=fields.get("app_in_applications", flag, True),
    )
