"""sysextd: what a profile changes, before and after an extension is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.vocabulary import Category
from sysextdmac import AGENT, TEAM, Mac, agent


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
