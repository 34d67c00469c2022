"""The audit: what a defect's certification says of the suite. Whole runs are in tests/acceptance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kextrel.certification import audit as module
from kextrel.certification.audit import SOUND, Finding, Found, audit, finding
from kextrel.certification.suite import Certificate, Order
from kextrel.cli.auditing import _exit_code, _line, _possible
from kextrel.errors import BenchError
from kextrel.lab import default_profile_path
from kextrel.virtual.spec import DEFECTS, OLDER_DEFECTS


def result(verdict: str, rule: str | None = None, name: str = "a walk", file: str = "a.mac.yaml") -> dict[str, Any]:
    return {"file": f"/s/{file}", "name": name, "verdict": {"verdict": verdict, "rule": rule, "reason": "because"}}


@pytest.mark.parametrize(
    ("results", "found"),
    [
        ([result("held"), result("violated", "KEXT-06")], Found.CAUGHT),
        ([result("held"), result("not-checked")], Found.MISSED),
        ([], Found.MISSED),
        ([result("violated", "KEXT-01")], Found.BLAMED_ON_ANOTHER),
        ([result("violated", "KEXT-06"), result("violated", "KEXT-01")], Found.CAUGHT_WITH_OTHERS),
        ([result("violated")], Found.BLAMED_ON_ANOTHER),
        ([result("violated", "KEXT-06"), result("bench-failed")], Found.BENCH_FAILED),
    ],
)
def test_a_defect_is_caught_where_its_own_rule_is_blamed_and_others_are_told(results: list[Any], found: Found) -> None:
    assert finding("KEXT-06", results).found is found


def test_what_no_mac_of_the_lab_could_show_is_not_missed_and_said() -> None:
    own, other = result("not-checked", file="KPI-05-hid.mac.yaml"), result("held", file="KEXT-06-full.mac.yaml")
    missed = finding("KPI-05", [own, other])
    assert (missed.found, missed.reason) == (Found.NOT_SHOWN, "its own scenarios were not checked: because")
    seen = result("held", file="KPI-05-hid.mac.yaml")
    assert finding("KPI-05", [own, seen]).reason == finding("KPI-05", [other]).reason == ""


def test_sound_macs_must_violate_nothing() -> None:
    assert finding(SOUND, [result("held"), result("not-checked")]).found is Found.HELD
    assert finding(SOUND, [result("violated", "KEXT-06")]).found is Found.BLAMED_ON_ANOTHER
    assert finding(SOUND, [result("violated", "KEXT-06")]).to_json()["defect"] is None


@pytest.mark.parametrize(
    ("results", "why"), [([], "no scenario was run"), ([result("not-checked"), result("not-checked")], "because")]
)
def test_sound_macs_must_hold_something_too(results: list[Any], why: str) -> None:
    one = finding(SOUND, results)
    assert (one.found, one.good) == (Found.BENCH_FAILED, False)
    assert one.reason == f"nothing was held on sound Macs: {why}"


def test_every_scenario_that_blamed_a_rule_is_named() -> None:
    results = [result("violated", "KEXT-06", "one"), result("held", name="two"), result("violated", "KEXT-06", "three")]
    assert finding("KEXT-06", results).blamed == {"KEXT-06": ("one", "three")}


def test_each_defect_has_a_certification_of_its_own_with_a_report_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[Order] = []

    def certify(order: Order) -> Certificate:
        orders.append(order)
        if order.defects == ("SIG-01",):
            raise BenchError("the suite took longer than 5 s", wire="pytest")
        violated = [result("violated", rule) for rule in order.defects]
        return Certificate([result("held"), *violated], {}, order.report / "report.html")

    monkeypatch.setattr(module, "certify", certify)
    findings = list(audit(Order(None, tmp_path, rules=("KEXT-06",), limit=5.0), ["KEXT-06", "SIG-01"]))
    assert [one.found for one in findings] == [Found.HELD, Found.CAUGHT, Found.BENCH_FAILED]
    assert "longer than 5 s" in findings[2].reason
    assert [(one.defects, one.report.name, one.rules, one.silent, one.limit) for one in orders] == [
        ((), "none", ("KEXT-06",), True, 5.0),
        (("KEXT-06",), "KEXT-06", ("KEXT-06",), True, 5.0),
        (("SIG-01",), "SIG-01", ("KEXT-06",), True, 5.0),
    ]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ((Found.HELD, Found.CAUGHT), 0),
        ((Found.HELD, Found.CAUGHT, Found.MISSED, Found.BENCH_FAILED), 1),
        ((Found.BLAMED_ON_ANOTHER, Found.CAUGHT), 1),
        ((Found.HELD, Found.CAUGHT_WITH_OTHERS, Found.NOT_SHOWN), 0),
        ((Found.HELD, Found.NOT_SHOWN), 4),
        ((Found.HELD, Found.BENCH_FAILED, Found.CAUGHT), 3),
    ],
)
def test_the_exit_code_is_that_of_the_worst(found: tuple[Found, ...], code: int) -> None:
    assert _exit_code([Finding("KEXT-06", one) for one in found]) == code


def test_a_line_says_who_was_blamed_instead() -> None:
    one = Finding("KEXT-06", Found.BLAMED_ON_ANOTHER, {"KEXT-01": ("a walk",), "no rule": ("b",)}, 12.4)
    assert _line(one) == "KEXT-06  blamed-on-another     12 s  KEXT-01 in 'a walk'; no rule in 'b'"
    too = Finding("KEXT-06", Found.CAUGHT_WITH_OTHERS, {"KEXT-06": ("a walk", "c"), "KEXT-01": ("b",)}, 12.4)
    assert _line(too) == "KEXT-06  caught-with-others    12 s  by 2 of the scenarios; KEXT-01 in 'b'"
    assert _line(Finding("SIG-01", Found.MISSED, seconds=3.0)) == "SIG-01   missed                 3 s"


def test_defects_of_older_releases_are_tried_where_a_mac_has_one(tmp_path: Path) -> None:
    lab, old = default_profile_path(), tmp_path / "old.yaml"
    assert OLDER_DEFECTS.isdisjoint(_possible(lab))
    old.write_text(lab.read_text(encoding="utf-8").replace('macos: "12.7"', 'macos: "10.13.6"'), encoding="utf-8")
    assert _possible(old) == _possible(None) == sorted(DEFECTS)
