"""Every capture, whole and damaged: its facts are found, nothing is dropped, foreign text is refused."""

from __future__ import annotations

import pytest

from capturefacts import differences, without_stars
from kextrel.errors import UnreadableAnswer
from kextrel.macos.registry import COMMANDS, reader


def test_all_facts_are_found(capture):
    reading = reader(capture.command)(capture.text)
    assert differences(reading.facts(), capture.facts) == {}


def test_bytes_with_crlf_and_colours_read_the_same(capture):
    painted = "\n".join(
        f"\x1b[1m{line[:3]}\x1b[0;31m{line[3:]}\x1b[0m" if line else line for line in capture.text.split("\n")
    )
    reading = reader(capture.command)(painted.replace("\n", "\r\n").encode())
    assert differences(reading.facts(), capture.facts) == {}


def test_spaces_for_tabs_lose_no_more_than_the_columns_of_stars(capture):
    reading = reader(capture.command)(capture.text.replace("\t", "    "))
    assert differences(without_stars(reading.facts()), without_stars(capture.facts)) == {}


def test_a_banner_of_stderr_before_it_changes_nothing(capture):
    noise = "Executing: /usr/bin/kmutil something\nNo variant specified, falling back to release\n"
    reading = reader(capture.command)(noise + capture.text)
    assert differences(reading.facts(), capture.facts) == {}


def test_an_unknown_line_is_kept(capture):
    strange = "Zzyzx qwertz 1234 plugh"
    reading = reader(capture.command)(f"{capture.text.rstrip()}\n\n{strange}\n")
    assert any(strange in line for line in reading.unparsed) or strange in str(reading.facts())


def test_every_cut_tail_is_read_or_refused_never_another_error(capture):
    read = reader(capture.command)
    for cut in range(0, len(capture.text), max(1, len(capture.text) // 60)):
        try:
            read(capture.text[:cut])
        except UnreadableAnswer as refused:
            assert refused.command  # noqa: PT017 - the documented error is the other good end


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "text",
    [
        "sudo: a terminal is required to read the password; either use the -S option\n",
        "zsh: command not found: bputil\n",
        "<html><body>502 Bad Gateway</body></html>\n",
        "Segmentation fault: 11\n",
    ],
)
def test_foreign_text_is_refused_with_its_first_line(command, text):
    with pytest.raises(UnreadableAnswer) as refused:
        reader(command)(text + "and more of it\n")
    assert refused.value.line == text.rstrip("\n")
