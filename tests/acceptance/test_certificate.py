"""`kextrel certify` from the installed wheel, in an empty folder, with no argument: what a newcomer does first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from kextrel import certification, policy
from kextrel.lab import Lab, default_profile_path, load_profile
from kextrel.scenario import Scenario, foresee, foreseen_rules, load

SUITE: dict[str, Scenario] = {one.name: one for path in certification.paths() for one in load(path)}
LAB = Lab(load_profile(default_profile_path()))
HERE = {name for name, one in SUITE.items() if any(not one.mac.unmet(LAB.facts(mac)) for mac in LAB.names())}
ELSEWHERE = SUITE.keys() - HERE

pytestmark = pytest.mark.parametrize("certified", ["wheel"], indirect=True)


class Words(HTMLParser):
    """The words of a page, and its table rows as lists of cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.rows: list[list[str]] = [[]]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def by_name(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    named = {one["name"]: one for one in found}
    assert len(named) == len(found)
    return named


def test_everything_that_a_mac_here_can_be_is_held_and_the_path_of_the_page_is_told(certified: Any) -> None:
    assert certified.code == 0, certified.stdout + certified.stderr
    counted = f"{len(HERE)} held, 0 violated, {len(ELSEWHERE)} not checked, 0 bench failed"
    assert counted in certified.stdout
    assert f"report: {certified.report / 'report.html'}" in certified.stdout
    assert certified.stderr == ""


def test_the_folder_holds_the_report_and_nothing_else(certified: Any) -> None:
    assert [path.name for path in (certified.folder / "here").iterdir()] == ["kextrel-report"]
    left = {path.name for path in certified.report.iterdir()}
    lists = {"coverage.json", "evidence.jsonl", "results.jsonl"}
    assert left == lists | {"report.html", "junit.xml", "allure-results", "pictures"}


def test_nothing_is_left_behind_elsewhere(certified: Any) -> None:
    assert list((certified.folder / "tmp").iterdir()) == []
    assert list((certified.folder / "state").iterdir()) == []


def test_every_scenario_has_a_result_with_all_its_steps_held(certified: Any, packaged: Any) -> None:
    assert set(by_name(certified.results)) == set(SUITE)
    results = by_name(certified.tried)
    assert set(results) == HERE
    for name, result in results.items():
        assert result["mac"] in ("mini", "intel", "t2", "studio")
        assert Path(result["file"]).is_relative_to(packaged.scripts.parent)  # the wheel's own, not the checkout's
        assert [step["action"] for step in result["steps"]] == [dict(step.written) for step in SUITE[name].steps]
        assert {step["verdict"]["verdict"] for step in result["steps"]} == {"held"}


def test_a_scenario_for_other_macs_says_what_it_needs(certified: Any) -> None:
    for name in ELSEWHERE:
        result = by_name(certified.results)[name]
        assert result["verdict"]["reason"].startswith("it needs "), name
        assert all(step["observed"] is None for step in result["steps"])


def test_what_is_held_was_seen_and_not_assumed(certified: Any) -> None:
    for step in certified.steps:
        seen = step["observed"]
        assert seen["outcome"] in [one["outcome"] for one in step["outcomes"]]
        assert seen["state"]["boot"] is not None
        if seen["state"]["boot"] == "macos":
            assert None not in (seen["state"]["loaded_kexts"], seen["state"]["sip"], seen["state"]["uakl"])


def test_every_rule_that_is_foreseen_here_decided_a_held_step(certified: Any) -> None:
    decided = {rule for step in certified.steps for rule in step["rules"]}
    assert decided == _foreseen(HERE)
    assert decided | _foreseen(ELSEWHERE) == set(policy.RULES)


def _foreseen(names: Iterable[str]) -> set[str]:
    """The rules that these scenarios show, each on the first Mac of the lab that can be it, else on the oldest one."""
    found: set[str] = set()
    for one in (SUITE[name] for name in names):
        macs = [LAB.facts(mac) for mac in LAB.names() if not one.mac.unmet(LAB.facts(mac))]
        found |= set(foreseen_rules(foresee(one, macs[0].macos if macs else one.mac.template.macos)))
    return found


def _shown(rules: Iterable[str]) -> set[str]:
    """Those that a Mac's tools show, and that a step can be held for."""
    return {rule for rule in rules if policy.RULES[rule].shown}


def test_the_coverage_says_on_which_macs_each_rule_was_exercised(certified: Any) -> None:
    told = json.loads((certified.report / "coverage.json").read_text())
    assert set(told["exercised_nowhere"]) == set(policy.RULES) - _shown(_foreseen(HERE))
    assert {name for mac in told["macs"] for name in mac["names"]} == {one["mac"] for one in certified.results}
    assert sum(cell["held"] for cell in told["cells"]) == sum(len(_shown(step["rules"])) for step in certified.steps)


def test_the_page_names_every_scenario_and_every_rule_with_what_stands_on_it(certified: Any) -> None:
    page = Words((certified.report / "report.html").read_text())
    macs = next(row[1:] for row in page.rows if row[:1] == ["scenario"])
    for name, result in by_name(certified.tried).items():
        (row,) = [row for row in page.rows if row[:1] == [name + Path(result["file"]).name]]
        assert row[1 + macs.index(result["mac"])].startswith("✓ held")
    decided = {row[0]: row[1] for row in page.rows if row and row[0] in policy.RULES}
    steps = {rule: sum(rule in _shown(step["rules"]) for step in certified.steps) for rule in policy.RULES}
    assert decided == {rule: f"held {held}" if held else "nowhere, not checked" for rule, held in steps.items()}
    assert any("kmutil load" in words for words in page.words)


def test_junit_tells_the_same_story(certified: Any) -> None:
    told = {kind: certified.junit.get(kind) for kind in ("tests", "failures", "errors", "skipped")}
    assert told == {"tests": str(len(SUITE)), "failures": "0", "errors": "0", "skipped": str(len(ELSEWHERE))}
    assert {case.get("name") for case in certified.junit.iter("testcase")} == _ids(certified)


def _ids(certified: Any) -> set[str]:
    results = by_name(certified.results)
    return {f"{name}[{'no Mac fits' if name in ELSEWHERE else one['mac']}]" for name, one in results.items()}


def test_allure_has_a_step_for_each_step_with_its_evidence(certified: Any) -> None:
    shown, results = by_name(certified.allure), by_name(certified.results)
    assert set(shown) == _ids(certified)
    records = {(record["mac"], record["n"]): record for record in certified.evidence}  # each Mac's are numbered
    for name, one in shown.items():
        result = results[name.rpartition("[")[0]]
        if result["name"] in ELSEWHERE:
            assert one["status"] == "skipped"
            continue
        assert one["status"] == "passed"
        steps, mac = result["steps"], result["mac"]
        assert [step["name"] for step in one["steps"]] == [
            f"{step['step']}. {json.dumps(step['action'], ensure_ascii=False)}: held" for step in steps
        ]
        for step, told in zip(one["steps"], steps, strict=True):
            attached = {attachment["name"]: attachment["source"] for attachment in step["attachments"]}
            read = {key: (certified.report / "allure-results" / file).read_text() for key, file in attached.items()}
            assert json.loads(read["expected, seen, verdict"])["verdict"]["verdict"] == "held"
            first, last = told["evidence"]
            assert [json.loads(line) for line in read["evidence"].splitlines()] == [
                records[mac, n] for n in range(first, last + 1)
            ]


def test_the_evidence_is_whole_in_order_and_of_every_wire(certified: Any) -> None:
    of = {mac: [one for one in certified.evidence if one["mac"] == mac] for mac in ("mini", "intel", "t2", "studio")}
    assert sum(map(len, of.values())) == len(certified.evidence)
    for records in of.values():
        assert [record["n"] for record in records] == list(range(1, len(records) + 1))
    assert [record["at"] for record in certified.evidence] == sorted(record["at"] for record in certified.evidence)
    assert {"shell", "button", "keyboard", "screen", "console", "beacon", "scenario"} <= {
        record["wire"] for record in certified.evidence
    }
    for result in certified.tried:
        for step in result["steps"]:
            first, last = step["evidence"]
            inside = [one["data"] for one in of[result["mac"]][first - 1 : last] if one["wire"] == "scenario"]
            assert [data["step"] for data in inside] == [step["step"]] * 2


def test_every_picture_that_the_evidence_names_is_there(certified: Any) -> None:
    named = [record["data"]["file"] for record in certified.evidence if record["event"] == "picture"]
    there = {str(path): path.read_bytes() for path in (certified.report / "pictures").iterdir()}
    assert set(named) == set(there)
    assert all(raw.startswith(b"\xff\xd8") for raw in there.values())


def test_no_password_is_anywhere(certified: Any) -> None:
    # Four Macs: the administrator's, the standard user's, the screen's; for the three that are enrolled an API key.
    assert len(certified.secrets) == 15
    files = [path for path in certified.report.rglob("*") if path.is_file()]
    assert len(files) > len(SUITE)
    for path in [*files, certified.folder / "stdout", certified.folder / "stderr"]:
        raw = path.read_bytes()
        for secret in certified.secrets:
            assert secret.encode() not in raw, path
            assert secret.encode().hex(" ").encode() not in raw, path


def test_no_password_can_be_read_off_the_keyboard_s_frames(certified: Any) -> None:
    typed = typed_by([record["data"]["sent"] for record in certified.evidence if record["event"] == "frame"])
    assert "curl " in typed  # the reader below reads what was typed
    for secret in certified.secrets:
        assert secret not in typed


LETTERS = "abcdefghijklmnopqrstuvwxyz1234567890"
OTHERS = {0x2C: "  ", 0x2D: "-_", 0x2E: "=+", 0x36: ",<", 0x37: ".>", 0x38: "/?"}
KEYS = {number: letter + letter.upper() for number, letter in enumerate(LETTERS, start=4)} | OTHERS
SHIFT = 0x22


def typed_by(frames: list[str]) -> str:
    """What these CH9329 frames type: USB usages of a US keyboard, one key a report."""
    text = ""
    for raw in map(bytes.fromhex, frames):
        modifiers, key = raw[5], raw[7]
        if raw[3] == 0x02 and key in KEYS:
            text += KEYS[key][bool(modifiers & SHIFT)]
    return text
