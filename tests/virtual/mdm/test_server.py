"""The server's API as NanoMDM's clients use it, and its webhook."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import plistlib

import aiohttp
import pytest

from kextrel.virtual.faults import Fault
from kextrel.virtual.mdm import server as module

COMMAND = plistlib.dumps({"CommandUUID": "C-1", "Command": {"RequestType": "ProfileList"}})


def test_the_version_is_there_for_everybody_and_the_rest_for_who_has_the_key(office):
    async def story(place):
        async with aiohttp.ClientSession() as stranger:
            async with stranger.get(place.server.url + "/version") as answer:
                assert answer.status == 200
                assert "version" in await answer.json()
            for given in ({}, {"Authorization": "Basic !!"}, {"Authorization": "Bearer x"},
                          {"Authorization": "Basic " + base64.b64encode(b"nanomdm:wrong").decode()}):  # fmt: skip
                async with stranger.put(place.server.url + "/v1/push/X", headers=given) as answer:
                    assert answer.status == 401
                    assert answer.headers["WWW-Authenticate"].startswith("Basic")

    office(story)


def test_enqueue_says_what_became_of_each_mac(office):
    async def story(place):
        mac = await place.mac("device")
        name = place.name(mac)
        status, text = await place.ask("PUT", f"/v1/enqueue/{name}", data=COMMAND)
        said = json.loads(text)
        assert (status, said["command_uuid"], said["request_type"]) == (200, "C-1", "ProfileList")
        assert said["status"][name]["push_result"]
        await place.until(lambda: place.reports("C-1"))
        status, text = await place.ask("PUT", f"/v1/enqueue/{name},UNKNOWN", data=COMMAND)
        said = json.loads(text)
        assert status == 207
        assert said["status"]["UNKNOWN"].keys() == {"command_error", "push_error"}
        assert (await place.ask("PUT", "/v1/enqueue/UNKNOWN", data=COMMAND))[0] == 500
        status, text = await place.ask("PUT", f"/v1/enqueue/{name}", data=b"nonsense")
        assert (status, "decoding command" in json.loads(text)["command_error"]) == (500, True)

    office(story)


def test_nopush_leaves_the_mac_alone_until_a_push_and_the_queue_can_be_emptied(office):
    async def story(place):
        mac = await place.mac("device")
        name = place.name(mac)
        status, text = await place.ask("PUT", f"/v1/enqueue/{name}?nopush=1", data=COMMAND)
        said = json.loads(text)
        assert (status, said["no_push"], "status" in said) == (200, True, False)
        waiting = json.loads((await place.ask("GET", f"/v1/queue/{name}"))[1])["commands"]
        assert waiting == [{"command_uuid": "C-1", "request_type": "ProfileList"}]
        assert (await place.ask("DELETE", f"/v1/queue/{name}"))[0] == 204
        assert json.loads((await place.ask("GET", f"/v1/queue/{name}"))[1])["commands"] == []
        await place.ask("PUT", f"/v1/enqueue/{name}?nopush=1", data=COMMAND)
        status, text = await place.ask("PUT", f"/v1/push/{name}")
        assert (status, list(json.loads(text)["status"][name])) == (200, ["push_result"])
        await place.until(lambda: place.reports("C-1"))

    office(story)


def test_events_have_nanomdms_shape(office):
    async def story(place):
        mac = await place.mac("device")
        await place.done(mac, "ProfileList")
        assert [one["topic"] for one in place.events][:3] == ["mdm.Authenticate", "mdm.TokenUpdate", "mdm.Connect"]
        for one in place.events:
            assert {"topic", "event_id", "created_at"} < one.keys()
        assert place.events[1]["checkin_event"]["token_update_tally"] == 1
        last = place.events[-1]["acknowledge_event"]
        assert (last["udid"], last["status"], last["command_uuid"]) == (place.name(mac), "Acknowledged", "C-1")

    office(story)


def test_a_key_signs_the_events_and_who_asked_no_more_gets_none(office):
    async def story(place):
        await place.ask("PUT", "/v1/webhook", json={"url": place.hook, "hmac_key": "k"})
        mac = await place.mac("device")
        await place.until(lambda: len(place.events) == 3)
        body = json.dumps(place.events[0]).encode()
        wanted = base64.b64encode(hmac.new(b"k", body, hashlib.sha256).digest()).decode()
        assert place.headers[0]["X-Hmac-Signature"] == wanted
        await place.ask("DELETE", "/v1/webhook", json={"url": place.hook})
        await place.send(mac, "ProfileList")
        await place.until(lambda: not place.server.devices[place.name(mac)].commands)
        assert len(place.events) == 3

    office(story)


@pytest.mark.parametrize("wanted", ["x", {}, {"url": 3}, {"url": "http://198.51.100.7/"}, {"url": "file:///etc"}])
def test_a_webhook_is_an_url_on_the_loopback(office, wanted):
    async def story(place):
        assert (await place.ask("PUT", "/v1/webhook", json=wanted))[0] == 400

    office(story)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/x-apple-aspen-mdm-checkin", {"MessageType": "TokenUpdate", "UDID": "STRANGER"}),
        ("application/x-apple-aspen-mdm-checkin", {"MessageType": "Nonsense", "UDID": "STRANGER"}),
        ("application/x-apple-aspen-mdm-checkin", {"MessageType": "Authenticate"}),
        ("application/x-apple-aspen-mdm", {"Status": "Idle", "UDID": "STRANGER"}),
    ],
)
def test_a_device_that_says_nonsense_is_told_so(office, kind, content):
    async def story(place):
        headers = {"Content-Type": kind}
        status, text = await place.ask("PUT", "/mdm", data=plistlib.dumps(content), headers=headers)
        assert (status, bool(text)) == (400, True)

    office(story)


def test_mdm_down_cuts_the_api_from_that_request_on_and_not_the_macs_way(office):
    async def story(place):
        mac = await place.mac("device", faults=(Fault("mdm-down", 2),))
        await place.done(mac, "ProfileList")
        with pytest.raises(aiohttp.ClientError):
            await place.send(mac, "ProfileList")
        with pytest.raises(aiohttp.ClientError):
            await place.ask("GET", "/version")
        mac.request_restart()
        await place.until(lambda: mac.going_down)
        before = len(place.events)
        await place.until(lambda: len(place.events) > before)
        assert place.events[-1]["acknowledge_event"]["status"] == "Idle"

    office(story)


def test_mdm_late_holds_answers_back(office, monkeypatch):
    monkeypatch.setattr(module, "LATE", 0.2)

    async def story(place):
        mac = await place.mac("device", faults=(Fault("mdm-late", 1),))
        uuid = await place.send(mac, "ProfileList")
        await place.until(lambda: not place.server.devices[place.name(mac)].commands)
        assert place.reports(uuid) == []
        await place.until(lambda: place.reports(uuid))

    office(story)
