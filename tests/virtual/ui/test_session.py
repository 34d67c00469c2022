from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

FINDER = ["Finder", "File", "Edit", "View", "Go", "Window", "Help"]
MENU = "  ".join(FINDER)


def test_automatic_login_shows_the_desktop(mac: Any) -> None:
    mac.display.entered("macos")
    assert mac.text.startswith(MENU)


@pytest.fixture
def login(mac: Any) -> Any:
    mac.console_user = None
    mac.display.entered("macos")
    return mac


def test_without_it_the_login_window_waits_for_a_password(login: Any) -> None:
    assert login.text.splitlines() == ["Lab Admin", "Enter Password"]
    login.type("swordfish")
    assert login.text.splitlines() == ["Lab Admin", "•" * 9]
    login.press("return")
    assert login.text.startswith(MENU)
    assert login.console_user == "admin"


def test_a_wrong_password_logs_nobody_in(login: Any) -> None:
    login.type("goldfish")
    login.press("return")
    assert login.text.splitlines() == ["Lab Admin", "Enter Password"]
    assert login.console_user is None


def test_an_arrow_goes_to_the_other_user(login: Any) -> None:
    login.type("x")
    login.press("right")
    assert login.text.splitlines() == ["Lab Student", "Enter Password"]
    login.type("goldfish")
    login.press("return")
    assert login.console_user == "student"


def test_without_a_session_no_dialogue_appears_and_nothing_is_opened(login: Any) -> None:
    login.display.extension_blocked("Kextrel Sample")
    assert (
        login.display.open_settings("x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension") is False
    )
    assert login.display.quit("System Settings") is False
    login.type("swordfish")
    login.press("return")
    assert "Blocked" not in login.text
    assert "Settings" not in login.text


def test_a_prepared_mac_stays_awake(mac: Any) -> None:
    mac.display.entered("macos")
    mac.clock.go(100_000)
    assert mac.display.signal


@pytest.fixture
def idle(mac: Any) -> Any:
    mac.lacks("PREP-06")
    mac.display.entered("macos")
    mac.clock.go(599)
    assert mac.text.startswith(MENU)
    mac.clock.go(1)
    return mac


def test_an_unprepared_one_puts_its_display_to_sleep(idle: Any) -> None:
    assert not idle.display.signal
    assert idle.text == ""
    assert idle.display.jpeg() is None


def test_the_first_key_only_wakes_it_and_the_next_go_to_the_lock_screen(idle: Any) -> None:
    idle.type("s")
    assert idle.text.splitlines() == ["Lab Admin", "Enter Password"]
    idle.type("swordfish")
    idle.press("return")
    assert idle.text.startswith(MENU)


def test_keys_put_the_sleep_off(mac: Any) -> None:
    mac.lacks("PREP-06")
    mac.display.entered("macos")
    mac.clock.go(599)
    mac.press("escape")
    mac.clock.go(599)
    assert mac.display.signal
    mac.clock.go(1)
    assert not mac.display.signal


def test_what_is_opened_on_a_locked_mac_waits_behind_the_lock_screen(idle: Any) -> None:
    assert idle.display.open_settings("x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security")
    idle.press("tab")
    idle.press("tab", "space")
    assert "Privacy" not in idle.text
    assert idle.console_user == "admin"


def test_a_screen_of_an_earlier_boot_locks_nothing(idle: Any, mac: Any) -> None:
    mac.display.entered("off")
    mac.lacks()
    mac.display.entered("macos")
    mac.clock.go(1200)
    assert mac.text.startswith(MENU)


def test_control_command_q_locks(mac: Any) -> None:
    mac.display.entered("macos")
    mac.press("control-command-q")
    assert mac.text.splitlines() == ["Lab Admin", "Enter Password"]


@dataclass
class Vault:
    users: tuple[Any, ...]
    asked: list[tuple[str, str]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def takes(self, user: str, password: str) -> bool:
        self.asked.append((user, password))
        return any((one.name, one.password) == (user, password) for one in self.users)

    def open(self, login: str) -> None:
        self.opened.append(login)


@pytest.fixture
def vault(mac: Any) -> Vault:
    mac.filevault = Vault(mac.spec.owners)
    mac.display.entered("locked")
    return mac.filevault


def test_filevault_looks_as_the_login_window_does(mac: Any, vault: Vault) -> None:
    assert mac.text.splitlines() == ["Lab Admin", "Enter Password"]
    mac.type("swordfish")
    mac.press("return")
    assert vault.opened == ["admin"]


def test_filevault_asks_again_after_a_wrong_password(mac: Any, vault: Vault) -> None:
    mac.type("goldfish")
    mac.press("return")
    assert (vault.asked, vault.opened) == ([("admin", "goldfish")], [])
    assert mac.text.splitlines() == ["Lab Admin", "Enter Password"]
    mac.press("right")
    mac.type("goldfish")
    mac.press("return")
    assert vault.opened == ["student"]


def test_before_the_boot_nothing_is_opened_and_no_key_leads_elsewhere(mac: Any, vault: Vault) -> None:
    mac.display.extension_blocked("Kextrel Sample")
    assert mac.display.open_settings("x-apple.systempreferences:x") is False
    mac.press("escape")
    assert mac.text.splitlines() == ["Lab Admin", "Enter Password"]
