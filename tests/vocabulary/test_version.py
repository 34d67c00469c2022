"""Versions compare by number; a Rapid Security Response comes after the release that it is for."""

from __future__ import annotations

import pytest

from kextrel.vocabulary import Version

RISING = (
    *(
        "10.11",
        "10.12.6",
        "10.13",
        "10.13.2",
        "10.13.4",
        "10.13.6",
        "10.14.5",
        "10.15",
        "11.0",
        "11.3",
        "11.6",
        "11.6.4",
    ),
    *("12.0", "12.0.1", "13.4.1", "13.4.1 (a)", "13.4.1(c)", "13.5", "15", "15.0.1", "26.0", "26.3.1"),
)


def test_they_rise_in_this_order() -> None:
    parsed = [Version.parse(text) for text in RISING]
    assert sorted(parsed) == parsed
    assert len(set(parsed)) == len(RISING)


@pytest.mark.parametrize(
    ("one", "same"), [("15", "15.0"), ("11.0", "11.0.0"), ("13.4.1 (c)", "13.4.1(c)"), ("13.4.1c", "13.4.1 (c)")]
)
def test_missing_parts_are_nothing_and_spaces_too(one: str, same: str) -> None:
    assert Version.parse(one) == Version.parse(same)


@pytest.mark.parametrize("text", ["", "14.", "14.5.1.2", "Sonoma", "14,5", "14.5 (cc)", "-1", "14.x"])
def test_anything_else_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="macOS version"):
        Version.parse(text)
