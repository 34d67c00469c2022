"""Which rules a run exercised, on which kind of Mac."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kextrel.errors import InputError
from kextrel.report import Coverage, Result, coverage, of_json
from kextrel.report.coverage import Count, write_coverage
from kextrel.report.results import Kind

MINI = Kind("apple-silicon", "14.5", "none")
INTEL = {"architecture": "intel", "macos": "10.15.7", "enrollment": "none"}


def covered(made: Any, *results: dict[str, Any]) -> Coverage:
    return coverage([Result.from_json(one) for one in results], made.laws)


def test_a_held_step_is_held_for_every_rule_that_decided_it(made: Any) -> None:
    found = covered(made, made.result(made.step(rules=["KEXT-04", "KEXT-06"]), made.step(2)))
    assert found.at("KEXT-06", MINI) == Count(exercised=2, held=2)
    assert found.at("KEXT-04", MINI) == Count(exercised=1, held=1)
    assert found.exercised == ("KEXT-04", "KEXT-06")
    assert found.nowhere == ("SYS-01",)


def test_a_rule_that_no_tool_shows_is_not_checked_whatever_came_of_the_step(made: Any) -> None:
    laws = made.laws | {"KEXT-04": replace(made.laws["KEXT-04"], shown=False)}
    held, broken = made.step(rules=["KEXT-04", "KEXT-06"]), made.step(2, verdict="bench-failed", rules=["KEXT-04"])
    found = coverage([Result.from_json(made.result(held, broken))], laws)
    assert found.at("KEXT-04", MINI) == Count(not_checked=1, bench_failed=1)
    assert (found.exercised, found.nowhere) == (("KEXT-06",), ("KEXT-04", "SYS-01"))


def test_a_violated_step_counts_for_the_rule_that_is_blamed_alone(made: Any) -> None:
    found = covered(made, made.result(made.step(verdict="violated", rules=["KEXT-04", "KEXT-06"])))
    assert found.at("KEXT-06", MINI) == Count(exercised=1, violated=1)
    assert found.nowhere == ("KEXT-04", "SYS-01")


def test_the_blamed_rule_need_not_be_one_that_decided(made: Any) -> None:
    found = covered(made, made.result(made.step(verdict="violated", rules=["KEXT-04"])))
    assert found.exercised == ("KEXT-06",)


def test_where_no_rule_is_blamed_all_that_decided_were_exercised(made: Any) -> None:
    verdict = {"verdict": "violated", "rule": None, "reason": "several"}
    found = covered(made, made.result(made.step(rules=["KEXT-04", "KEXT-06"]) | {"verdict": verdict}))
    assert {found.at(rule, MINI) for rule in ("KEXT-04", "KEXT-06")} == {Count(exercised=1)}
    assert found.at("KEXT-04", MINI).word == "exercised"


@pytest.mark.parametrize(
    ("verdict", "count"), [("bench-failed", Count(bench_failed=1)), ("not-checked", Count(not_checked=1))]
)
def test_what_was_not_judged_exercises_nothing(made: Any, verdict: str, count: Count) -> None:
    found = covered(made, made.result(made.step(verdict=verdict)))
    assert found.at("KEXT-06", MINI) == count
    assert found.exercised == ()


def test_kinds_of_mac_are_counted_apart(made: Any) -> None:
    other = made.result(made.step(rules=["KEXT-04"]), mac="old", facts=INTEL)
    found = covered(made, made.result(made.step(rules=["KEXT-04"])), other)
    assert {str(kind): names for kind, names in found.kinds.items()} == {
        "apple-silicon 14.5 none": ("mini",),
        "intel 10.15.7 none": ("old",),
    }
    assert found.of_rule("KEXT-04") == Count(exercised=2, held=2)
    assert found.at("KEXT-06", Kind(**INTEL)) == Count()


def test_a_rule_applies_to_the_macs_for_which_it_holds(made: Any) -> None:
    found = covered(made, made.result(made.step()), made.result(mac="old", facts=INTEL))
    assert found.applies[MINI] == {"KEXT-04", "KEXT-06", "SYS-01"}
    assert found.applies[Kind(**INTEL)] == {"KEXT-04", "SYS-01"}


def test_what_no_mac_fits_is_not_checked_for_the_rules_that_it_shows(made: Any) -> None:
    silent = made.step(verdict="not-checked", rules=[])
    wanted = {"architecture": "intel", "macos": ">=10.13", "enrollment": "none"}
    found = covered(made, made.result(silent, mac="no Mac", wanted=wanted, shows=["KEXT-04"]))
    assert found.kinds == {}
    assert found.of_rule("KEXT-04") == Count(not_checked=1)
    assert found.of_rule("KEXT-04").word == "not-checked"


def test_it_is_the_same_after_a_way_through_json(made: Any, tmp_path: Path) -> None:
    other = made.result(made.step(verdict="violated"), mac="old", facts=INTEL)
    found = covered(made, made.result(made.step(), made.step(2, "bench-failed")), other)
    told = json.loads(write_coverage(tmp_path, found).read_text())
    assert of_json(told) == found
    assert told["rules"]["SYS-01"]["exercised"] == 0
    assert told["exercised_nowhere"] == ["KEXT-04", "SYS-01"]


def test_another_schema_is_refused() -> None:
    with pytest.raises(InputError, match="kextrel/coverage/v1"):
        of_json({"schema": "kextrel/coverage/v2"})
