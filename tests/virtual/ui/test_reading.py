from __future__ import annotations

from kextrel.virtual.ui.marks import Box, Layer, Rect, Text, wrapped
from kextrel.virtual.ui.reading import read

ALL = Rect(0, 0, 1280, 800)


def test_lines_go_from_top_to_bottom_and_from_left_to_right() -> None:
    marks = (Text(600, 102, "right"), Text(10, 200, "below"), Text(10, 100, "left"), Text(10, 20, "top"))
    assert read([Layer(ALL, marks)]) == "top\nleft    right\nbelow"


def test_words_that_stand_near_each_other_are_closer_in_the_line() -> None:
    assert read([Layer(ALL, (Text(10, 10, "File"), Text(70, 10, "Edit")))]) == "File  Edit"


def test_a_window_hides_the_text_under_it_and_no_other() -> None:
    below = Layer(ALL, (Text(100, 100, "hidden"), Text(100, 400, "beside")))
    above = Layer(Rect(90, 80, 200, 100), (Box(Rect(90, 80, 200, 100), "#ffffff"), Text(120, 120, "window")))
    assert read([below, above]) == "window\nbeside"
    assert read([above, Layer(Rect(0, 300, 1280, 200), below.marks[1:])]) == "window\nbeside"


def test_a_row_of_a_terminal_keeps_its_columns() -> None:
    row = "Security Mode:               Full       (smb0): absent"
    assert read([Layer(ALL, (Text(10, 10, row, 19, cell=12),))]) == row


def test_text_is_broken_at_spaces_and_nothing_is_lost() -> None:
    text = "A program tried to load new system extension(s) signed by “Kextrel Sample”."
    lines = list(wrapped(text, 200, 14))
    assert len(lines) > 2
    assert " ".join(lines) == text
    assert all(len(line) * 14 * 0.5 <= 200 for line in lines)
