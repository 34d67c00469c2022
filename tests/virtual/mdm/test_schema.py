"""What Macs say to their server, held to Apple's own schema (data/schema.json)."""

from __future__ import annotations

import base64
import json
import plistlib
from pathlib import Path

import pytest

SCHEMA = json.loads((Path(__file__).parent / "data" / "schema.json").read_text())
TYPES = {"string": str, "data": bytes, "boolean": bool}
KEXTS = "com.apple.syspolicy.kernel-extension-policy"


@pytest.mark.parametrize("enrollment", ["device", "automated-device", "user"])
def test_check_in_messages_have_the_keys_and_types_of_the_schema(office, enrollment):
    async def story(place):
        await place.mac(enrollment)
        await place.until(lambda: place.events and place.events[-1]["topic"] == "mdm.Connect")
        found = [one["checkin_event"]["raw_payload"] for one in place.events if "checkin_event" in one]
        messages = [plistlib.loads(base64.b64decode(raw)) for raw in found]
        assert {one["MessageType"] for one in messages} >= {"Authenticate", "TokenUpdate"}
        for message in messages:
            known = SCHEMA["checkin"][message["MessageType"]]
            required, optional = set(known["required"]), set(known["optional"])
            if enrollment == "user":
                required |= set(known["user_enrollment_required"])
                assert not set(known["user_enrollment_forbidden"]) & message.keys()
            assert required <= message.keys() <= required | optional
            for key, value in message.items():
                assert isinstance(value, TYPES[SCHEMA["types"][key]]), key

    office(story)


@pytest.mark.parametrize(("macos", "with_uuid"), [("13.6", False), ("14.5", True), ("15.1", True)])
def test_profile_list_has_the_keys_of_the_schema_for_the_release(office, make_profile, macos, with_uuid):
    async def story(place):
        known = SCHEMA["profile_list_item"]
        mac = await place.mac("device", macos=macos)
        await place.install(mac, make_profile("com.example.p", {"PayloadType": KEXTS}, PayloadOrganization="Lab"))
        for item in (await place.done(mac, "ProfileList"))["ProfileList"]:
            required, optional = set(known["required"]), set(known["optional"])
            assert required <= item.keys() <= required | optional
            for payload in item["PayloadContent"]:
                must = set(known["payload_required"]) | ({"PayloadUUID"} if with_uuid else set())
                assert must <= payload.keys() <= must | set(known["payload_optional"])

    office(story)


@pytest.mark.parametrize(
    ("enrollment", "architecture", "macos", "level"),
    [
        ("device", "intel", "12.7", "not supported"),
        ("device", "intel-t2", "13.6", "full"),
        ("user", "intel-t2", "13.6", "full"),
        ("user", "apple-silicon", "14.5", "full"),
        ("device", "apple-silicon", "14.5", "full"),
    ],
)
def test_security_info_has_the_words_of_the_schema(office, enrollment, architecture, macos, level):
    async def story(place):
        known = SCHEMA["security_info"]
        mac = await place.mac(enrollment, architecture=architecture, macos=macos)
        info = (await place.done(mac, "SecurityInfo"))["SecurityInfo"]
        assert info["SecureBoot"]["SecureBootLevel"] == level
        for key in ("SecureBootLevel", "ExternalBootLevel"):
            assert info["SecureBoot"][key] in known[key]
        if enrollment == "user":
            assert not set(known["user_enrollment_forbidden"]) & info.keys()
        if architecture != "apple-silicon":
            assert not set(known["apple_silicon_only"]) & info.keys()
        elif enrollment == "device":
            key = "BootstrapTokenAllowedForAuthentication"
            assert info[key] in known[key]
        assert info["ManagementStatus"]["IsUserEnrollment"] is (enrollment == "user")

    office(story)
