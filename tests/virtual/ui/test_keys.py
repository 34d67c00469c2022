from __future__ import annotations

import string

import pytest

from kextrel.virtual.ui.keys import Key, is_modifier, key_of, usage_of


@pytest.mark.parametrize(
    ("usage", "modifiers", "typed"),
    [
        (0x04, 0, "a"),
        (0x04, 0x02, "A"),
        (0x04, 0x20, "A"),
        (0x1F, 0x02, "@"),
        (0x2C, 0, " "),
        (0x34, 0x02, '"'),
        (0x27, 0, "0"),
    ],
)
def test_a_key_types_what_a_us_keyboard_types(usage: int, modifiers: int, typed: str) -> None:
    key = key_of(usage, modifiers)
    assert key is not None
    assert key.types == typed


def test_a_command_types_nothing_and_keeps_its_name() -> None:
    assert key_of(0x17, 0x08 | 0x02) == Key("t", "T", command=True, shift=True)
    assert key_of(0x3B, 0x10) == Key("f2", control=True)
    key = key_of(0x17, 0x08)
    assert key is not None
    assert key.types == ""


def test_usages_that_no_mac_keyboard_has_are_no_keys() -> None:
    assert key_of(0x00, 0) is None
    assert key_of(0xA5, 0) is None
    assert is_modifier(0xE3)
    assert not is_modifier(0x04)


def test_every_printable_character_has_a_key_that_types_it() -> None:
    for character in string.ascii_letters + string.digits + string.punctuation + " ":
        found = usage_of(character)
        assert found is not None, character
        key = key_of(*found)
        assert key is not None
        assert key.types == character
    assert usage_of("é") is None
    assert usage_of("\n") == (0x28, 0)


def test_a_layout_that_nobody_set_exchanges_y_and_z() -> None:
    keys = [key_of(usage, 0, "German") for usage in (0x1C, 0x1D, 0x04, 0x38)]
    assert [key.char for key in keys if key] == ["z", "y", "a", "-"]
