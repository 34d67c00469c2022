from __future__ import annotations

from typing import Any

import pytest

PRIVACY = "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security"
BLOCKED = "System software from developer “Kextrel Sample” was blocked from loading."
SHEET = "Privacy & Security is trying to modify your system settings."
RESTART = "A restart is required before new system extensions can be used."


@pytest.fixture
def settings(mac: Any) -> Any:
    mac.display.entered("macos")
    mac.kernel.ask()
    assert mac.display.open_settings(PRIVACY)
    return mac


@pytest.fixture
def sheet(settings: Any) -> Any:
    settings.press("tab", "tab", "tab", "space")
    assert SHEET in settings.text
    return settings


def test_the_pane_says_what_was_blocked_and_offers_to_allow_it(settings: Any) -> None:
    assert BLOCKED in settings.text
    assert "Allow" in [part.strip() for line in settings.text.splitlines() for part in line.split("    ")]
    assert "Enable System Extensions…" not in settings.text


def test_without_anything_pending_it_offers_nothing(mac: Any) -> None:
    mac.display.entered("macos")
    mac.display.open_settings(PRIVACY)
    assert "blocked" not in mac.text
    assert "FileVault    Turn On…" in mac.text
    mac.press("tab", "tab", "tab", "space")
    assert SHEET not in mac.text


def test_what_is_asked_for_later_appears_in_an_open_window(mac: Any) -> None:
    mac.display.entered("macos")
    mac.display.open_settings(PRIVACY)
    mac.press("tab", "tab")
    mac.kernel.ask()
    assert BLOCKED in mac.text
    mac.press("tab", "space")
    assert SHEET in mac.text


def test_without_keyboard_navigation_tab_never_leaves_the_search_field(mac: Any) -> None:
    mac.lacks("PREP-07")
    mac.display.entered("macos")
    mac.kernel.ask()
    mac.display.open_settings(PRIVACY)
    mac.press("tab", "tab", "tab", "space")
    assert SHEET not in mac.text
    assert BLOCKED in mac.text


def test_the_sheet_asks_the_one_who_is_logged_in(sheet: Any) -> None:
    for words in ("Enter your password to allow this.", "Lab Admin", "Cancel    Modify Settings"):
        assert words in sheet.text
    sheet.type("xyzzy")
    assert "•••••" in sheet.text
    assert "xyzzy" not in sheet.text


def test_the_password_allows_it_and_a_restart_is_due(sheet: Any) -> None:
    sheet.type("swordfish")
    sheet.press("return")
    assert sheet.kernel.approved == [("com.example.kextrel.driver", "admin")]
    assert RESTART in sheet.text
    assert SHEET not in sheet.text
    assert "Not Now    Restart" in sheet.text
    assert sheet.done == []


@pytest.mark.parametrize(("key", "done"), [("escape", []), ("return", ["restart"])])
def test_escape_is_not_now_and_return_is_restart(sheet: Any, key: str, done: list[str]) -> None:
    sheet.type("swordfish")
    sheet.press("return", key)
    assert sheet.done == done
    assert RESTART not in sheet.text
    assert BLOCKED not in sheet.text


def test_a_wrong_password_keeps_the_sheet_with_an_empty_field(sheet: Any) -> None:
    sheet.type("goldfish")
    sheet.press("return")
    assert SHEET in sheet.text
    assert "•" not in sheet.text
    assert sheet.kernel.approved == []
    sheet.type("swordfish")
    sheet.press("return")
    assert len(sheet.kernel.approved) == 1


def test_a_standard_user_is_refused_with_the_right_password(sheet: Any) -> None:
    sheet.press("shift-tab")
    sheet.type("Lab Student")
    assert "Lab Student" in sheet.text
    sheet.press("tab")
    sheet.type("goldfish")
    sheet.press("return")
    assert SHEET in sheet.text
    assert sheet.kernel.approved == []


def test_an_administrator_may_answer_for_a_standard_user(mac: Any) -> None:
    mac.console_user = "student"
    mac.display.entered("macos")
    mac.kernel.ask()
    mac.display.open_settings(PRIVACY)
    mac.press("tab", "tab", "tab", "space", "shift-tab")
    mac.type("admin")
    mac.press("tab")
    mac.type("swordfish")
    mac.press("return")
    assert mac.kernel.approved == [("com.example.kextrel.driver", "admin")]


def test_escape_cancels_the_sheet(sheet: Any) -> None:
    sheet.type("swordfish")
    sheet.press("escape", "return")
    assert SHEET not in sheet.text
    assert sheet.kernel.approved == []
    assert BLOCKED in sheet.text


def test_kernel_management_has_the_last_word(sheet: Any) -> None:
    def refuse(_pending: object, _user: str) -> None:
        raise PermissionError

    sheet.kernel.approve = refuse
    sheet.type("swordfish")
    sheet.press("return")
    assert SHEET in sheet.text
    assert RESTART not in sheet.text


@pytest.fixture
def forbidden(mac: Any) -> Any:
    mac.display.entered("macos")
    mac.kernel.ask(allowed_by_policy=False)
    mac.display.open_settings(PRIVACY)
    mac.press("tab", "tab", "tab", "space")
    return mac


def test_where_the_policy_allows_no_kexts_recovery_is_pointed_to(forbidden: Any) -> None:
    for words in (
        "To enable system extensions, you need to modify your",
        "shut down your system",
        "Cancel    Shutdown",
    ):
        assert words in forbidden.text
    forbidden.press("escape")
    assert BLOCKED in forbidden.text
    assert "Enable System Extensions…" in forbidden.text
    assert forbidden.kernel.approved == []
    assert forbidden.done == []


def test_its_other_button_shuts_down(forbidden: Any) -> None:
    forbidden.press("return")
    assert forbidden.done == ["shutdown"]


def test_two_developers_are_two_sentences(settings: Any) -> None:
    settings.kernel.ask(developer_name="Another Maker")
    assert BLOCKED in settings.text
    assert "“Another Maker” was blocked" in settings.text
    settings.press("tab", "tab", "tab", "tab", "space")
    settings.type("swordfish")
    settings.press("return")
    assert [one.developer_name for one in settings.kernel.waiting] == ["Kextrel Sample"]


def test_the_sidebar_leads_to_other_panes(settings: Any) -> None:
    settings.press("tab", "up")
    assert BLOCKED not in settings.text
    settings.press("down")
    assert BLOCKED in settings.text


def test_another_url_opens_another_pane(mac: Any) -> None:
    mac.display.entered("macos")
    mac.kernel.ask()
    mac.display.open_settings("x-apple.systempreferences:com.apple.General")
    assert BLOCKED not in mac.text
    mac.display.open_settings(PRIVACY)
    assert BLOCKED in mac.text


def test_the_search_field_has_the_first_keys(settings: Any) -> None:
    settings.type("kext")
    assert any(line.startswith("kext") for line in settings.text.splitlines())


def test_a_source_of_applications_needs_an_administrator_too(settings: Any) -> None:
    settings.press("tab", "tab", "space", "up", "return")
    assert SHEET in settings.text
    settings.type("swordfish")
    settings.press("return")
    assert "Allow applications downloaded from    App Store\n" in settings.text
    assert settings.kernel.approved == []


def test_where_a_profile_forbids_it_there_is_the_sentence_and_no_button(mac: Any) -> None:
    mac.display.entered("macos")
    mac.kernel.ask(forbidden=True)
    mac.display.open_settings(PRIVACY)
    assert BLOCKED in mac.text
    assert "Allow" not in [part.strip() for line in mac.text.splitlines() for part in line.split("    ")]
    mac.press("tab", "tab", "tab", "space")
    assert SHEET not in mac.text


def test_a_standard_user_approves_where_a_profile_lets_anybody(sheet: Any) -> None:
    sheet.kernel.by_anybody = True
    sheet.press("shift-tab")
    sheet.type("Lab Student")
    sheet.press("tab")
    sheet.type("goldfish")
    sheet.press("return")
    assert sheet.kernel.approved == [("com.example.kextrel.driver", "student")]
