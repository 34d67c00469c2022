"""What terminals, mail and haste do to a text may cost facts. It never makes a wrong one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kextrel.errors import UnreadableAnswer
from kextrel.macos.registry import reader

Damage = Callable[[str, random.Random], str]


def tabs(text: str, luck: random.Random) -> str:
    return text.replace("\t", " " * luck.choice((1, 2, 4, 8)))


def carriage_returns(text: str, luck: random.Random) -> str:
    return text.replace("\n", "\r\n")


def colours(text: str, luck: random.Random) -> str:
    if "\x1b" in text:
        return text  # a sequence in the middle of another is no colour
    at = sorted(luck.randrange(len(text) + 1) for _ in range(6))
    pieces = [text[i:j] for i, j in zip([0, *at], [*at, len(text)], strict=True)]
    return "\x1b[0;31m".join(pieces)


def banner(text: str, luck: random.Random) -> str:
    lines = text.split("\n")
    noise = luck.choice(("No variant specified, falling back to release", "Executing: /usr/bin/kmutil showloaded"))
    return "\n".join([noise, *lines])


def blank_lines(text: str, luck: random.Random) -> str:
    return text.replace("\n", luck.choice(("\n\n", "  \n", "\n \t\n")))


def odd_blanks(text: str, luck: random.Random) -> str:
    return "".join("\xa0" if char == " " and luck.random() < 0.2 else char for char in text)


def cut_lines(text: str, luck: random.Random) -> str:
    lines = text.split("\n")
    return "\n".join(lines[: luck.randrange(len(lines))]) + "\n"


def cut_anywhere(text: str, luck: random.Random) -> str:
    return text[: luck.randrange(len(text))] if text else text


def wrapped(text: str, luck: random.Random) -> str:
    """As a terminal of that width breaks lines, in the middle of words."""
    width = luck.choice((80, 100, 132))
    pieces = [line[i : i + width] for line in text.split("\n") for i in range(0, max(1, len(line)), width)]
    return "\n".join(pieces)


def lost_line(text: str, luck: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    gone = luck.randrange(len(lines)) if lines else 0
    return "".join(lines[:gone] + lines[gone + 1 :])


def invalid(text: str, luck: random.Random) -> str:
    return "\udcff\n" + text


# In the order in which they happen: what a terminal adds to a line is never broken by it.
DAMAGES = (
    *(tabs, banner, odd_blanks, cut_lines, cut_anywhere, lost_line, wrapped, blank_lines, invalid, colours),
    carriage_returns,
)


def wrong(got: Any, true: Any, where: str) -> list[str]:
    """What `got` says that `true` does not. Silence is no lie, nor is the beginning of a text that was cut."""
    if (where, got) in LESS or (where == ".reboot" and EARLIER.startswith(str(got))):
        return []
    silent = got is None or got in ("", [], {}) if not isinstance(got, bool | int) else where in DEFAULT and not got
    if silent or (got == true and type(got) is type(true)):
        return []
    if isinstance(got, dict) and isinstance(true, dict):
        return [error for key, value in got.items() for error in wrong(value, true.get(key), f"{where}.{key}")]
    if isinstance(got, list) and isinstance(true, list):
        lies = [[wrong(one, other, f"{where}[{place}]") for other in true] for place, one in enumerate(got)]
        return [error for one in lies for error in (min(one, key=len) if one else [f"{where}: one too many"])]
    if isinstance(got, str) and isinstance(true, str) and _part(got, true, where):
        return []
    if isinstance(got, int) and isinstance(true, int) and not isinstance(got, bool) and where in COUNTS:
        return [] if got <= true else [f"{where}: {got}, not {true}"]
    return [f"{where}: {got!r}, not {true!r}"]


def _part(got: str, true: str, where: str) -> bool:
    """The beginning of a text; a log's message is a quotation."""
    start = "".join(true.split()).startswith("".join(got.split()))
    return start or where.endswith(".message")


# How many were read: fewer are left when some are gone.
COUNTS = (".policies", ".count", ".nodes")
# What is false until something says it.
DEFAULT = (".prompt", ".policies")
# True of what is left: an error whose kind was cut off, and one of two complaints, which together are another.
LESS = (
    *((".error", "failed"), (".reason", "ownership")),
    *((".reason", "bad_code_signature"), (".code", 29)),
    (".reason", "The operation couldn’t be completed."),
)
# The boot before the last one of a capture, where the line of that is lost.
EARLIER = "Thu Sep 28 14:08"


def lies(capture: Any, damages: list[Damage], seed: int) -> list[str]:
    """What the damaged text says that the whole one does not; nothing where it is refused."""
    luck, text = random.Random(seed), capture.text
    for damage in sorted(damages, key=DAMAGES.index):
        text = damage(text, luck)
    read = reader(capture.command)
    try:
        got = read(text.encode("utf-8", errors="surrogateescape")).facts()
    except UnreadableAnswer:
        return []
    return wrong(got, read(capture.text).facts(), "")


@given(st.data(), st.lists(st.sampled_from(DAMAGES), min_size=1, max_size=3, unique=True), st.integers(0, 2**32))
@settings(max_examples=250, deadline=None, derandomize=True)
def test_damage_costs_facts_and_makes_none(captures, data, damages, seed):
    capture = data.draw(st.sampled_from(captures))
    told = [damage.__name__ for damage in damages]
    assert lies(capture, damages, seed) == [], f"{capture.id} after {told} with {seed}"


# Damages that made a wrong fact once, among 200,000.
FOUND = (
    *(("systemextensionsctl-list/51", [odd_blanks, lost_line, wrapped], 290),),
    *(("systemextensionsctl-list/51", [tabs, wrapped], 846), ("KextPolicy/53", [lost_line, cut_anywhere], 12)),
    *(("codesign/01", [cut_anywhere, wrapped], 923), ("codesign/01", [blank_lines, cut_anywhere], 1359)),
    *(("ioreg/01", [cut_anywhere], 142), ("system_profiler-SPHardwareDataType/51", [cut_anywhere], 161)),
    *(("kext-load-errors/52", [lost_line], 49), ("kext-load-errors/54", [wrapped], 0)),
    *(("sw_vers/50", [cut_anywhere, invalid], 7), ("sw_vers/50", [odd_blanks, cut_anywhere], 10)),
)


@pytest.mark.parametrize(("name", "damages", "seed"), FOUND, ids=lambda value: value if isinstance(value, str) else "")
def test_a_damage_that_lied_once_does_so_no_more(captures, name, damages, seed):
    (capture,) = (one for one in captures if one.id == name)
    assert lies(capture, damages, seed) == []
