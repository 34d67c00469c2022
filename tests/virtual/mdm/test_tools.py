"""profiles(1) and mdmclient on Macs that an MDM server manages."""

from __future__ import annotations

import plistlib

import pytest

KEXTS = "com.apple.syspolicy.kernel-extension-policy"


async def run(mac, *argv, user="root"):
    return await mac.system.run(list(argv), user=user)


@pytest.mark.parametrize(
    ("enrollment", "first", "second"),
    [
        ("automated-device", "Enrolled via DEP: Yes", "MDM enrollment: Yes (User Approved)"),
        ("device", "Enrolled via DEP: No", "MDM enrollment: Yes (User Approved)"),
        ("user", "Enrolled via DEP: No", "MDM enrollment: Yes (User Enrollment)"),
    ],
)
def test_status_says_how_the_mac_is_enrolled_and_where(office, enrollment, first, second):
    async def story(place):
        mac = await place.mac(enrollment)
        done = await run(mac, "profiles", "status", "-type", "enrollment", user="admin")
        assert done.out.splitlines() == [first, second, f"MDM server: {place.server.device_url}"]

    office(story)


@pytest.mark.parametrize(
    ("enrollment", "token", "supported", "escrowed"),
    [("automated-device", None, "YES", "YES"), ("device", None, "YES", "NO"), ("device", True, "YES", "YES"),
     ("user", None, "NO", "NO")],
)  # fmt: skip
def test_status_of_the_bootstrap_token(office, enrollment, token, supported, escrowed):
    async def story(place):
        mac = await place.mac(enrollment, bootstrap_token=token)
        done = await run(mac, "profiles", "status", "-type", "bootstraptoken")
        assert done.out.splitlines() == [
            f"profiles: Bootstrap Token supported on server: {supported}",
            f"profiles: Bootstrap Token escrowed to server: {escrowed}",
        ]
        assert (await run(mac, "profiles", "status", "-type", "bootstraptoken", user="admin")).status == 1

    office(story)


def test_show_lists_what_is_installed_as_text_and_as_a_property_list(office, make_profile):
    async def story(place):
        mac = await place.mac("device")
        payload = {"PayloadType": KEXTS, "AllowedTeamIdentifiers": ["KXTRL00001"]}
        await place.install(mac, make_profile("com.example.p", payload, PayloadDisplayName="Ours"))
        text = (await run(mac, "profiles", "show")).out
        assert "_computerlevel[2] attribute: profileIdentifier: com.example.p\n" in text
        assert "_computerlevel[2] attribute: name: Ours\n" in text
        assert "_computerlevel[2] payload count = 1\n" in text
        listed = (await run(mac, "profiles", "list")).out
        assert listed.splitlines()[1] == "_computerlevel[2] attribute: profileIdentifier: com.example.p"
        assert listed.endswith("There are 2 system configuration profiles installed\n")
        content = plistlib.loads((await run(mac, "profiles", "show", "-output", "stdout-xml")).stdout)
        item = content["_computerlevel"][1]["ProfileItems"][0]
        assert item["PayloadType"] == KEXTS
        assert item["PayloadContent"] == {"AllowedTeamIdentifiers": ["KXTRL00001"]}
        assert "no configuration profiles" in (await run(mac, "profiles", "show", user="admin")).out

    office(story)


def test_what_the_server_installed_is_not_removed_by_hand_but_a_device_enrollment_is(office, make_profile):
    async def story(place):
        mac = await place.mac("device")
        await place.install(mac, make_profile("com.example.p", {"PayloadType": KEXTS}))
        done = await run(mac, "profiles", "remove", "-identifier", "com.example.p")
        assert (done.status, "managed by your organization" in done.err) == (1, True)
        assert (await run(mac, "profiles", "remove", "-identifier", "com.example.q")).status == 1
        own = mac.management.enrollment_profile
        assert (await run(mac, "profiles", "remove", "-type", "configuration", "-identifier", own)).status == 0
        assert mac.management.enrollment == "none"
        await place.until(lambda: [one for one in place.events if one["topic"] == "mdm.CheckOut"])
        assert (await run(mac, "profiles", "renew", "-type", "enrollment")).status == 1

    office(story)


def test_an_automated_enrollment_stays_and_comes_back_by_renew(office):
    async def story(place):
        mac = await place.mac("automated-device")
        own = mac.management.enrollment_profile
        assert (await run(mac, "profiles", "remove", "-identifier", own)).status == 1
        assert (await place.done(mac, "RemoveProfile", Identifier=own))["Status"] == "Acknowledged"
        await place.until(lambda: mac.management.enrollment == "none")
        assert (await run(mac, "profiles", "renew", "-type", "enrollment")).status == 0
        await place.until(lambda: mac.management.enrollment == "automated-device")
        assert (await place.done(mac, "ProfileList"))["Status"] == "Acknowledged"

    office(story)


def test_installing_and_nonsense_are_refused(office):
    async def story(place):
        mac = await place.mac("device")
        done = await run(mac, "profiles", "install", "-path", "/tmp/p.mobileconfig")
        assert (done.status, "no longer supports installs" in done.err) == (1, True)
        assert (await run(mac, "profiles")).status == 1
        assert (await run(mac, "profiles", "fly")).status == 1

    office(story)


def test_mdmclient_describes_the_security_info(office):
    async def story(place):
        mac = await place.mac("automated-device")
        text = (await run(mac, "/usr/libexec/mdmclient", "QuerySecurityInfo")).out
        assert "SecureBootLevel = full;" in text
        assert "BootstrapTokenAllowedForAuthentication = allowed;" in text
        assert "SystemIntegrityProtectionEnabled = 1;" in text
        assert (await run(mac, "/usr/libexec/mdmclient", "QuerySecurityInfo", user="admin")).status == 1

    office(story)
