from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

UTILITIES = ["Restore from Time Machine", "Reinstall macOS Sonoma", "Safari", "Disk Utility", "Continue"]


@pytest.fixture
def inside(mac: Any) -> Any:
    mac.display.entered("recovery")
    mac.press("return")
    mac.type("swordfish")
    mac.press("return")
    return mac


def test_it_asks_who_you_are_and_lists_administrators_who_own_the_volume(mac: Any) -> None:
    mac.display.entered("recovery")
    lines = mac.text.splitlines()
    assert lines[:2] == ["macOS Recovery", "Select a user you know the password for."]
    assert "Lab Admin" in lines
    assert "Lab Student" not in mac.text
    assert lines[-1] == "Forgot all passwords?    Next"


def test_a_wrong_password_is_said_to_be_wrong_and_the_field_is_empty(mac: Any) -> None:
    mac.display.entered("recovery")
    mac.press("return")
    assert "Enter the password for the user “Lab Admin”." in mac.text.splitlines()
    mac.type("Sword")
    assert "•••••" in mac.text
    assert "Sword" not in mac.text
    mac.press("return")
    assert "The password you entered is incorrect." in mac.text
    assert "•" not in mac.text
    mac.type("swordfish")
    mac.press("return")
    assert UTILITIES[0] in mac.text


def test_escape_goes_back_to_the_users(mac: Any) -> None:
    mac.display.entered("recovery")
    mac.press("return", "escape")
    assert "Select a user you know the password for." in mac.text


def test_the_other_administrator_is_one_arrow_away(mac: Any) -> None:
    second = replace(mac.spec.accounts[0], name="other", full_name="Other Admin", password="eel")
    mac.spec = replace(mac.spec, accounts=(*mac.spec.accounts, second), owners=(*mac.spec.owners, second))
    mac.display.entered("recovery")
    mac.press("right", "return")
    assert "“Other Admin”" in mac.text
    mac.type("eel")
    mac.press("return")
    assert UTILITIES[0] in mac.text


def test_where_nobody_owns_the_volume_the_right_password_is_refused(mac: Any) -> None:
    mac.spec = replace(mac.spec, owners=())
    mac.display.entered("recovery")
    mac.press("return")
    mac.type("swordfish")
    mac.press("return")
    assert "The password you entered is incorrect." in mac.text


def test_without_a_mouse_it_goes_no_further(mac: Any) -> None:
    mac.lacks("PREP-08")
    mac.display.entered("recovery")
    mac.press("return", "escape", "command-q", "tab", "space")
    assert mac.text.splitlines()[0] == "Connect a mouse or trackpad"


def test_the_utilities_come_after_the_password(inside: Any) -> None:
    lines = inside.text.splitlines()
    assert lines[0].split() == ["Recovery", "File", "Edit", "Utilities", "Window", "Help"]
    assert lines[1:] == UTILITIES


def test_terminal_by_its_shortcut_and_not_before_the_password(mac: Any) -> None:
    mac.display.entered("recovery")
    mac.press("command-shift-t")
    assert mac.system.shells == []
    mac.press("return")
    mac.type("swordfish")
    mac.press("return", "command-shift-t")
    assert len(mac.system.shells) == 1
    assert mac.text.splitlines()[1:] == ["Terminal — bash — 80×24", "-bash-3.2#"]
    mac.press("command-shift-t")
    assert len(mac.system.shells) == 1


def test_terminal_by_the_menu_bar(inside: Any) -> None:
    inside.press("control-f2", "right", "right", "right", "down")
    for item in ("Startup Security Utility", "Terminal", "Share Disk…"):
        assert item in inside.text.splitlines()
    inside.press("down", "return")
    assert "-bash-3.2#" in inside.text
    assert "Startup Security Utility" not in inside.text


def test_escape_leaves_the_menu_bar(inside: Any) -> None:
    inside.press("control-f2", "right", "right", "right", "down", "down", "escape", "return")
    assert inside.system.shells == []


def test_quitting_terminal_hangs_it_up_and_brings_the_utilities_back(inside: Any) -> None:
    inside.press("command-shift-t")
    assert UTILITIES[0] not in inside.text
    inside.press("command-q")
    assert inside.system.shells[0].tty.hung_up
    assert UTILITIES[0] in inside.text


def test_the_assistant_cannot_be_quit(inside: Any) -> None:
    inside.press("command-q", "command-w")
    assert UTILITIES[0] in inside.text


def test_another_utility_is_a_window_of_its_own(inside: Any) -> None:
    inside.press("down", "down", "return")
    assert "Disk Utility" not in inside.text
    inside.press("command-q")
    assert "Disk Utility" in inside.text


def test_a_restart_hangs_up_the_shell(inside: Any) -> None:
    inside.press("command-shift-t")
    inside.display.entered("off")
    assert inside.system.shells[0].tty.hung_up


def test_intel_without_t2_asks_nobody_and_has_only_terminal_in_its_menu(mac: Any) -> None:
    mac.is_a("intel", "12.7")
    mac.display.entered("recovery")
    lines = mac.text.splitlines()
    assert lines[0].split() == ["Recovery", "File", "Edit", "Utilities", "Window"]
    assert "Reinstall macOS Monterey" in lines
    mac.press("control-f2", "right", "right", "right", "down")
    assert "Startup Security Utility" not in mac.text
    mac.press("return")
    assert "Terminal — bash — 80×24" in mac.text


def test_before_11_it_was_macos_utilities(mac: Any) -> None:
    mac.is_a("intel", "10.14.6")
    mac.display.entered("recovery")
    lines = mac.text.splitlines()
    assert lines[0].split() == ["macOS", "Utilities", "File", "Edit", "Utilities", "Window"]
    assert {"Reinstall macOS", "Get Help Online", "Disk Utility"} <= set(lines)
    mac.press("control-f2", "right", "right", "right", "down")
    assert "Firmware Password Utility" in mac.text
    mac.press("down", "down", "return")
    assert "Terminal — bash — 80×24" in mac.text


def test_a_t2_mac_asks_who_you_are(mac: Any) -> None:
    mac.is_a("intel-t2", "13.6")
    mac.display.entered("recovery")
    assert "Select a user you know the password for." in mac.text
    mac.press("return")
    mac.type("swordfish")
    mac.press("return")
    assert "Reinstall macOS Ventura" in mac.text
    mac.press("control-f2", "right", "right", "right", "down")
    assert "Startup Security Utility" in mac.text
    assert "Share Disk…" not in mac.text
