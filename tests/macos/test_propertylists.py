"""Readers of property lists: the file, its pretty-printed forms, other tools' views of it; hostile ones."""

from __future__ import annotations

import datetime
import json
import plistlib
from xml.parsers.expat import ExpatError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kextrel.errors import UnreadableAnswer
from kextrel.macos import extensionstore, installed, mobileconfig, plisttext, plistxml, profiler

STORE = {
    "developerMode": False,
    "extensions": [
        {
            "identifier": "com.example.filter",
            "teamID": "KXTRL00001",
            "state": "activated_enabled",
            "categories": ["com.apple.system_extension.network_extension"],
            "bundleVersion": {"CFBundleShortVersionString": "1.0", "CFBundleVersion": "7"},
            "stagedBundleURL": {"relative": "file:///Library/SystemExtensions/U/com.example.filter.systemextension/"},
            "originPath": "/Applications/Lab.app",
        },
        {"identifier": "com.example.filter", "teamID": "KXTRL00001", "state": "terminating_for_upgrade_via_delegate"},
    ],
    "extensionPolicies": [{"allowedTeams": ["KXTRL00001"]}],
}
PLUTIL = """\
{
  "developerMode" => 0
  "extensionPolicies" => [
    0 => {
      "allowedTeams" => [
        0 => "KXTRL00001"
      ]
    }
  ]
  "extensions" => [
    0 => {
      "bundleVersion" => {
        "CFBundleShortVersionString" => "1.0"
        "CFBundleVersion" => "7"
      }
      "categories" => [
        0 => "com.apple.system_extension.network_extension"
      ]
      "identifier" => "com.example.filter"
      "originPath" => "/Applications/Lab.app"
      "stagedBundleURL" => {
        "relative" => "file:///Library/SystemExtensions/U/com.example.filter.systemextension/"
      }
      "state" => "activated_enabled"
      "teamID" => "KXTRL00001"
    }
    1 => {
      "identifier" => "com.example.filter"
      "state" => "terminating_for_upgrade_via_delegate"
      "teamID" => "KXTRL00001"
    }
  ]
}
"""


def defaults(text: str) -> str:
    """The same as `defaults read` prints it."""
    lines = []
    for line in text.splitlines():
        bare = line.strip().partition(" => ")[2] if line.strip()[:1].isdigit() else line.strip()
        item = bare.replace(" => ", " = ").replace("[", "    (").replace("]", ")")
        opens = item.endswith(("{", "("))
        lines.append(item if opens else item + (";" if "=" in item else "," if item.startswith('"') else ""))
    return "\n".join(lines)


def buddy(text: str) -> str:
    """The same as PlistBuddy prints it."""
    lines = []
    for line in text.splitlines():
        item = line.strip().partition(" => ")[2] if line.strip()[:1].isdigit() else line.strip()
        item = item.replace('"', "").replace(" => ", " = ").replace("]", "}")
        lines.append(item.replace("{", "Dict {").replace("[", "Array {"))
    return "\n".join(lines)


FORMS = {
    "xml": plistlib.dumps(STORE),
    "xml with a banner": b"sudo: unable to resolve host mini\n" + plistlib.dumps(STORE) + b"\n$ ",
    "binary": plistlib.dumps(STORE, fmt=plistlib.FMT_BINARY),
    "json": json.dumps(STORE).encode(),
    "plutil": PLUTIL.encode(),
    "defaults": defaults(PLUTIL).encode(),
    "PlistBuddy": buddy(PLUTIL).encode(),
}


@pytest.mark.parametrize("raw", FORMS.values(), ids=FORMS)
def test_the_store_in_every_form(raw):
    facts = extensionstore.read(raw).facts()
    first, second = facts["extensions"]
    assert (first["bundle_id"], first["version"], first["build"], first["state"]) == (
        *("com.example.filter", "1.0", "7", "activated_enabled"),
    )
    assert first["category"] == "com.apple.system_extension.network_extension"
    assert first["path"].endswith("/com.example.filter.systemextension/")
    assert (second["state"], second["version"], second["category"]) == (
        "terminating_for_upgrade_via_delegate",
        None,
        None,
    )
    assert facts["states"] == ["activated_enabled", "terminating_for_upgrade_via_delegate"]
    assert (facts["developer_mode"], facts["policies"]) == (False, [{"allowedTeams": ["KXTRL00001"]}])


def test_a_store_without_records_is_an_answer_and_what_is_not_said_is_none():
    facts = extensionstore.read(plistlib.dumps({"extensions": []})).facts()
    assert (facts["count"], facts["developer_mode"], facts["policies"]) == (0, None, None)


def test_osquery_draws_it():
    text = (
        "osquery> select identifier, team, state, version, mdm_managed from system_extensions;\n"
        "+--------------------+------------+-------------------+---------+-------------+\n"
        "| identifier         | team       | state             | version | mdm_managed |\n"
        "+--------------------+------------+-------------------+---------+-------------+\n"
        "| com.example.filter | KXTRL00001 | activated_enabled | 1.0     | 1           |\n"
        "+--------------------+------------+-------------------+---------+-------------+\n"
    )
    (one,) = extensionstore.read(text).facts()["extensions"]
    assert (one["team_id"], one["state"], one["mdm_managed"]) == ("KXTRL00001", "activated_enabled", True)


POLICY = {
    "PayloadType": "com.apple.system-extension-policy",
    "PayloadIdentifier": "a",
    "AllowUserOverrides": False,
    "AllowedSystemExtensions": {"KXTRL00001": ["com.example.filter"]},
    "AllowedSystemExtensionTypes": {"KXTRL00001": ["NetworkExtension"]},
    "NonRemovableSystemExtensions": {"KXTRL00001": []},
}
KEXTS = {
    "PayloadType": "com.apple.syspolicy.kernel-extension-policy",
    "AllowedKernelExtensions": {"": ["com.example.unsigned"]},
}
PROFILE = {"PayloadType": "Configuration", "PayloadContent": [{"PayloadType": "com.apple.wifi.managed"}, POLICY, KEXTS]}


def test_a_whole_profile_tells_of_its_extension_policies():
    facts = mobileconfig.read(plistlib.dumps(PROFILE)).facts()
    assert (facts["payload_type"], facts["allow_user_overrides"]) == ("com.apple.system-extension-policy", False)
    assert facts["allowed_extensions"] == {"KXTRL00001": ["com.example.filter"]}
    assert facts["allowed_types"] == {"KXTRL00001": ["NetworkExtension"]}
    assert (facts["allowed_teams"], facts["removable"], facts["non_removable"]) == (None, None, {"KXTRL00001": []})
    assert [one["payload_type"] for one in facts["payloads"]] == [
        *("Configuration", "com.apple.wifi.managed", POLICY["PayloadType"], KEXTS["PayloadType"]),
    ]
    assert facts["payloads"][3]["allowed_kexts"] == {"": ["com.example.unsigned"]}


def test_a_signed_profile_is_read_inside_its_envelope():
    signed = b"0\x80\x06\t*\x86H\x86\xf7\r\x01\x07\x02" + plistlib.dumps(POLICY) + b"\x00\x00\xa0\x82"
    assert mobileconfig.read(signed).facts()["payload_type"] == "com.apple.system-extension-policy"


def test_profiles_as_a_property_list():
    content = {"AllowedTeamIdentifiers": ["KXTRL00001"]}
    items = [{"PayloadType": "com.apple.system-extension-policy", "PayloadContent": content}]
    shown = {
        "_computerlevel": [{"ProfileIdentifier": "lab.allow", "ProfileDisplayName": "Allow", "ProfileItems": items}]
    }
    answer = installed.read(plistlib.dumps(shown))
    assert answer.identifiers == {"lab.allow"}
    assert answer.policies is not None
    assert answer.policies[0].allowed_teams == ("KXTRL00001",)


HARDWARE = {
    "_name": "hardware_overview",
    "chip_type": "Apple M2",
    "machine_model": "Mac14,3",
    "machine_name": "Mac mini",
}
BRIDGE = {"ibridge_secure_boot": "Reduced Security", "ibridge_sb_sip": "Enabled", "ibridge_sb_other_kext": "Yes"}


def test_the_profiler_as_json_and_as_xml():
    as_json = json.dumps({"SPHardwareDataType": [HARDWARE]})
    as_xml = plistlib.dumps([{"_dataType": "SPHardwareDataType", "_items": [HARDWARE]}])
    for raw in (as_json, as_xml):
        facts = profiler.read_hardware(raw).facts()
        assert (facts["chip"], facts["model"], facts["arch"]) == ("Apple M2", "Mac14,3", "arm64")
    facts = profiler.read_bridge(json.dumps({"SPiBridgeDataType": [BRIDGE]})).facts()
    assert (facts["secure_boot"], facts["sip"], facts["allow_all_kexts"], facts["ssv"]) == (
        *("Reduced Security", "Enabled", True, None),
    )


ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    b"<plist><dict><key>PayloadType</key><string>&b;</string></dict></plist>"
)
HOSTILE = {
    "entities": ENTITIES,
    "xml without an end": b"<?xml version='1.0'?><plist><dict>" + b"<array>" * 10_000,
    "nested xml": b"<plist>" + b"<array>" * 20_000 + b"</array>" * 20_000 + b"</plist>",
    "nested json": b"[" * 100_000 + b"]" * 100_000,
    "nested braces": b"{\n" * 100_000,
    "binary rubbish": b"bplist00" + bytes(range(256)) * 20,
    "nothing": b"",
}


@pytest.mark.parametrize("read", [extensionstore.read, mobileconfig.read, profiler.read_hardware, installed.read])
@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_ones_are_refused(read, raw):
    with pytest.raises(UnreadableAnswer):
        read(raw)


EVERY_KIND = {
    "text": "a < b & \u00e9\n c",
    "": "",
    "whole": [1, -2, 0],
    "real": 1.5,
    "said": [True, False],
    "day": datetime.datetime(2025, 2, 19, 8, 56, 35),
    "bytes": b"\x00\xff" * 40,
    "nested": [[{}], [], {"a": {"b": "c"}}],
}


def test_xml_is_read_as_plistlib_reads_it():
    raw = plistlib.dumps(EVERY_KIND).decode()
    odd = raw.replace("<string></string>", "<string/>").replace("<integer>1<", "<integer>0x1<")
    commented = odd.replace("<key>whole</key>", "<!-- a comment --><key>who<![CDATA[le]]></key>")
    for text in (raw, commented, commented.replace("utf-8", "latin-1").replace("UTF-8", "latin-1")):
        assert plistxml.loads(text) == EVERY_KIND
    assert plistxml.loads("<plist></plist>") is None


_WORDS = st.text(max_size=6) | st.sampled_from(["<", "&", "]]>", "a b", "\n", "true"])
_SCALARS = (
    _WORDS | st.integers(-(1 << 70), 1 << 70) | st.booleans() | st.binary(max_size=4) | st.floats(allow_nan=False)
)
_LISTS = st.recursive(
    _SCALARS | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=8,
)
_MARKS = st.sampled_from(
    [
        *("<dict>", "</dict>", "<array/>", "<key>a</key>", "<true/>", "<true>", "<integer>0x1f</integer>", "&#65;"),
        *("&lt;", "<!-- a -->", "<![CDATA[b]]>", "<?a b?>", '<string a="b">', "\x00", "x", "</plist>", "<a>", "&x;"),
        "\ufffe",
    ]
)


@given(_LISTS, st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 9), _MARKS | st.just("")), max_size=2))
@settings(max_examples=200, deadline=None)
def test_the_short_way_through_xml_finds_what_expat_finds(value, damages):
    """The usual form is read without expat: that, and what is no longer of it after a damage, is the same by both."""
    try:
        text = plistlib.dumps({"top": value}).decode()
    except (ValueError, OverflowError):  # characters and numbers that no list may have
        return
    for place, gone, put in damages:
        at = place % len(text)
        text = text[:at] + put + text[at + gone :]
    assert _told(plistxml.loads, text) == _told(plistxml._any, text)


def _told(load, text):
    try:
        return repr(load(text))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, ExpatError):
        return "refused"


@pytest.mark.parametrize(
    "inside",
    [
        *("<dict><string>a</string></dict>", "<dict><key>a</key></dict>", "<dict><key>a</key><key>b</key></dict>"),
        *("<array><key>a</key></array>", "<key>a</key>", "<integer>one</integer>", "<dict><key></key></array></dict>"),
        *("<integer>0x10000000000000000</integer>", "<integer>-9223372036854775809</integer>"),
        *("<dict><key></key></dict><array><true/></array>", "<data>A</data>", "<date>today</date>", "<real>x</real>"),
    ],
)
def test_xml_that_is_no_property_list_has_no_tree(inside):
    assert plisttext.tree(f"<plist>{inside}</plist>") is None


def binary(*objects: bytes) -> bytes:
    """A binary property list of at most 255 objects, the first on top."""
    whole, offsets = b"bplist00", b""
    for one in objects:
        offsets += len(whole).to_bytes(2, "big")
        whole += one
    numbers = b"".join(number.to_bytes(8, "big") for number in (len(objects), 0, len(whole)))
    return whole + offsets + bytes(6) + b"\x02\x01" + numbers


# {"extensions": [what stands in object 3]}
STORE = (b"\xd1\x01\x02", b"\x5aextensions", b"\xa1\x03")
BOMBS = {
    "two references to two references": binary(*STORE, *(bytes([0xA2, n, n]) for n in range(4, 40)), b"\x51a"),
    "a number without an end": binary(*STORE, b"\x1d" + b"\x7f" * 8192),
    "nested binary": binary(*STORE, *(bytes([0xA1, n]) for n in range(4, 200)), b"\x51a"),
    "nested xml": b"<plist><dict><key>extensions</key>" + b"<array>" * 900 + b"</array>" * 900 + b"</dict></plist>",
}


@pytest.mark.parametrize("raw", BOMBS.values(), ids=BOMBS)
def test_what_would_be_endless_when_shown_is_refused(raw):
    with pytest.raises(UnreadableAnswer):
        extensionstore.read(raw)


def test_the_binary_form_is_written_as_it_is_read():
    assert plisttext.tree(binary(*STORE, b"\x51a")) == {"extensions": ["a"]}


def test_booleans_in_words():
    assert [plisttext.flag(word) for word in ("1", "YES", "true", 0, "no", False, "perhaps", None, 2, 1 << 20000)] == [
        *(True, True, True, False, False, False, None, None, None, None),
    ]
