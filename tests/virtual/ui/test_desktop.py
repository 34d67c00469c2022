from __future__ import annotations

from typing import Any

import pytest

PRIVACY = "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security"


@pytest.fixture(autouse=True)
def _desktop(mac: Any) -> None:
    mac.display.entered("macos")


def test_a_blocked_extension_is_told_with_its_developer(mac: Any) -> None:
    mac.display.extension_blocked("Kextrel Sample")
    text = " ".join(mac.text.split())
    assert "System Extension Blocked A program tried to load" in text
    assert "signed by “Kextrel Sample”. If you want to enable these extensions, open System Settings." in text
    assert mac.text.splitlines()[-1] == "Open System Settings    OK"


@pytest.mark.parametrize("key", ["return", "escape"])
def test_return_and_escape_are_ok(mac: Any, key: str) -> None:
    mac.display.extension_blocked("Kextrel Sample")
    mac.press(key)
    assert "Blocked" not in mac.text
    assert "Settings" not in mac.text


def test_one_dialogue_for_one_developer(mac: Any) -> None:
    for _ in range(3):
        mac.display.extension_blocked("Kextrel Sample")
    mac.press("escape")
    assert "Blocked" not in mac.text
    mac.display.extension_blocked("Kextrel Sample")
    assert "Blocked" in mac.text


def test_its_other_button_opens_settings(mac: Any) -> None:
    mac.display.extension_blocked("Kextrel Sample")
    mac.press("space")
    assert "Privacy & Security" in mac.text
    assert "Allow applications downloaded from" in mac.text


def test_without_keyboard_navigation_no_button_of_a_dialogue_has_the_focus(mac: Any) -> None:
    mac.lacks("PREP-07")
    mac.display.entered("macos")
    mac.display.extension_blocked("Kextrel Sample")
    mac.press("tab", "space")
    assert "System Extension Blocked" in mac.text


def test_settings_is_brought_to_the_front_and_quits(mac: Any) -> None:
    assert mac.display.open_settings(PRIVACY)
    mac.display.extension_blocked("Kextrel Sample")
    assert mac.display.open_settings(PRIVACY)
    assert "Blocked" not in mac.text
    assert mac.text.startswith("System Settings  File")
    assert mac.display.quit("System Settings")
    assert "System Extension Blocked" in mac.text
    assert "Privacy & Security" not in mac.text


def test_a_dialogue_over_settings_gets_the_keys(mac: Any) -> None:
    mac.display.open_settings(PRIVACY)
    mac.display.extension_blocked("Kextrel Sample")
    mac.press("command-q", "escape")
    assert "Blocked" not in mac.text
    assert "Allow applications downloaded from" in mac.text


def test_keys_on_an_empty_desktop_are_lost(mac: Any) -> None:
    before = mac.text
    mac.type("hello")
    mac.press("return", "tab", "space", "command-q")
    mac.display.pointer(2048, 2048, 1)
    assert mac.text == before
