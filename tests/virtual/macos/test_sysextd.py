"""sysextd: what it demands of what is activated, whom it asks, what it writes down."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

import pytest

from kextrel.bundles import make
from kextrel.virtual.macos.extensiondb import PATH, State
from kextrel.virtual.macos.extensionrules import ErrorCode
from kextrel.vocabulary import Category, Extension, ExtensionKind, Signature
from sysextdmac import AGENT, TEAM, Mac, agent


@pytest.mark.parametrize("category", list(Category))
def test_somebody_must_allow_it(mac: Any, category: Category) -> None:
    async def story(it: Mac) -> None:
        app = it.install(agent(category))
        assert await it.activate(app) == "waiting"
        (record,) = it.extensions.pending()
        assert (record.team_id, record.full_version, record.name) == (TEAM, "1.0/1.0", "agent")
        assert record.category.split(".")[3].split("_")[0] in category.value
        assert it.display.alerts == ["Kextrel-com.example.kextrel.agent"]
        with pytest.raises(PermissionError):
            it.extensions.allow(record, "student")
        it.extensions.allow(record, "admin")
        assert it.states == ["activated enabled"]
        assert it.disk.is_file(f"{record.staged}/Contents/Info.plist") or it.disk.is_file(f"{record.staged}/Info.plist")
        assert it.extensions.pending() == []
        with pytest.raises(LookupError):
            it.extensions.allow(record, "admin")

    mac(story)


def test_every_state_of_the_healthy_path_is_logged(mac: Any) -> None:
    async def story(it: Mac) -> None:
        await it.activate(it.install(agent()))
        it.extensions.allow(it.extensions.pending()[0], "admin")
        steps = [line.rsplit(" to ", 1)[1] for _, line in it.extensions.log if " to " in line]
        assert steps == [
            "staging",
            "validating",
            "validating_by_category",
            "activated_waiting_for_user",
            "activated_enabling",
            "activated_enabled",
        ]

    mac(story)


def test_the_database_is_what_osquery_reads(mac: Any) -> None:
    async def story(it: Mac) -> None:
        it.management.install({"AllowedTeamIdentifiers": [TEAM]})
        app = it.install(agent())
        assert await it.activate(app) == "completed"
        found = plistlib.loads(it.disk.read_bytes(PATH))
        (entry,) = found["extensions"]
        assert (entry["identifier"], entry["teamID"], entry["state"]) == (AGENT, TEAM, "activated_enabled")
        assert entry["bundleVersion"] == {"CFBundleShortVersionString": "1.0", "CFBundleVersion": "1.0"}
        assert entry["categories"] == ["com.apple.system_extension.endpoint_security"]
        assert entry["container"]["bundlePath"] == app
        assert found["developerMode"] is False
        assert found["extensionPolicies"] == [{"AllowedTeamIdentifiers": [TEAM]}]

    mac(story)


def test_one_or_more_extensions_of_one_application(mac: Any) -> None:
    async def story(it: Mac) -> None:
        other = Extension(
            "filter", ExtensionKind.SYSTEM_EXTENSION, "com.example.kextrel.filter", category=Category.NETWORK
        )
        app = it.install(agent(), other)
        assert await it.activate(app) == "waiting"
        assert await it.activate(app, "com.example.kextrel.filter") == "waiting"
        assert len({record.application for record in it.extensions.pending()}) == 1
        assert await it.activate(app, "com.example.kextrel.nobody") == "NOT_FOUND"

    mac(story)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"signature": Signature.NONE}, "SIGNATURE_INVALID"),
        ({"signature": Signature.BROKEN}, "SIGNATURE_INVALID"),
        ({"signature": Signature.REVOKED}, "SIGNATURE_INVALID"),
        ({"signature": Signature.AD_HOC}, "SIGNATURE_INVALID"),
        ({"entitlements": frozenset({"com.apple.security.app-sandbox"})}, "MISSING_ENTITLEMENT"),
        ({"architectures": frozenset({"x86_64"})}, "VALIDATION_FAILED"),
    ],
)
def test_what_is_not_taken_leaves_nothing_behind(mac: Any, fields: dict[str, Any], code: str) -> None:
    async def story(it: Mac) -> None:
        it.management.install({"AllowedTeamIdentifiers": [TEAM]})
        assert await it.activate(it.install(agent(**fields))) == code
        assert it.states == []
        assert it.disk.listdir("/Library/SystemExtensions") == ["db.plist"]

    mac(story)


def test_a_network_extension_needs_another_entitlement(mac: Any) -> None:
    async def story(it: Mac) -> None:
        wrong = frozenset({"com.apple.developer.endpoint-security.client"})
        assert await it.activate(it.install(agent(Category.NETWORK, entitlements=wrong))) == "MISSING_ENTITLEMENT"

    mac(story)


def test_a_driver_with_a_version_that_does_not_pack(mac: Any) -> None:
    async def story(it: Mac) -> None:
        app = it.install(agent(Category.DRIVER, version="1.100"))
        assert await it.activate(app) == "VALIDATION_FAILED"
        assert it.states == []

    mac(story)


def test_the_application_lies_in_applications(mac: Any) -> None:
    async def story(it: Mac) -> None:
        app = it.install(agent(), into="/Users/admin")
        assert await it.activate(app) == "UNSUPPORTED_LOCATION"
        it.extensions.set_developer_mode(True)
        assert await it.activate(app) == "waiting"

    mac(story)


def test_only_in_developer_mode_an_ad_hoc_signature_will_do(mac: Any) -> None:
    async def story(it: Mac) -> None:
        it.sip = 0x7F
        app = it.install(agent(signature=Signature.AD_HOC))
        assert await it.activate(app) == "SIGNATURE_INVALID"
        it.extensions.set_developer_mode(True)
        assert await it.activate(app) == "waiting"
        assert [record.team_id for record in it.extensions.records()] == ["-"]
        assert await it.activate(it.install(agent(signature=Signature.BROKEN))) == "SIGNATURE_INVALID"

    mac(story)


def test_outside_the_login_session_nothing_is_activated(mac: Any) -> None:
    async def story(it: Mac) -> None:
        assert await it.activate(it.install(agent()), session=False) == "UNKNOWN"

    mac(story)


def test_a_file_changed_after_signing_is_found(mac: Any) -> None:
    async def story(it: Mac) -> None:
        app = it.install(agent())
        info = f"{app}/Contents/Info.plist"
        it.disk.write_bytes(info, it.disk.read_bytes(info).replace(b"An app", b"Another"))
        assert await it.activate(app) == "SIGNATURE_INVALID"

    mac(story)


def test_the_same_version_again_is_nothing(mac: Any) -> None:
    async def story(it: Mac) -> None:
        app = it.install(agent())
        assert await it.activate(app) == "waiting"
        assert await it.activate(app) == "waiting"
        it.extensions.allow(it.extensions.pending()[0], "admin")
        before = it.extensions.records()
        assert await it.activate(app) == "completed"
        assert it.extensions.records() == before

    mac(story)


@pytest.mark.parametrize(("old", "new"), [("1.0", "1.1"), ("1.1", "1.0")])
def test_another_version_takes_its_place_with_its_consent(mac: Any, old: str, new: str) -> None:
    async def story(it: Mac) -> None:
        await it.activate(it.install(agent(version=old)))
        it.extensions.allow(it.extensions.pending()[0], "admin")
        assert await it.activate(it.install(agent(version=new))) == "completed"
        assert it.replaced == [(old, new)]
        assert it.states == ["terminated waiting to uninstall on reboot", "activated enabled"]
        it.restart()
        assert [(record.version, record.state) for record in it.extensions.records()] == [(new, State.ENABLED)]
        staged = [name for name in it.disk.listdir("/Library/SystemExtensions") if name != "db.plist"]
        assert staged == [it.extensions.records()[0].unique_id]

    mac(story)


def test_a_new_version_of_what_waits_waits_too(mac: Any) -> None:
    async def story(it: Mac) -> None:
        await it.activate(it.install(agent()))
        assert await it.activate(it.install(agent(version="2.0"))) == "waiting"
        assert [record.version for record in it.extensions.records()] == ["2.0"]

    mac(story)


def test_sys_03_asks_nobody(mac: Any) -> None:
    async def story(it: Mac) -> None:
        app = it.install(agent())
        assert await it.activate(app) == "completed"
        assert it.display.alerts == []
        it.extensions.reset()
        it.management.install({"AllowUserOverrides": False})
        assert await it.activate(app) == "FORBIDDEN_BY_POLICY"

    mac(story, defects=frozenset({"SYS-03"}))


def test_a_kext_is_no_application(mac: Any, tmp_path: Path) -> None:
    async def story(it: Mac) -> None:
        kext = make(Extension("driver", ExtensionKind.KEXT, "com.example.kextrel.driver"), tmp_path)
        it.disk.mkdir("/Applications/x.app")
        it.disk.write_bytes("/Applications/x.app/Info.plist", (kext / "Contents" / "Info.plist").read_bytes())
        assert await it.activate("/Applications/x.app") == ErrorCode.SIGNATURE_INVALID.name

    mac(story)
