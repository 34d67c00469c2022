"""sysextd: how extensions go, and what a restart and a power cut leave."""

from __future__ import annotations

import asyncio
import plistlib
from typing import Any

import pytest

from kextrel.virtual.macos.extensiondb import PATH
from sysextdmac import AGENT, TEAM, Mac, agent


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
