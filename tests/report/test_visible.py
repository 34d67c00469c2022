"""What cannot be seen is shown by a sign."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kextrel.report.visible import visible


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain text — “quoted”, 日本語", "plain text — “quoted”, 日本語"),
        ("\x1b[2Jgone", "␛[2Jgone"),
        ("nul\x00bell\x07", "nul␀bell␇"),
        ("a\tb\nc", "a\tb\nc"),
        ("one\r\ntwo\rthree", "one\ntwo␍three"),
        ("\x7f\x9b31m", "␡‹U+009B›31m"),
        ("kext\u202etxet", "kext‹U+202E›txet"),
        ("zero\u200bwidth\ufeff", "zero‹U+200B›width‹U+FEFF›"),
        ("lone\udc9b", "lone‹U+DC9B›"),
        ("tag\U000e0041", "tag‹U+E0041›"),
    ],
)
def test_each_unseen_character_has_a_sign(said: str, shown: str) -> None:
    assert visible(said) == shown


@given(st.text(st.characters()))
def test_what_is_left_can_be_written_and_moves_no_terminal(said: str) -> None:
    shown = visible(said)
    shown.encode()
    assert not any(ord(one) < 32 and one not in "\t\n" for one in shown)
    assert visible(shown) == shown
