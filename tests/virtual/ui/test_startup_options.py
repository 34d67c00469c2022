from __future__ import annotations

from typing import Any

import pytest

OPTIONS = "Macintosh HD    Options"


@pytest.fixture(autouse=True)
def _options(mac: Any) -> None:
    mac.display.entered("startup-options")


def test_nothing_is_selected_at_first_so_return_is_lost(mac: Any) -> None:
    mac.press("return", "left", "return")
    assert mac.text.splitlines() == [OPTIONS, "Shut Down    Restart"]
    assert mac.done == []


@pytest.mark.parametrize(
    ("keys", "choice"),
    [
        (["right"], "macos"),
        (["right", "right"], "recovery"),
        (["right", "right", "right"], "recovery"),
        (["right", "right", "left"], "macos"),
    ],
)
def test_arrows_select_and_return_continues(mac: Any, keys: list[str], choice: str) -> None:
    mac.press(*keys)
    assert mac.text.splitlines() == [OPTIONS, "Continue", "Shut Down    Restart"]
    mac.press("return", "return")
    assert mac.done == [f"boot {choice}"]


def test_a_key_acts_when_it_goes_down_and_does_not_repeat(mac: Any) -> None:
    mac.display.key(True, 0x4F, 0)
    mac.display.key(False, 0x4F, 0)
    mac.display.key(False, 0x4F, 0)
    mac.press("return")
    assert mac.done == ["boot macos"]


def test_shift_turns_continue_into_safe_mode_for_the_volume_alone(mac: Any) -> None:
    mac.display.entered("startup-options")
    mac.press("right")
    mac.display.key(True, 0xE1, 2)
    assert "Continue in Safe Mode" in mac.text
    mac.press("shift-return")
    assert mac.done == ["boot safe-mode"]
    mac.display.entered("startup-options")
    mac.press("right", "right", "shift-return")
    assert mac.done == ["boot safe-mode", "boot recovery"]


def test_with_a_second_macos_options_is_one_arrow_key_further(mac: Any) -> None:
    mac.lacks("PREP-10")
    mac.display.entered("startup-options")
    assert mac.text.splitlines()[0] == "Macintosh HD    Untitled    Options"
    mac.press("right", "right", "return")
    assert mac.done == ["boot other-macos"]
    mac.display.entered("other-macos")
    assert mac.text.startswith("Select Your Country or Region")
