"""System extensions on the screen: the alert, Settings up to 14, the sheets of 15, and who is asked when one goes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

PRIVACY = "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security"
SHEETS = (
    "x-apple.systempreferences:com.apple.ExtensionsPreferences?extensionPointIdentifier=com.apple.system_extension."
)
ENDPOINT = f"{SHEETS}endpoint_security.extension-point"
BLOCKED = "System software from application “Sample” was blocked from loading."
MODIFY = "Privacy & Security is trying to modify your system settings."
MODIFY_15 = "Login Items & Extensions is trying to modify your system settings."
AGENT = "com.example.kextrel.agent"


@pytest.fixture
def waiting(mac: Any) -> Any:
    """A Mac on whose desktop an extension of Sample waits."""
    mac.display.entered("macos")
    mac.extensions.waiting.append(_carried())
    return mac


@pytest.fixture
def fifteen(mac: Any) -> Any:
    """The same on 15.1, with two of a kind: one waits, one is on."""
    mac.spec = replace(mac.spec, macos="15.1")
    mac.display.entered("macos")
    mac.extensions.waiting.append(_carried())
    mac.extensions.on.append(_carried(identifier="com.example.kextrel.other", application="Other"))
    return mac


def _carried(**fields: str) -> Any:
    facts = {
        "identifier": AGENT,
        "application": "Sample",
        "category": "com.apple.system_extension.endpoint_security",
        "team_id": "KXTRL00001",
        **fields,
    }
    return SimpleNamespace(unique_id=f"unique {facts['identifier']}", **facts)


def test_the_alert_and_its_buttons(waiting: Any) -> None:
    waiting.display.application_blocked("Sample", "com.apple.system_extension.endpoint_security")
    waiting.display.application_blocked("Sample", "com.apple.system_extension.endpoint_security")
    for words in ("System Extension Blocked", "The application “Sample” tried to load", "Open System Settings    OK"):
        assert words in waiting.text
    waiting.press("return")
    assert "System Extension Blocked" not in waiting.text
    waiting.display.application_blocked("Sample", "com.apple.system_extension.endpoint_security")
    waiting.press("escape")
    assert "System Extension Blocked" not in waiting.text


@pytest.mark.parametrize(("macos", "there"), [("14.5", BLOCKED), ("15.1", "Endpoint Security Extensions")])
def test_the_other_button_leads_to_where_it_is_allowed(waiting: Any, macos: str, there: str) -> None:
    waiting.spec = replace(waiting.spec, macos=macos)
    waiting.display.entered("macos")
    waiting.display.application_blocked("Sample", "com.apple.system_extension.endpoint_security")
    waiting.press("space")
    assert there in waiting.text


def test_without_a_session_nobody_is_asked(mac: Any) -> None:
    mac.console_user = None
    mac.display.entered("macos")
    mac.display.application_blocked("Sample", "com.apple.system_extension.endpoint_security")
    assert "Blocked" not in mac.text
    assert not mac.display.authorize("Sample", "Sample is trying.", lambda _: None)
    assert not mac.display.delete("Sample", lambda _: None)


# Settings up to 14


def test_settings_allows_it_without_a_restart(waiting: Any) -> None:
    waiting.display.open_settings(PRIVACY)
    assert BLOCKED in waiting.text
    waiting.press("tab", "tab", "tab", "space")
    assert MODIFY in waiting.text
    waiting.type("goldfish")
    waiting.press("return")
    assert MODIFY in waiting.text
    waiting.type("swordfish")
    waiting.press("return")
    assert waiting.extensions.done == [("allow", AGENT, "admin")]
    assert MODIFY not in waiting.text
    assert "restart is required" not in waiting.text
    assert BLOCKED not in waiting.text


def test_one_row_an_application_below_those_of_developers(waiting: Any) -> None:
    waiting.extensions.waiting.append(_carried(identifier="com.example.kextrel.second"))
    waiting.kernel.ask()
    waiting.display.open_settings(PRIVACY)
    text = waiting.text
    assert text.count(BLOCKED) == 1
    assert text.index("developer “Kextrel Sample”") < text.index(BLOCKED)
    waiting.press("tab", "tab", "tab", "tab", "space")
    waiting.type("swordfish")
    waiting.press("return")
    assert [done[0] for done in waiting.extensions.done] == ["allow", "allow"]
    assert waiting.kernel.approved == []


def test_sysextd_has_the_last_word(waiting: Any) -> None:
    def refuse(_record: object, _user: str) -> None:
        raise LookupError

    waiting.extensions.allow = refuse
    waiting.display.open_settings(PRIVACY)
    waiting.press("tab", "tab", "tab", "space")
    waiting.type("swordfish")
    waiting.press("return")
    assert MODIFY in waiting.text


# 15's sheets


def test_fifteen_has_a_place_of_its_own(fifteen: Any) -> None:
    fifteen.display.open_settings(PRIVACY)
    assert BLOCKED not in fifteen.text
    assert "Allow applications from    App Store" in fifteen.text
    fifteen.display.open_settings(ENDPOINT)
    for words in ("Endpoint Security Extensions", "Sample", AGENT, "Other", "com.example.kextrel.other", "Done"):
        assert words in fifteen.text
    fifteen.display.open_settings(f"{SHEETS}network_extension.extension-point")
    assert "Network Extensions" in fifteen.text
    assert AGENT not in fifteen.text
    fifteen.press("escape")
    assert "Network Extensions" not in fifteen.text


def test_a_switch_is_flipped_by_an_administrator(fifteen: Any) -> None:
    fifteen.display.open_settings(ENDPOINT)
    fifteen.press("tab", "space")
    for words in ("Login Items & Extensions", MODIFY_15, "Enter your password to allow this.", "Modify Settings"):
        assert words in fifteen.text
    fifteen.type("swordfish")
    fifteen.press("return")
    assert fifteen.extensions.done == [("enable", AGENT, "admin")]
    fifteen.press("space")
    fifteen.type("swordfish")
    fifteen.press("return")
    assert fifteen.extensions.done[-1] == ("disable", AGENT, "admin")


@pytest.mark.parametrize("key", ["return", "space", "escape"])
def test_done_closes_the_sheet(fifteen: Any, key: str) -> None:
    fifteen.display.open_settings(ENDPOINT)
    fifteen.press("tab", "tab", key)
    assert "Endpoint Security Extensions" not in fifteen.text
    assert fifteen.extensions.done == []


def test_a_switch_that_a_profile_holds_does_not_move(fifteen: Any) -> None:
    fifteen.extensions.fixed = True
    fifteen.display.open_settings(ENDPOINT)
    fifteen.press("space")
    assert MODIFY_15 not in fifteen.text


def test_before_fifteen_the_url_shows_no_switches(waiting: Any) -> None:
    waiting.display.open_settings(ENDPOINT)
    assert "Endpoint Security Extensions" not in waiting.text


# Removing


@pytest.fixture
def asked(mac: Any) -> Any:
    """Somebody is asked whether Sample may remove its extension; `answers` gets who confirmed it."""
    mac.answers = []
    mac.display.entered("macos")
    assert mac.display.authorize("Sample", "Sample is trying to remove a system extension.", mac.answers.append)
    return mac


def test_an_administrator_lets_it_go(asked: Any) -> None:
    for words in ("Sample is trying to remove a system extension.", "Enter your password", "Cancel    OK"):
        assert words in asked.text
    asked.type("goldfish")
    asked.press("return")
    assert asked.answers == []
    asked.type("swordfish")
    asked.press("return")
    assert asked.answers == ["admin"]
    assert "Sample is trying" not in asked.text


def test_escape_is_cancel(asked: Any) -> None:
    asked.press("escape")
    assert asked.answers == [None]


def test_finder_asks_twice(mac: Any) -> None:
    answers: list[str | None] = []
    mac.display.entered("macos")
    mac.display.delete("Sample", answers.append)
    assert "“Sample” contains system extensions that will be removed." in mac.text
    assert "Cancel    Continue" in mac.text
    mac.press("return")
    assert "Finder wants to make changes." in mac.text
    mac.type("swordfish")
    mac.press("return")
    assert answers == ["admin"]


@pytest.mark.parametrize("keys", [("escape",), ("return", "escape")])
def test_finder_is_told_no(mac: Any, keys: tuple[str, ...]) -> None:
    answers: list[str | None] = []
    mac.display.entered("macos")
    mac.display.delete("Sample", answers.append)
    mac.press(*keys)
    assert answers == [None]
    assert "Sample" not in mac.text
