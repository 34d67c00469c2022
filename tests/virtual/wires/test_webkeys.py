from __future__ import annotations

import pytest

from kextrel.virtual.wires.webkeys import WEB_KEYS


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("KeyA", 0x04), ("KeyZ", 0x1D), ("Digit1", 0x1E), ("Digit0", 0x27), ("Enter", 0x28), ("Space", 0x2C),
        ("Backslash", 0x31), ("Semicolon", 0x33), ("CapsLock", 0x39), ("F1", 0x3A), ("F12", 0x45), ("Insert", 0x49),
        ("ArrowRight", 0x4F), ("ArrowUp", 0x52), ("ControlLeft", 0xE0), ("MetaLeft", 0xE3), ("MetaRight", 0xE7),
    ],
)  # fmt: skip
def test_names_of_browsers_are_usages_of_the_keyboard_page(name: str, usage: int) -> None:
    assert WEB_KEYS[name] == usage


def test_no_two_names_are_one_key() -> None:
    assert len(set(WEB_KEYS.values())) == len(WEB_KEYS)
