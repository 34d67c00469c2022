"""sysextd: what it demands, whom it asks, what a profile changes, what a restart and a power cut leave."""

from __future__ import annotations

import asyncio
import plistlib
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from kextrel.bundles import make, make_app
from kextrel.virtual.clock import Clock
from kextrel.virtual.macos.extensiondb import PATH, State
from kextrel.virtual.macos.extensionrules import ErrorCode, Refused
from kextrel.virtual.macos.sysextd import Request, SystemExtensions
from kextrel.virtual.spec import MacSpec
from kextrel.virtual.unix.disk import new_disk
from kextrel.vocabulary import Category, Extension, ExtensionKind, Signature

AGENT, TEAM = "com.example.kextrel.agent", "KXTRL00001"
Play = Callable[[Coroutine[Any, Any, Any]], Any]


class Profiles:
    """What is installed, as sysextd hears of it."""

    def __init__(self) -> None:
        self.installed: list[dict[str, Any]] = []
        self.tell: list[Callable[[], None]] = []

    def payloads(self, kind: str) -> list[dict[str, Any]]:
        return self.installed if kind == "com.apple.system-extension-policy" else []

    def on_change(self, callback: Callable[[], None]) -> None:
        self.tell.append(callback)

    def install(self, *payloads: dict[str, Any]) -> None:
        self.installed = list(payloads)
        for callback in self.tell:
            callback()


class Screen:
    """Remembers alerts; a sheet is answered by `answer`, at once or by whoever holds `sheets`."""

    def __init__(self) -> None:
        self.alerts: list[str] = []
        self.sheets: list[tuple[str, str, Callable[[str | None], None]]] = []
        self.session, self.answer = True, "admin"

    def application_blocked(self, application: str, category: str) -> None:
        self.alerts.append(application)

    def authorize(self, title: str, message: str, done: Callable[[str | None], None]) -> bool:
        if self.session:
            self.sheets.append((title, message, done))
            if self.answer != "later":
                done(self.answer or None)
        return self.session


@cache
def made(extensions: tuple[Extension, ...]) -> tuple[str, dict[str, bytes]]:
    """The application that carries them, as `bundles` makes it: its name and its files; made once for all tests."""
    with TemporaryDirectory() as folder:
        app = make_app(list(extensions), Path(folder))
        return app.name, {str(path.relative_to(app)): path.read_bytes() for path in app.rglob("*") if path.is_file()}


class Mac:
    """As much of a Mac as sysextd touches."""

    def __init__(self, **fields: Any) -> None:
        self.spec = MacSpec("small", prepared=True, **fields)
        self.clock = Clock(start=1_750_000_000.0, wall=asyncio.get_running_loop().time)
        self.system = self.in_force = self.console_user = None
        self.sip, self.safe_mode = 0, False
        self.disk = new_disk(self)
        self.management, self.display = Profiles(), Screen()
        self.extensions = SystemExtensions(self)
        self.extensions.boot()

    def defect(self, rule: str) -> bool:
        return rule in self.spec.defects

    def install(self, *extensions: Extension, into: str = "/Applications") -> str:
        name, files = made(extensions)
        target = f"{into}/{name}"
        if self.disk.exists(target):
            self.disk.remove_tree(target)
        for path, content in files.items():
            self.disk.mkdir(f"{target}/{path}".rpartition("/")[0], parents=True)
            self.disk.write_bytes(f"{target}/{path}", content)
        return target

    async def activate(self, app: str, identifier: str = AGENT, *, verb: str = "activate", session: bool = True) -> str:
        self.replaced: list[tuple[str, str]] = []
        request = Request(verb, identifier, app, session, lambda old, new: self.replaced.append((old, new)))
        try:
            return await self.extensions.submit(request)
        except Refused as refusal:
            return refusal.code.name

    async def deactivate(self, app: str, *, session: bool = True) -> str:
        return await self.activate(app, verb="deactivate", session=session)

    def restart(self) -> None:
        self.extensions.power_lost()
        self.extensions.boot()

    @property
    def states(self) -> list[str]:
        return [record.state.words for record in self.extensions.records()]


def agent(category: Category = Category.ENDPOINT_SECURITY, **fields: Any) -> Extension:
    return Extension("agent", ExtensionKind.SYSTEM_EXTENSION, AGENT, category=category, **fields)


@pytest.fixture
def mac(play: Play) -> Callable[..., Any]:
    """`mac(story, **spec)`: plays `story(Mac)`."""

    def run(story: Callable[[Mac], Coroutine[Any, Any, None]], **spec: Any) -> None:
        async def begin() -> None:
            await story(Mac(**spec))

        play(begin())

    return run


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


# Versions


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


# Profiles


@pytest.mark.parametrize(
    "payload",
    [{"AllowedTeamIdentifiers": [TEAM]}, {"AllowedSystemExtensions": {TEAM: [AGENT]}, "AllowUserOverrides": False}],
)
def test_a_profile_allows_it_with_nobody_asked(mac: Any, payload: dict[str, Any]) -> None:
    async def story(it: Mac) -> None:
        it.management.install(payload)
        assert await it.activate(it.install(agent())) == "completed"
        assert it.states == ["activated enabled"]
        assert it.display.alerts == []

    mac(story)


def test_a_profile_forbids_it(mac: Any) -> None:
    async def story(it: Mac) -> None:
        it.management.install({"AllowUserOverrides": False}, {"AllowedSystemExtensions": {"KXTRL00002": [AGENT]}})
        assert await it.activate(it.install(agent())) == "FORBIDDEN_BY_POLICY"
        assert (it.states, it.display.alerts) == ([], [])

    mac(story)


def test_a_kind_that_is_not_named_needs_a_person(mac: Any) -> None:
    async def story(it: Mac) -> None:
        types = {"AllowedSystemExtensionTypes": {TEAM: ["DriverExtension"]}}
        it.management.install(types, {"AllowedTeamIdentifiers": [TEAM]})
        await it.activate(it.install(agent()))
        assert it.states == ["activated waiting for user"]

    mac(story)


def test_a_kind_is_allowed_by_its_word(mac: Any) -> None:
    async def story(it: Mac) -> None:
        types = {"AllowedSystemExtensionTypes": {TEAM: ["NetworkExtension"]}, "AllowedTeamIdentifiers": [TEAM]}
        it.management.install(types)
        assert await it.activate(it.install(agent(Category.NETWORK))) == "completed"
        it.management.install(types, {"AllowedSystemExtensionTypes": {TEAM: ["EndpointSecurityExtension"]}})
        assert it.states == ["activated enabled"]

    mac(story)


def test_a_profile_completes_what_waits_and_its_removal_ends_it(mac: Any) -> None:
    async def story(it: Mac) -> None:
        await it.activate(it.install(agent()))
        it.management.install({"AllowedSystemExtensions": {TEAM: [AGENT]}})
        assert it.states == ["activated enabled"]
        it.restart()
        it.management.install()
        assert it.states == ["terminated waiting to uninstall on reboot"]
        it.restart()
        assert it.states == []

    mac(story)


def test_before_11_3_a_late_profile_counts_when_the_application_asks_again(mac: Any) -> None:
    async def story(it: Mac) -> None:
        app = it.install(agent())
        assert await it.activate(app) == "waiting"
        it.management.install({"AllowedTeamIdentifiers": [TEAM]})
        assert it.states == ["activated waiting for user"]
        assert await it.activate(app) == "completed"

    mac(story, architecture="intel", macos="10.15.7")


def test_what_a_user_allowed_outlives_profiles_of_others(mac: Any) -> None:
    async def story(it: Mac) -> None:
        await it.activate(it.install(agent()))
        it.extensions.allow(it.extensions.pending()[0], "admin")
        it.management.install({"AllowedTeamIdentifiers": ["KXTRL00002"]})
        it.management.install()
        assert it.states == ["activated enabled"]

    mac(story)


def test_what_waits_is_not_offered_where_users_may_not_allow(mac: Any) -> None:
    async def story(it: Mac) -> None:
        await it.activate(it.install(agent()))
        it.management.install({"AllowUserOverrides": False})
        assert it.extensions.pending() == []
        assert it.states == ["activated waiting for user"]

    mac(story)


# Going


def test_an_administrator_removes_it_and_a_restart_ends_it(mac: Any) -> None:
    async def story(it: Mac) -> None:
        it.management.install({"AllowedTeamIdentifiers": [TEAM]})
        app = it.install(agent())
        await it.activate(app)
        assert await it.deactivate(app) == "reboot"
        ((title, message, _),) = it.display.sheets
        assert message == f"{title} is trying to remove a system extension."
        assert it.states == ["terminated waiting to uninstall on reboot"]
        assert await it.deactivate(app) == "NOT_FOUND"
        it.restart()
        assert it.states == []
        assert it.disk.listdir("/Library/SystemExtensions") == ["db.plist"]

    mac(story)


@pytest.mark.parametrize(
    ("answer", "screen", "session", "code"),
    [
        ("", True, True, "CANCELED"),
        ("admin", False, True, "AUTHORIZATION_REQUIRED"),
        ("admin", True, False, "AUTHORIZATION_REQUIRED"),
    ],
)
def test_nobody_removes_it(mac: Any, answer: str, screen: bool, session: bool, code: str) -> None:
    async def story(it: Mac) -> None:
        it.management.install({"AllowedTeamIdentifiers": [TEAM]})
        app = it.install(agent())
        await it.activate(app)
        it.display.answer, it.display.session = answer, screen
        assert await it.deactivate(app, session=session) == code
        assert it.states == ["activated enabled"]

    mac(story)


def test_a_removable_one_goes_without_a_sheet(mac: Any) -> None:
    async def story(it: Mac) -> None:
        pair = {TEAM: [AGENT]}
        it.management.install({"AllowedSystemExtensions": pair, "RemovableSystemExtensions": pair})
        app = it.install(agent())
        await it.activate(app)
        it.display.session = False
        assert await it.deactivate(app, session=False) == "reboot"

    mac(story)


@pytest.mark.parametrize(
    ("macos", "sip", "code"), [("15.1", 0, "FORBIDDEN_BY_POLICY"), ("15.1", 0x7F, "reboot"), ("14.5", 0, "reboot")]
)
def test_a_non_removable_one_stays_while_sip_is_on(mac: Any, macos: str, sip: int, code: str) -> None:
    async def story(it: Mac) -> None:
        pair = {TEAM: [AGENT]}
        it.management.install({"AllowedSystemExtensions": pair, "NonRemovableSystemExtensions": pair})
        app = it.install(agent())
        await it.activate(app)
        it.sip = sip
        assert await it.deactivate(app) == code

    mac(story, macos=macos)


def test_switched_off_and_on_again(mac: Any) -> None:
    async def story(it: Mac) -> None:
        await it.activate(it.install(agent()))
        (record,) = it.extensions.switches()
        it.extensions.enable(record, "admin")
        assert it.extensions.is_on(record)
        it.extensions.disable(it.extensions.switches()[0], "admin")
        it.restart()
        assert it.states == ["activated disabled"]
        it.extensions.enable(it.extensions.switches()[0], "admin")
        assert it.states == ["activated enabled"]

    mac(story, macos="15.1")


def test_ui_alone_may_be_forbidden(mac: Any) -> None:
    async def story(it: Mac) -> None:
        pair = {TEAM: [AGENT]}
        it.management.install({"AllowedSystemExtensions": pair, "NonRemovableFromUISystemExtensions": pair})
        app = it.install(agent())
        await it.activate(app)
        with pytest.raises(PermissionError):
            it.extensions.disable(it.extensions.switches()[0], "admin")
        assert await it.deactivate(app) == "reboot"

    mac(story, macos="15.1")


def test_without_its_application_it_goes_at_the_next_restart(mac: Any) -> None:
    async def story(it: Mac) -> None:
        it.management.install({"AllowedTeamIdentifiers": [TEAM]})
        app = it.install(agent())
        await it.activate(app)
        it.disk.remove_tree(app)
        assert it.states == ["activated enabled"]
        it.restart()
        assert it.states == []

    mac(story)


# Power cuts


@pytest.mark.parametrize("moment", [0.1, 0.3, 0.5, 0.7])
def test_a_power_cut_on_the_way_leaves_nothing_after_the_boot(mac: Any, moment: float) -> None:
    async def story(it: Mac) -> None:
        app = it.install(agent())
        task = asyncio.ensure_future(it.activate(app))
        await it.clock.sleep(moment)
        assert it.states
        assert not it.extensions.pending()
        it.extensions.power_lost()
        task.cancel()
        await asyncio.wait([task])
        assert it.states
        it.extensions.boot()
        assert it.states == []
        assert it.disk.listdir("/Library/SystemExtensions") == ["db.plist"]
        assert await it.activate(app) == "waiting"

    mac(story)


def test_an_application_that_is_killed_on_the_way_takes_its_request_along(mac: Any) -> None:
    async def story(it: Mac) -> None:
        task = asyncio.ensure_future(it.activate(it.install(agent())))
        await it.clock.sleep(0.3)
        task.cancel()
        await asyncio.wait([task])
        assert it.states == []

    mac(story)


def test_a_database_that_is_none_counts_as_empty(mac: Any) -> None:
    async def story(it: Mac) -> None:
        for content in (b"", b"nonsense", plistlib.dumps({"extensions": [{"state": "?"}, 7]}), plistlib.dumps([])):
            it.disk.write_bytes(PATH, content)
            it.restart()
            assert it.states == []
        assert await it.activate(it.install(agent())) == "waiting"

    mac(story)


# Defects


def test_sys_03_asks_nobody(mac: Any) -> None:
    async def story(it: Mac) -> None:
        app = it.install(agent())
        assert await it.activate(app) == "completed"
        assert it.display.alerts == []
        it.extensions.reset()
        it.management.install({"AllowUserOverrides": False})
        assert await it.activate(app) == "FORBIDDEN_BY_POLICY"

    mac(story, defects=frozenset({"SYS-03"}))


def test_sys_04_asks_although_a_profile_matches(mac: Any) -> None:
    async def story(it: Mac) -> None:
        allowed = {"AllowedTeamIdentifiers": [TEAM]}
        it.management.install(allowed)
        assert await it.activate(it.install(agent())) == "waiting"
        it.management.install(allowed, {"AllowedSystemExtensions": {TEAM: [AGENT]}})
        assert it.states == ["activated waiting for user"]
        it.extensions.reset()
        it.management.install(allowed, {"AllowUserOverrides": False})
        assert await it.activate(it.install(agent())) == "waiting"

    mac(story, defects=frozenset({"SYS-04"}))


def test_a_kext_is_no_application(mac: Any, tmp_path: Path) -> None:
    async def story(it: Mac) -> None:
        kext = make(Extension("driver", ExtensionKind.KEXT, "com.example.kextrel.driver"), tmp_path)
        it.disk.mkdir("/Applications/x.app")
        it.disk.write_bytes("/Applications/x.app/Info.plist", (kext / "Contents" / "Info.plist").read_bytes())
        assert await it.activate("/Applications/x.app") == ErrorCode.SIGNATURE_INVALID.name

    mac(story)
