"""The report: one self-contained page, hostile text escaped, nothing of the evidence lost."""

from __future__ import annotations

import html.parser
import json
from pathlib import Path
from typing import Any

import pytest

from kextrel.report import read_results, write

RULES = {"KEXT-06": "needs reduced or permissive", "KEXT-04": "loads after a restart"}


def step(number: int, verdict: str, **changes: Any) -> dict[str, Any]:
    told = {
        "step": number,
        "action": {"load": "driver"},
        "outcomes": [{"outcome": "refused", "reason": "security-mode"}],
        "rules": ["KEXT-06"],
        "open": False,
        "state": {"boot": "macos", "loaded_kexts": [], "sip": True},
        "observed": {
            "outcome": "loaded",
            "reason": None,
            "state": {"boot": "macos", "loaded_kexts": ["x"], "sip": None},
        },
        "verdict": {"verdict": verdict, "rule": "KEXT-06", "reason": "expected refused, seen loaded"},
        "evidence": [1, 2],
    }
    return {**told, **changes}


def result(verdict: str, *steps: dict[str, Any], name: str = "a walk") -> dict[str, Any]:
    judged = {"verdict": verdict, "rule": None, "reason": "why"}
    return {"file": "f.mac.yaml", "name": name, "mac": "mini", "steps": list(steps), "verdict": judged, "seconds": 1.5}


def drawn(folder: Path, results: list[dict[str, Any]], records: list[dict[str, Any]]) -> str:
    (folder / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results))
    (folder / "evidence.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    return write(folder, RULES, {"lab": "a lab"}).read_text()


def record(n: int, data: Any) -> dict[str, Any]:
    return {"n": n, "at": "2026-01-01T00:00:00.000+00:00", "mac": "mini", "wire": "shell", "event": "run", "data": data}


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]


def test_it_tells_expected_and_seen_side_by_side_with_the_rule(tmp_path: Path) -> None:
    page = drawn(tmp_path, [result("violated", step(1, "violated"))], [record(1, {"command": "kmutil load"})])
    assert "refused (security-mode)" in page
    assert "loaded" in page
    assert "needs reduced or permissive" in page
    assert "kmutil load" in page


def test_what_a_mac_says_is_text_and_never_markup(tmp_path: Path) -> None:
    evil = "</pre><script>alert(1)</script>\x1b[2J"
    page = drawn(tmp_path, [result("held", step(1, "held"), name=evil)], [record(1, {"stdout": evil})])
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.names
    assert "\x1b" not in page


def test_it_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = drawn(tmp_path, [result("held", step(1, "held"))], [])
    tags = Tags()
    tags.feed(page)
    assert all(address.startswith("#") for address in tags.addresses)
    assert not {"link", "img", "script", "iframe"} & set(tags.names)


def test_rules_that_decided_nothing_are_shown_as_such(tmp_path: Path) -> None:
    page = drawn(tmp_path, [result("held", step(1, "held"))], [])
    row = page[page.index("<b>KEXT-04</b>") :]
    assert "none" in row[:120]


def test_a_bench_failure_counts_for_no_rule(tmp_path: Path) -> None:
    page = drawn(tmp_path, [result("bench-failed", step(1, "bench-failed", observed=None))], [])
    assert "none" in page[page.rindex("<b>KEXT-06</b>") :][:120]
    assert "nothing was observed" in page


def test_a_long_step_is_cut_on_the_page_only(tmp_path: Path) -> None:
    records = [record(n, {"stdout": f"line {n}"}) for n in range(1, 1001)]
    page = drawn(tmp_path, [result("held", step(1, "held", evidence=[1, 1000]))], records)
    assert "880 records more in evidence.jsonl" in page
    assert len((tmp_path / "evidence.jsonl").read_text().splitlines()) == 1000


def test_nothing_ran_is_a_page_too(tmp_path: Path) -> None:
    page = drawn(tmp_path, [], [])
    assert read_results(tmp_path) == []
    assert "held" in page


@pytest.mark.parametrize(("value", "shown"), [(None, "unknown"), (True, "yes"), ([], "none"), (["a", "b"], "a, b")])
def test_states_read_as_words(tmp_path: Path, value: Any, shown: str) -> None:
    told = step(1, "held", state={"sip": value}, observed={"outcome": "loaded", "state": {"sip": value}})
    drawn(tmp_path, [result("held", told)], [])
    assert read_results(tmp_path)[0].steps[0].states == (("sip", shown, shown),)
