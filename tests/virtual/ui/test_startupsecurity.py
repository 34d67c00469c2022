"""Startup Security Utility: the T2's stores at once, Apple silicon's asks the owner at the end."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.virtual.hardware.t2 import POLICY

_WALK = ("control-f2", "right", "right", "right", "down", "return")


def _come_in(mac: Any) -> None:
    mac.display.entered("recovery")
    if "Select a user" in mac.text:
        mac.press("return")
        mac.type("swordfish")
        mac.press("return")


@pytest.fixture
def t2_mac(mac: Any) -> Any:
    mac.is_a("intel-t2", "13.6")
    _come_in(mac)
    mac.press(*_WALK)
    return mac


@pytest.fixture
def silicon_mac(mac: Any) -> Any:
    _come_in(mac)
    mac.press(*_WALK)
    return mac


def _verify(mac: Any, password: str = "swordfish") -> None:
    mac.press("return", "return")
    mac.type(password)
    mac.press("return")


def test_the_t2_wants_an_administrator_first(t2_mac: Any) -> None:
    assert "macOS needs to verify a user to continue" in t2_mac.text
    assert "Enter macOS Password…" in t2_mac.text
    t2_mac.press("return")
    assert "Lab Admin" in t2_mac.text
    assert "Lab Student" not in t2_mac.text
    t2_mac.press("return")
    t2_mac.type("wrong")
    t2_mac.press("return")
    assert "The password you entered is incorrect." in t2_mac.text
    assert "Secure Boot" not in t2_mac.text


def test_an_arrow_on_the_t2s_radios_is_stored_at_once(t2_mac: Any) -> None:
    _verify(t2_mac)
    lines = t2_mac.text.splitlines()
    wanted = ["Secure Boot", "Full Security", "Medium Security", "No Security", "Allowed Boot Media"]
    assert [line for line in lines if line in wanted] == wanted
    t2_mac.press("down")
    assert t2_mac.t2.level == "Medium"
    t2_mac.press("down", "down")
    assert t2_mac.t2.level == "No"
    t2_mac.press("up", "up")
    assert t2_mac.t2.level == "Full"


def test_the_t2_keeps_it_in_its_variable_through_a_power_cut() -> None:
    from kextrel.virtual.clock import Clock
    from kextrel.virtual.hardware.nvram import Nvram
    from kextrel.virtual.hardware.t2 import T2

    nvram = Nvram(Clock(start=0.0, later=lambda *_: _Timer()))
    chip = T2(nvram)
    assert nvram.get(POLICY) == b"\x02"
    chip.set("No")
    nvram.power_lost()
    assert (nvram.get(POLICY), chip.level) == (b"\x00", "No")


class _Timer:
    def cancel(self) -> None:
        """Nothing waits for it."""


def test_tab_leads_to_the_boot_media_and_command_q_quits(t2_mac: Any) -> None:
    _verify(t2_mac)
    t2_mac.press("tab", "down")
    assert not t2_mac.t2.internal_only
    assert t2_mac.t2.level == "Full"
    t2_mac.press("command-q")
    assert "Reinstall macOS Ventura" in t2_mac.text


def test_silicon_lowers_to_reduced_with_both_boxes_after_the_owners_password(silicon_mac: Any) -> None:
    assert "Macintosh HD" in silicon_mac.text
    silicon_mac.press("return")
    assert "Full Security" in silicon_mac.text
    assert "Permissive" not in silicon_mac.text
    silicon_mac.press("down", "tab", "space", "tab", "space", "return")
    assert "Enter the password for the user “Lab Admin”." in silicon_mac.text
    silicon_mac.type("wrong")
    silicon_mac.press("return")
    assert "The password you entered is incorrect." in silicon_mac.text
    assert silicon_mac.sep.mode == {}
    silicon_mac.type("swordfish")
    silicon_mac.press("return")
    assert silicon_mac.sep.mode == {"smb0": 1, "smb2": 1, "smb3": 1}
    assert "Security Policy…" in silicon_mac.text


def test_under_full_the_boxes_cannot_be_reached(silicon_mac: Any) -> None:
    silicon_mac.press("return", "tab", "space")
    # Tab went to Cancel, Space pressed it: nothing is asked, the volume's page is back
    assert "Security Policy…" in silicon_mac.text
    assert "Full Security" not in silicon_mac.text


def test_outside_the_one_true_recovery_the_enclave_refuses(silicon_mac: Any) -> None:
    silicon_mac.sep.one_true = False
    silicon_mac.press("return", "down", "return")
    silicon_mac.type("swordfish")
    silicon_mac.press("return")
    assert "Security settings could not be changed." in silicon_mac.text
    assert silicon_mac.sep.mode == {}


def test_back_to_full_takes_everything_away(silicon_mac: Any) -> None:
    silicon_mac.sep.mode = {"smb0": 1, "smb2": 1}
    silicon_mac.press("return", "up", "return")
    silicon_mac.type("swordfish")
    silicon_mac.press("return")
    assert silicon_mac.sep.mode == {}
