"""System Preferences of macOS 12: a row is allowed only after the lock was opened by an administrator."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

URL = "x-apple.systempreferences:com.apple.preference.security?General"
BLOCKED = "System software from developer “Kextrel Sample” was blocked from loading."


@pytest.fixture
def monterey(mac: Any) -> Any:
    mac.is_a("intel", "12.7")
    mac.display.entered("macos")
    return mac


@pytest.fixture
def asked(monterey: Any) -> Any:
    monterey.kernel.ask()
    assert monterey.display.open_settings(URL)
    return monterey


def _unlock(mac: Any, password: str = "swordfish") -> None:
    mac.press("tab", "tab", "space")
    mac.type(password)
    mac.press("return")


def test_the_pane_as_it_opens(asked: Any) -> None:
    lines = asked.text.splitlines()
    assert lines[0].split("  ")[0] == "System Preferences"
    assert "Security & Privacy" in lines
    assert "General    FileVault    Firewall    Privacy" in asked.text
    assert "Allow apps downloaded from:" in asked.text
    assert BLOCKED in asked.text
    assert "Click the lock to make changes." in asked.text


def test_allow_does_nothing_while_it_is_locked(asked: Any) -> None:
    asked.press("tab", "tab", "tab", "space")
    assert asked.kernel.approved == []
    assert "A restart is required" not in asked.text


def test_an_administrator_unlocks_and_allows(asked: Any) -> None:
    asked.press("tab", "tab", "space")
    assert "System Preferences is trying to unlock Security & Privacy preferences." in asked.text
    assert "Cancel    Unlock" in asked.text
    assert "Lab Admin" in asked.text
    asked.type("swordfish")
    asked.press("return")
    assert "Click the lock to prevent further changes." in asked.text
    asked.press("tab", "space")
    assert asked.kernel.approved == [("com.example.kextrel.driver", "admin")]
    assert "A restart is required before new system extensions can be used." in asked.text
    assert "Not Now    Restart" in asked.text
    asked.press("escape")
    assert asked.done == []


def test_restart_restarts(asked: Any) -> None:
    _unlock(asked)
    asked.press("tab", "space", "return")
    assert asked.done == ["restart"]


def test_a_wrong_password_leaves_it_locked_with_an_empty_field(asked: Any) -> None:
    _unlock(asked, "wrong")
    assert "trying to unlock" in asked.text
    assert "•" not in asked.text
    asked.press("escape", "tab", "space")
    assert asked.kernel.approved == []


def test_a_standard_user_cannot_unlock(asked: Any) -> None:
    asked.press("tab", "tab", "space", "shift-tab")
    asked.type("student")
    asked.press("tab")
    asked.type("goldfish")
    asked.press("return")
    assert "trying to unlock" in asked.text


def test_the_lock_closes_again(asked: Any) -> None:
    _unlock(asked)
    asked.press("space")
    assert "Click the lock to make changes." in asked.text
    asked.press("tab", "space")
    assert asked.kernel.approved == []


def test_applications_have_rows_of_their_own_under_the_kexts(asked: Any) -> None:
    record = SimpleNamespace(
        identifier="com.example.agent", application="Agent", unique_id="1", team_id="T", category=""
    )
    asked.extensions.waiting.append(record)
    assert "System software from application “Agent” was blocked from loading." in asked.text
    _unlock(asked)
    asked.press("tab", "tab", "space")
    assert asked.extensions.done == [("allow", "com.example.agent", "admin")]
    assert asked.kernel.approved == []


def test_without_keyboard_navigation_tab_stops_at_the_search_field_alone(monterey: Any) -> None:
    monterey.lacks("PREP-07")
    monterey.display.entered("macos")
    monterey.kernel.ask()
    monterey.display.open_settings(URL)
    monterey.press("tab", "tab", "space")
    assert "trying to unlock" not in monterey.text


def test_other_panes_show_all_icons_and_quit_closes(monterey: Any) -> None:
    monterey.display.open_settings("x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security")
    assert "Allow apps downloaded from:" not in monterey.text
    assert "Software Update" in monterey.text
    monterey.display.open_settings(URL)
    assert "Allow apps downloaded from:" in monterey.text
    monterey.display.quit("System Preferences")
    assert "Allow apps" not in monterey.text


def test_the_alert_names_the_place_of_this_release(monterey: Any) -> None:
    monterey.kernel.ask()
    monterey.display.extension_blocked("Kextrel Sample")
    text = " ".join(monterey.text.splitlines())
    assert "If you want to enable these extensions, open Security & Privacy System Preferences." in text
    assert "Open Security Preferences    OK" in text
    monterey.press("space")
    assert "Allow apps downloaded from:" in monterey.text


def test_13_has_system_settings(mac: Any) -> None:
    mac.is_a("intel-t2", "13.6")
    mac.display.entered("macos")
    mac.display.open_settings("x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security")
    assert mac.text.splitlines()[0].startswith("System Settings")
    assert "Allow applications downloaded from" in mac.text


def test_before_collections_nothing_is_restarted(mac: Any) -> None:
    mac.is_a("intel", "10.14.6")
    mac.display.entered("macos")
    mac.kernel.ask()
    mac.display.open_settings(URL)
    _unlock(mac)
    mac.press("tab", "space")
    assert mac.kernel.approved == [("com.example.kextrel.driver", "admin")]
    assert "A restart is required" not in mac.text


def test_allow_takes_no_click_that_a_programme_made(asked: Any) -> None:
    _unlock(asked)
    assert asked.display.click("System Preferences", "Allow")
    assert asked.kernel.approved == []
    assert not asked.display.click("System Preferences", "Deny")
    assert not asked.display.click("Mail", "Allow")
    assert asked.display.click("System Preferences", "lock")
    assert "Click the lock to make changes." in asked.text


def test_where_local_policy_lets_no_kext_be_the_row_leads_to_recovery(mac: Any) -> None:
    mac.is_a("apple-silicon", "12.7")
    mac.display.entered("macos")
    mac.kernel.ask(allowed_by_policy=False)
    mac.display.open_settings(URL)
    assert "Enable System Extensions…" in mac.text
    mac.press("tab", "tab", "tab", "space")
    assert "Shutdown" not in mac.text
    mac.press("shift-tab", "space")
    mac.type("swordfish")
    mac.press("return", "tab", "space")
    assert "Cancel    Shutdown" in mac.text
    mac.press("escape")
    assert (mac.done, mac.kernel.approved) == ([], [])
