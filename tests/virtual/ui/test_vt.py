from __future__ import annotations

import pytest

from kextrel.virtual.ui.vt import COLUMNS, ROWS, Vt


@pytest.fixture
def vt() -> Vt:
    return Vt()


def test_lines_scroll_off_the_top(vt: Vt) -> None:
    vt.feed(b"".join(b"line %d\r\n" % number for number in range(30)))
    assert vt.lines()[0] == "line 7"
    assert vt.lines()[ROWS - 2] == "line 29"
    assert (vt.row, vt.column) == (ROWS - 1, 0)


def test_a_long_line_wraps_when_its_81st_character_comes(vt: Vt) -> None:
    vt.feed(b"x" * COLUMNS)
    assert vt.row == 0
    vt.feed(b"yz")
    assert vt.lines()[:2] == ["x" * COLUMNS, "yz"]


def test_backspace_tab_and_return_move_the_cursor(vt: Vt) -> None:
    vt.feed(b"abc\b \b\tx\rA")
    assert vt.lines()[0] == "Ab      x"


def test_characters_cut_between_two_writes_are_whole(vt: Vt) -> None:
    for byte in "“é".encode():
        vt.feed(bytes([byte]))
    assert vt.lines()[0] == "“é"


def test_control_sequences_move_and_erase(vt: Vt) -> None:
    vt.feed(b"one\r\ntwo\x1b[1;2HX\x1b[K\x1b[2;1H\x1b[1P\x1b[C!")
    assert vt.lines()[:2] == ["oX", "w!"]
    vt.feed(b"\x1b[2J\x1b[Htop")
    assert vt.lines()[0] == "top"
    assert not any(vt.lines()[1:])


def test_a_sequence_cut_in_the_middle_waits_for_its_rest(vt: Vt) -> None:
    vt.feed(b"\x1b[")
    vt.feed(b"31")
    vt.feed(b"mred\x1b[0m\x1b]0;title\x07.")
    assert vt.lines()[0] == "red."


@pytest.mark.parametrize(
    "hostile", [b"\x1b[999999999;999999999H*", b"\x1b[" + b"9" * 100 + b"*", b"\x1b[-1A\x1b[99P*", b"\xff\xfe*"]
)
def test_nothing_that_a_program_writes_breaks_it(vt: Vt, hostile: bytes) -> None:
    vt.feed(hostile)
    assert len(vt.lines()) == ROWS
    assert all(len(line) <= COLUMNS for line in vt.lines())
    assert "*" in "".join(vt.lines())
