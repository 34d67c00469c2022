"""A broken Mac is caught and its rule blamed; a broken wire is told as that and never as a verdict."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from kextrel import policy

DEFECTS = {
    "KEXT-06": ("refused (security-mode)", "approval-required"),
    "BOOT-02": ("refused (wrong-environment)", "changed"),
    "BOOT-03": ("refused (authentication)", "changed"),
    "KEXT-03": ("restart-required", "loaded"),
    "SIG-01": ("refused (signature)", "approval-required"),
}
FAULTS = {
    "ssh-drop@8": r"mini\.shell \(127\.0\.0\.1:\d+\)",
    "relay-stuck": r"mini\.(button|power) \(/dev/pts/\d+ channel [12]\)",
    "screen-dark": r"mini\.screen \(http://127\.0\.0\.1:\d+\)",
}

BY_NIGHT = {"BOOT-03", "KEXT-03", "SIG-01"}  # what they walk is walked for BOOT-02 and KEXT-06 as well

a_defect = pytest.mark.parametrize(
    "certified",
    [pytest.param(one, marks=[pytest.mark.night] if one in BY_NIGHT else []) for one in DEFECTS],
    indirect=True,
)
a_fault = pytest.mark.parametrize("certified", FAULTS, indirect=True)


@pytest.fixture
def which(request: pytest.FixtureRequest) -> str:
    """The defect or the fault that this test is about."""
    return str(request.node.callspec.params["certified"])


def printed(certified: Any) -> tuple[list[dict[str, Any]], dict[str, int]]:
    *results, counts = [json.loads(line) for line in certified.stdout.splitlines()]
    return results, counts


def words(outcome: dict[str, Any]) -> str:
    return f"{outcome['outcome']} ({outcome['reason']})" if outcome.get("reason") else str(outcome["outcome"])


@a_defect
def test_a_defect_ends_with_1_and_blames_its_rule_and_no_other(certified: Any, which: str) -> None:
    assert certified.code == 1, certified.stderr
    results, counts = printed(certified)
    violated = [one["verdict"] for one in results if one["verdict"]["verdict"] == "violated"]
    assert len(violated) == counts["violated"] > 0
    assert {verdict["rule"] for verdict in violated} == {which}
    assert (counts["bench-failed"], counts["not-checked"]) == (0, len(results) - len(certified.tried))
    assert {step["verdict"]["rule"] for one in results for step in one["steps"]} == {which, None}


@a_defect
def test_a_defect_is_seen_beside_what_was_expected(certified: Any, which: str) -> None:
    expected, seen = DEFECTS[which]
    results, _ = printed(certified)
    broken = [step for one in results for step in one["steps"] if step["verdict"]["verdict"] == "violated"]
    assert expected in {words(one) for step in broken for one in step["outcomes"]}
    assert seen in {step["observed"]["outcome"] for step in broken}
    for step in broken:
        assert step["observed"]["outcome"] not in {one["outcome"] for one in step["outcomes"]}
        assert step["verdict"]["reason"].startswith("expected ")
    side_by_side = rf": violated {which}\n +outcome\n +expected +{re.escape(expected)}\n +seen +{re.escape(seen)}\n"
    assert re.search(side_by_side, certified.stderr)
    assert re.search(rf"\b{which} \[.+\]: {re.escape(policy.RULES[which].text)}", certified.stderr)


@a_defect
def test_a_defect_reads_the_same_in_every_report(certified: Any, which: str) -> None:
    results, counts = printed(certified)
    assert results == certified.results
    assert (certified.junit.get("failures"), certified.junit.get("errors")) == (str(counts["violated"]), "0")
    assert sum(one["status"] == "failed" for one in certified.allure) == counts["violated"]
    assert f"✗ violated {which}</a>" in (certified.report / "report.html").read_text()


@a_defect
def test_the_mac_is_not_put_aside_for_being_broken(certified: Any) -> None:
    assert certified.quarantines == []


@a_fault
def test_a_fault_ends_with_3_and_is_nobodys_verdict(certified: Any) -> None:
    assert certified.code == 3, certified.stderr
    results, counts = printed(certified)
    tried = certified.tried
    elsewhere = len(results) - len(tried)
    assert counts == {"held": 0, "violated": 0, "not-checked": elsewhere, "bench-failed": len(tried)}
    for result in tried:
        verdicts = [step["verdict"]["verdict"] for step in result["steps"]]
        struck = verdicts.index("bench-failed")
        assert set(verdicts[:struck]) <= {"held"}  # before the fault
        assert set(verdicts[struck:]) <= {"bench-failed", "not-checked"}
        assert {step["verdict"]["rule"] for step in result["steps"]} == {None}
        assert {step["observed"] for step in result["steps"][struck:]} == {None}


@a_fault
def test_a_fault_names_its_wire(certified: Any, which: str) -> None:
    for result in certified.tried:
        assert re.search(FAULTS[which], result["verdict"]["reason"]), result["verdict"]
    assert re.search(rf"BENCH FAILED .*(\n.*)*{FAULTS[which]}", certified.stderr)


@a_fault
def test_a_fault_is_an_error_in_junit_and_broken_in_allure(certified: Any) -> None:
    cases = [case for case in certified.junit.iter("testcase") if case.find("skipped") is None]
    assert len(cases) == len(certified.tried)
    assert [len(case.findall("error")) for case in cases] == [1] * len(cases)
    assert [case.findall("failure") for case in cases] == [[]] * len(cases)
    assert (certified.junit.get("errors"), certified.junit.get("failures")) == (str(len(cases)), "0")
    assert [one["status"] for one in certified.allure if one["status"] != "skipped"] == ["broken"] * len(cases)
    assert len(re.findall("^[^ ].*::.* BENCH FAILED", certified.stderr, re.MULTILINE)) == len(cases)


@a_fault
def test_a_fault_leaves_nothing_pressed(certified: Any) -> None:
    contacts = [one["data"] for one in certified.evidence if one["wire"] == "button" and one["event"] == "relay"]
    assert (contacts[-1]["channel"], contacts[-1]["on"]) == (2, False)
    keys = [one["data"]["sent"] for one in certified.evidence if one["event"] == "frame"]
    for frame in keys[-1:]:
        assert bytes.fromhex(frame)[5:13] == bytes(8)


@a_fault
def test_a_fault_that_stays_puts_the_mac_aside_for_all_that_comes_after(certified: Any, which: str) -> None:
    aside = rf"mini is quarantined: it could not be taken back to \w+: {FAULTS[which]}"
    assert re.search(aside, certified.stderr)
    refused = [bool(re.match(aside, one["verdict"]["reason"])) for one in certified.tried]
    assert not refused[0]  # that scenario met the fault itself
    assert refused == sorted(refused)  # once it is put aside, it is for all
    assert any(refused) or which == "screen-dark"  # which is tried with one scenario
    assert certified.quarantines == []  # a virtual Mac of this run alone: its quarantine ends with it
