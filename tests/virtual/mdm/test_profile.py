from __future__ import annotations

import json
import plistlib
from pathlib import Path

import pytest

from kextrel.virtual.mdm.profile import judged, parse
from kextrel.virtual.mdm.refusal import Refusal

SCHEMA = json.loads((Path(__file__).parent / "data" / "schema.json").read_text())
KEXTS = "com.apple.syspolicy.kernel-extension-policy"
SYSTEM = "com.apple.system-extension-policy"
TEAM = "KXTRL00001"


def _code(content: object) -> tuple[str, int]:
    with pytest.raises(Refusal) as caught:
        parse(content if isinstance(content, bytes) else plistlib.dumps(content))
    chain = caught.value.chain()
    assert chain[0]["LocalizedDescription"] == str(caught.value)
    return caught.value.domain, caught.value.code


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_a_profile_is_read_in_both_forms(make_profile, form):
    profile = parse(plistlib.dumps(make_profile("com.example.p", {"PayloadType": KEXTS}), fmt=form))
    assert (profile.identifier, profile.types) == ("com.example.p", {KEXTS})


@pytest.mark.parametrize("key", SCHEMA["top_level_required"])
def test_a_profile_without_a_required_key_is_refused(make_profile, key):
    content = make_profile("com.example.p", {"PayloadType": KEXTS})
    del content[key]
    assert _code(content) == ("MCProfileErrorDomain", 1002)


@pytest.mark.parametrize("key", SCHEMA["payload_required"])
def test_a_payload_without_a_required_key_is_refused(make_profile, key):
    content = make_profile("com.example.p", {"PayloadType": KEXTS})
    del content["PayloadContent"][0][key]
    assert _code(content) == ("MCPayloadErrorDomain", 2002)


@pytest.mark.parametrize(
    "change",
    [
        {"PayloadType": "Profile"},
        {"PayloadVersion": 2},
        {"PayloadVersion": True},
        {"PayloadIdentifier": 7},
        {"PayloadIdentifier": ""},
        {"PayloadContent": {}},
        {"PayloadContent": ["x"]},
        {"IsEncrypted": True},
    ],
)
def test_a_profile_of_the_wrong_form_is_refused(make_profile, change):
    assert _code({**make_profile("com.example.p", {"PayloadType": KEXTS}), **change})[0] == "MCProfileErrorDomain"


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (KEXTS, {"AllowUserOverrides": "yes"}),
        (KEXTS, {"AllowedTeamIdentifiers": TEAM}),
        (KEXTS, {"AllowedTeamIdentifiers": [1]}),
        (KEXTS, {"AllowedKernelExtensions": {TEAM: "com.example.a"}}),
        (SYSTEM, {"AllowedSystemExtensions": [TEAM]}),
        (SYSTEM, {"AllowedTeamIdentifiers": [TEAM], "AllowedSystemExtensions": {TEAM: ["com.example.a"]}}),
        (SYSTEM, {"AllowedSystemExtensionTypes": {TEAM: ["CameraExtension"]}}),
        (
            SYSTEM,
            {
                "RemovableSystemExtensions": {TEAM: ["com.example.a"]},
                "NonRemovableSystemExtensions": {TEAM: ["com.example.a"]},
            },
        ),
    ],
)
def test_a_policy_that_says_nonsense_is_refused(make_profile, kind, keys):
    content = make_profile("com.example.p", {"PayloadType": kind, **keys})
    assert _code(content) == ("MCPayloadErrorDomain", 2003)


def test_removable_and_fixed_in_settings_may_overlap(make_profile):
    both = {"RemovableSystemExtensions": {TEAM: ["a"]}, "NonRemovableFromUISystemExtensions": {TEAM: ["a"]}}
    assert parse(plistlib.dumps(make_profile("p", {"PayloadType": SYSTEM, **both}))).types == {SYSTEM}


def test_an_identifier_stands_once_in_a_profile(make_profile):
    payload = {"PayloadType": KEXTS, "PayloadIdentifier": "same"}
    assert _code(make_profile("com.example.p", payload, payload)) == ("MCProfileErrorDomain", 1007)


HOSTILE = (
    b"",
    b"bplist00" + b"\xff" * 64,
    b'<!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><plist><string>&b;</string></plist>',
    b'<!DOCTYPE plist [<!ENTITY x SYSTEM "file:///etc/hostname">]><plist><string>&x;</string></plist>',
    b"<plist>" + b"<array>" * 20_000 + b"</array>" * 20_000 + b"</plist>",
    b"<plist><dict><key>PayloadIdentifier</key></dict></plist>",
    b"<plist version='1.0'><string>" + b"a" * (1 << 20) + b"</string></plist>",
)


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_hostile_is_malformed_and_nothing_worse(data):
    assert _code(data) == ("MCProfileErrorDomain", 1000)


@pytest.mark.parametrize(
    ("enrollment", "taken"), [("device", True), ("automated-device", True), ("user", False), ("none", False)]
)
@pytest.mark.parametrize("kind", [KEXTS, SYSTEM])
def test_policies_need_an_enrollment_that_counts_as_user_approved(make_profile, kind, enrollment, taken):
    profile = parse(plistlib.dumps(make_profile("com.example.p", {"PayloadType": kind})))
    if taken:
        assert judged(profile, enrollment) is profile
    else:
        with pytest.raises(Refusal, match="user approved MDM server"):
            judged(profile, enrollment)


def test_other_payloads_are_taken_under_user_enrollment_but_no_second_mdm(make_profile):
    harmless = parse(plistlib.dumps(make_profile("com.example.p", {"PayloadType": "com.apple.dock"})))
    assert judged(harmless, "user") is harmless
    with pytest.raises(Refusal, match="managed already"):
        judged(parse(plistlib.dumps(make_profile("com.example.p", {"PayloadType": "com.apple.mdm"}))), "device")
