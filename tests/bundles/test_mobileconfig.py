"""Profiles, held against what Apple's schema says of their keys (copied here in our own words)."""

from __future__ import annotations

import plistlib
from typing import Any

import pytest

from kextrel.bundles.mobileconfig import PREFIX, mobileconfig, profile_identifier
from kextrel.vocabulary import KernelPolicy, Profile, SystemPolicy

# Key -> type, of payloads, from Apple's schema; "lists" is a dictionary of team -> list of text.
TOP = {
    "PayloadContent": list,
    "PayloadDisplayName": str,
    "PayloadIdentifier": str,
    "PayloadOrganization": str,
    "PayloadScope": str,
    "PayloadType": str,
    "PayloadUUID": str,
    "PayloadVersion": int,
}
COMMON = {key: kind for key, kind in TOP.items() if key not in ("PayloadContent", "PayloadScope")}
SCHEMA: dict[str, dict[str, Any]] = {
    "com.apple.syspolicy.kernel-extension-policy": {
        "AllowNonAdminUserApprovals": bool,
        "AllowUserOverrides": bool,
        "AllowedTeamIdentifiers": list,
        "AllowedKernelExtensions": "lists",
    },
    "com.apple.system-extension-policy": {
        "AllowUserOverrides": bool,
        "AllowedTeamIdentifiers": list,
        "AllowedSystemExtensionTypes": "lists",
        "AllowedSystemExtensions": "lists",
        "RemovableSystemExtensions": "lists",
        "NonRemovableSystemExtensions": "lists",
        "NonRemovableFromUISystemExtensions": "lists",
    },
}
REQUIRED = {"PayloadIdentifier", "PayloadType", "PayloadUUID", "PayloadVersion"}

TEAM = {"KXTRL00001": frozenset({"com.example.kextrel.b", "com.example.kextrel.a"})}
WHOLE = Profile(
    "everything",
    KernelPolicy(frozenset({"KXTRL00002"}), {**TEAM, "": frozenset({"com.example.old"})}, True, False),
    SystemPolicy(
        frozenset({"KXTRL00002"}), TEAM, {"KXTRL00002": frozenset({"DriverExtension"})}, TEAM, TEAM, TEAM, False
    ),
)


def fits(value: Any, kind: Any) -> bool:
    if kind == "lists":
        return isinstance(value, dict) and all(fits(names, list) for names in value.values())
    if kind is list:
        return isinstance(value, list) and bool(value) and all(isinstance(item, str | dict) for item in value)
    return type(value) is kind


def held_against_the_schema(raw: bytes) -> dict[str, Any]:
    profile: dict[str, Any] = plistlib.loads(raw, fmt=plistlib.FMT_XML)
    assert profile.keys() <= TOP.keys()
    assert profile.keys() >= REQUIRED
    for payload in profile["PayloadContent"]:
        known = COMMON | SCHEMA[payload["PayloadType"]]
        assert payload.keys() <= known.keys()
        assert payload.keys() >= REQUIRED
        assert [key for key, value in payload.items() if not fits(value, known[key])] == []
    return profile


def test_every_key_of_the_schema_is_written_as_the_schema_says() -> None:
    profile = held_against_the_schema(mobileconfig(WHOLE))
    assert (profile["PayloadType"], profile["PayloadVersion"], profile["PayloadScope"]) == (
        "Configuration",
        1,
        "System",
    )
    kernel, system = profile["PayloadContent"]
    assert kernel.keys() >= SCHEMA[kernel["PayloadType"]].keys()
    assert system.keys() >= SCHEMA[system["PayloadType"]].keys()
    assert kernel["AllowedKernelExtensions"] == {
        "": ["com.example.old"],
        "KXTRL00001": ["com.example.kextrel.a", "com.example.kextrel.b"],
    }
    assert (kernel["AllowUserOverrides"], kernel["AllowNonAdminUserApprovals"]) == (True, False)
    assert system["AllowedSystemExtensionTypes"] == {"KXTRL00002": ["DriverExtension"]}
    assert system["AllowUserOverrides"] is False


def test_what_is_left_out_is_not_written() -> None:
    profile = held_against_the_schema(mobileconfig(Profile("bare", KernelPolicy(frozenset({"KXTRL00001"})))))
    (payload,) = profile["PayloadContent"]
    assert payload.keys() - COMMON.keys() == {"AllowedTeamIdentifiers"}
    (empty,) = held_against_the_schema(mobileconfig(Profile("none", None, SystemPolicy())))["PayloadContent"]
    assert empty.keys() == COMMON.keys()


def test_a_contradiction_stays_one() -> None:
    team = "KXTRL00001"
    policy = SystemPolicy(frozenset({team}), {team: frozenset({"a.b"})})
    (payload,) = held_against_the_schema(mobileconfig(Profile("both", None, policy)))["PayloadContent"]
    assert payload["AllowedTeamIdentifiers"] == [team]
    assert payload["AllowedSystemExtensions"] == {team: ["a.b"]}


def test_the_same_description_makes_the_same_bytes_and_another_other_uuids() -> None:
    assert mobileconfig(WHOLE) == mobileconfig(WHOLE)
    one = plistlib.loads(mobileconfig(Profile("p", KernelPolicy(frozenset({"A"})))))
    other = plistlib.loads(mobileconfig(Profile("p", KernelPolicy(frozenset({"B"})))))
    assert one["PayloadIdentifier"] == other["PayloadIdentifier"] == PREFIX + "p"
    uuids = {one["PayloadUUID"], other["PayloadUUID"], *(p["PayloadContent"][0]["PayloadUUID"] for p in (one, other))}
    assert len(uuids) == 4


@pytest.mark.parametrize("name", ["a b", "a/b", "a-b ", "ä", "x" * 300, "", "a\ud800"])
def test_names_that_are_no_identifiers_get_one_of_their_own(name: str) -> None:
    found = profile_identifier(name)
    assert found.isascii()
    assert found.startswith(PREFIX)
    assert len(found) < 150
    assert found != profile_identifier("a-b")
    assert " " not in found
