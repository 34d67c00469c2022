"""JSON lines that people read in a terminal: they say the same, and order it nothing."""

from __future__ import annotations

import json

import pytest

from kextrel.cli.jsonline import json_line


@pytest.mark.parametrize("mark", ["\x1b", "\x9b", "\u202e", "\u2066", "\u2028", "\ud800", "\x7f"], ids=ascii)
def test_what_a_terminal_would_obey_is_escaped_and_comes_back(mark: str) -> None:
    line = json_line({"said": f"a{mark}b é"})
    assert mark not in line
    assert "é" in line
    assert json.loads(line) == {"said": f"a{mark}b é"}
