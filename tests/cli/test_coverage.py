"""The coverage of the rules in a terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from kextrel.cli.coverage import print_coverage
from kextrel.report.coverage import Count, Coverage
from kextrel.report.results import Kind

RULES = tuple(f"KEXT-{n:02}" for n in range(1, 21))
MINI, OLD = Kind("apple-silicon", "14.5", "none"), Kind("intel", "10.15.7", "device")


def covered(kinds: dict[Kind, tuple[str, ...]], cells: dict[tuple[str, Kind], Count]) -> Coverage:
    return Coverage(RULES, kinds, cells, {kind: frozenset(RULES[:15]) for kind in kinds})


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "a folder with a long name of its own" / "report.html"


def printed(page: Path, found: Coverage) -> list[str]:
    page.parent.mkdir()
    (page.parent / "coverage.json").write_text(json.dumps(found.to_json()))
    out = io.StringIO()
    print_coverage(page, Console(file=out, width=80, highlight=False, markup=False))
    return [" ".join(line.split()) for line in out.getvalue().splitlines() if line.strip(" ─")]


def test_a_row_for_each_kind_of_mac_then_what_is_missing_then_the_page(page: Path) -> None:
    cells = {
        ("KEXT-01", MINI): Count(exercised=3, held=2, violated=1),
        ("KEXT-02", MINI): Count(exercised=1, held=1),
        ("KEXT-03", MINI): Count(bench_failed=1),
        ("KEXT-02", OLD): Count(exercised=1, held=1),
    }
    assert printed(page, covered({MINI: ("mini",), OLD: ("old",)}, cells)) == [
        "rules on exercised held violated left out",
        "apple-silicon 14.5 none 2 of 15 2 1 13",
        "intel 10.15.7 device 1 of 15 1 0 14",
        "rules: 2 of 20 exercised, 18 nowhere",
        "exercised nowhere: " + ", ".join(RULES[2:14]) + " and 6 more, see coverage.json",
        f"report: {page}",
    ]


def test_where_every_rule_was_exercised_none_is_missing(page: Path) -> None:
    cells = {(rule, MINI): Count(exercised=1, held=1) for rule in RULES}
    assert printed(page, covered({MINI: ("mini",)}, cells))[-2] == "rules: 20 of 20 exercised, 0 nowhere"


def test_many_kinds_of_mac_are_cut(page: Path) -> None:
    kinds = {Kind("intel", f"10.{n}", "none"): (f"m{n}",) for n in range(20)}
    told = printed(page, covered(kinds, {}))
    assert len(told) == 1 + 12 + 4
    assert "… and 8 other kinds of Mac" in told


def test_nothing_ran_is_told_too(page: Path) -> None:
    assert printed(page, covered({}, {}))[0] == "rules: 0 of 20 exercised, 20 nowhere"
