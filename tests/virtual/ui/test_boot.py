from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("text", ["Continue holding for startup options…", "Loading startup options…"])
def test_the_boot_rom_says_what_holding_leads_to(mac: Any, text: str) -> None:
    mac.display.firmware(text)
    assert mac.text == text
    assert mac.display.signal


def test_nobody_listens_while_it_boots(mac: Any) -> None:
    mac.display.entered("firmware")
    mac.press("return", "command-q")
    mac.type("lost")
    assert mac.text == ""
    assert mac.display.signal
    assert mac.done == []


def test_without_power_there_is_no_signal_and_keys_are_lost(mac: Any) -> None:
    mac.display.entered("off")
    mac.press("return")
    assert not mac.display.signal
    assert mac.text == ""
    assert mac.display.jpeg() is None
