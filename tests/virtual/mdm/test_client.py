from __future__ import annotations

import asyncio
import base64
import plistlib
from typing import Any

import pytest

KEXTS = "com.apple.syspolicy.kernel-extension-policy"


def _messages(place: Any) -> list[dict[str, Any]]:
    found = [one["checkin_event"] for one in place.events if "checkin_event" in one]
    return [plistlib.loads(base64.b64decode(one["raw_payload"])) for one in found]


def test_a_device_enrolls_and_is_asked_nothing(office):
    async def story(place):
        mac = await place.mac("device")
        await place.until(lambda: len(place.events) >= 3)
        assert [one["MessageType"] for one in _messages(place)] == ["Authenticate", "TokenUpdate"]
        first, second = _messages(place)
        assert first["SerialNumber"] == mac.spec.serial
        assert first["UDID"] == second["UDID"] == place.name(mac)
        assert isinstance(second["Token"], bytes)
        assert place.events[2]["acknowledge_event"]["status"] == "Idle"
        assert mac.management.enrollment == "device"
        assert mac.management.payloads("com.apple.mdm")[0]["ServerURL"] == place.server.device_url

    office(story)


def test_automated_enrollment_hands_over_the_bootstrap_token(office):
    async def story(place):
        mac = await place.mac("automated-device", macos="15.1")
        await place.until(lambda: len(_messages(place)) == 3)
        assert _messages(place)[2]["MessageType"] == "SetBootstrapToken"
        mac.sep.admit_mdm(_messages(place)[2]["BootstrapToken"])
        assert mac.sep.policy().smb4 == 1

    office(story)


def test_user_enrollment_says_nothing_that_identifies_the_mac(office):
    async def story(place):
        mac = await place.mac("user")
        await place.until(lambda: len(_messages(place)) == 2)
        for message in _messages(place):
            assert not {"UDID", "SerialNumber"} & message.keys()
            assert message["EnrollmentID"] == place.name(mac)
        report = await place.done(mac, "DeviceInformation", Queries=["SerialNumber", "UDID", "OSVersion"])
        assert report["QueryResponses"] == {"OSVersion": "14.5"}

    office(story)


def test_a_profile_comes_is_listed_and_goes(office, make_profile):
    async def story(place):
        mac = await place.mac("device")
        heard = []
        mac.management.on_change(lambda: heard.append(True))
        content = make_profile("com.example.p", {"PayloadType": KEXTS, "AllowedTeamIdentifiers": ["KXTRL00001"]})
        assert (await place.install(mac, content))["Status"] == "Acknowledged"
        assert mac.management.payloads(KEXTS)[0]["AllowedTeamIdentifiers"] == ["KXTRL00001"]
        listed = (await place.done(mac, "ProfileList"))["ProfileList"]
        assert [one["PayloadIdentifier"] for one in listed][1:] == ["com.example.p"]
        assert listed[1]["PayloadContent"][0]["PayloadType"] == KEXTS
        assert (await place.done(mac, "RemoveProfile", Identifier="com.example.p"))["Status"] == "Acknowledged"
        assert mac.management.payloads(KEXTS) == []
        assert len(heard) == 2

    office(story)


@pytest.mark.parametrize("enrollment", ["user"])
def test_user_enrollment_takes_no_policy_and_no_restart(office, make_profile, enrollment):
    async def story(place):
        mac = await place.mac(enrollment)
        report = await place.install(mac, make_profile("com.example.p", {"PayloadType": KEXTS}))
        assert report["Status"] == "Error"
        assert "user approved MDM" in report["ErrorChain"][0]["LocalizedDescription"]
        assert mac.management.payloads(KEXTS) == []
        report = await place.done(mac, "RestartDevice")
        assert (report["Status"], report["ErrorChain"][0]["ErrorCode"]) == ("Error", 12021)
        assert mac.environment == "macos"

    office(story)


def test_what_it_does_not_know_or_cannot_read_is_an_error(office):
    async def story(place):
        mac = await place.mac("device")
        for kind, keys in (
            ("EraseDevice", {}),
            ("InstallProfile", {}),
            ("InstallProfile", {"Payload": b"<plist>"}),
            ("RemoveProfile", {"Identifier": "com.example.nothing"}),
            ("RestartDevice", {"KextPaths": "/Library/Extensions"}),
        ):
            report = await place.done(mac, kind, **keys)
            assert report["Status"] == "Error", kind
            assert report["ErrorChain"][0]["LocalizedDescription"]

    office(story)


def test_a_restart_is_acknowledged_first_and_what_follows_waits_for_the_next_boot(office):
    async def story(place):
        mac = await place.mac("device")
        booted = mac.boot_time
        restart = await place.send(mac, "RestartDevice", push=False)
        after = await place.send(mac, "ProfileList")
        await place.until(lambda: any(one["Status"] == "Acknowledged" for one in place.reports(after)))
        assert [one["Status"] for one in place.reports(restart)] == ["Acknowledged"]
        assert [one["Status"] for one in place.reports(after)] == ["NotNow", "Acknowledged"]
        await place.up(mac)
        assert mac.boot_time != booted

    office(story)


def test_a_mac_that_was_not_set_up_for_it_goes_on_saying_not_now(office):
    async def story(place):
        mac = await place.mac("device", missing=frozenset({"PREP-14"}))
        asked = await place.send(mac, "ProfileList")
        await place.until(lambda: len(place.reports(asked)) > 0)
        assert {one["Status"] for one in place.reports(asked)} == {"NotNow"}

    office(story)


def test_a_mac_that_is_off_does_what_it_was_asked_at_its_next_boot_and_stays_enrolled(office):
    async def story(place):
        mac = await place.mac("device")
        mac.request_shutdown()
        await place.until(lambda: mac.environment == "off")
        uuid = await place.send(mac, "ProfileList")
        assert place.reports(uuid) == []
        mac.switch_on()
        await place.until(lambda: place.reports(uuid))
        assert [one["MessageType"] for one in _messages(place)].count("Authenticate") == 1

    office(story)


def test_in_recovery_nothing_asks_the_server(office):
    async def story(place):
        mac = await place.mac("device")
        mac.nvram.set("recovery-boot-mode", b"unused")
        mac.request_restart()
        await place.until(lambda: mac.environment == "recovery")
        told = len(place.events)
        uuid = await place.send(mac, "ProfileList")
        assert len(place.events) == told
        mac.request_restart()
        await place.until(lambda: place.reports(uuid))
        assert mac.environment == "macos"

    office(story)


def test_notify_user_leaves_the_restart_to_who_is_there(office):
    async def story(place):
        mac = await place.mac("device")
        assert (await place.done(mac, "RestartDevice", NotifyUser=True))["Status"] == "Acknowledged"
        assert "Your organization requires this Mac to restart." in mac.display.text()
        assert not mac.going_down
        mac.display.key(True, 0x28, 0)  # Return: Restart
        assert mac.going_down

    office(story)


def test_notify_user_at_the_login_window_restarts(office):
    async def story(place):
        mac = await place.mac("device", missing=frozenset({"PREP-05"}))
        assert mac.console_user is None
        booted = mac.boot_time
        await place.done(mac, "RestartDevice", NotifyUser=True)
        await place.until(lambda: mac.boot_time not in (booted, None))

    office(story)


def test_taking_the_enrollment_profile_away_ends_it_and_tells_the_server(office, make_profile):
    async def story(place):
        mac = await place.mac("device")
        await place.install(mac, make_profile("com.example.p", {"PayloadType": KEXTS}))
        identifier = mac.management.enrollment_profile
        assert (await place.done(mac, "RemoveProfile", Identifier=identifier))["Status"] == "Acknowledged"
        await place.until(lambda: [one["topic"] for one in place.events if one["topic"] == "mdm.CheckOut"])
        assert mac.management.enrollment == "none"
        assert mac.management.store.profiles() == []
        mac.request_restart()
        await place.until(lambda: mac.going_down)
        await place.up(mac)
        assert mac.management.enrollment == "none"

    office(story)


def test_security_info_says_what_apple_silicon_has(office):
    async def story(place):
        mac = await place.mac("automated-device", macos="15.1")
        info = (await place.done(mac, "SecurityInfo"))["SecurityInfo"]
        assert info["SecureBoot"] == {"SecureBootLevel": "full", "ExternalBootLevel": "allowed"}
        assert info["BootstrapTokenAllowedForAuthentication"] == "allowed"
        assert info["ManagementStatus"]["EnrolledViaDEP"]
        mac.sep.admit_mdm(place.server.devices[place.name(mac)].bootstrap_token)
        info = (await place.done(mac, "SecurityInfo"))["SecurityInfo"]
        assert info["SecureBoot"]["SecureBootLevel"] == "medium"
        assert info["SecureBoot"]["ReducedSecurity"] == ["AllowsAnyAppleSignedOS", "AllowsMDM"]

    office(story)


def test_a_server_that_does_not_answer_is_asked_again_and_macos_comes_up_all_the_same(office, monkeypatch):
    monkeypatch.setattr("kextrel.virtual.mdm.client._FIRST_PAUSE", 0.01)

    async def story(place):
        listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        listener.close()
        await listener.wait_closed()
        mac = await place.mac("device", url=f"http://127.0.0.1:{port}/mdm")
        assert (mac.environment, mac.management.enrollment) == ("macos", "none")
        mac.management.client.url = place.server.device_url
        await place.until(lambda: mac.management.enrollment == "device")

    office(story)


def test_a_restart_whose_end_the_server_did_not_hear_of_is_done_when_it_is_sent_again(office, monkeypatch):
    monkeypatch.setattr("kextrel.virtual.mdm.client._FIRST_PAUSE", 0.01)

    async def story(place):
        mac = await place.mac("device")
        client, booted, lost = mac.management.client, mac.boot_time, []
        put = client._put

        async def losing(url, kind, content):
            if content.get("Status") == "Acknowledged" and not lost:
                lost.append(content)
                url = "http://127.0.0.1:9/mdm"
            return await put(url, kind, content)

        monkeypatch.setattr(client, "_put", losing)
        uuid = await place.send(mac, "RestartDevice")
        await place.until(lambda: mac.boot_time not in (booted, None))
        assert len(lost) == 1
        assert [one["Status"] for one in place.reports(uuid)] == ["Acknowledged"]

    office(story)


def test_a_server_without_pushes_is_asked_every_now_and_then(office, monkeypatch):
    monkeypatch.setattr("kextrel.virtual.mdm.client.POLL", 0.01)

    async def story(place):
        mac = await place.mac("device", url=place.server.device_url)
        assert (await place.done(mac, "ProfileList", push=False))["Status"] == "Acknowledged"

    office(story)
