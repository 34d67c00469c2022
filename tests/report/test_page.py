"""The report: one self-contained page, hostile text escaped, its size bounded, and nothing left out in silence."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
from PIL import Image

from kextrel.report.excerpts import Room
from kextrel.report.page import Bounds, get_ready

Draw = Callable[..., str]


class Page(html.parser.HTMLParser):
    """The elements of a page: names, identifiers, addresses; rows of its tables; the text but style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.opened: list[str] = []
        self.rows: list[list[str]] = [[]]
        self.words = ""
        self.own: dict[str, str] = {"style": "", "script": ""}
        self.policy = ""
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._in = tag
        self.names.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        self.opened += [given.get("id") or ""] if tag == "details" and "open" in given else []
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._in = ""
        if tag == "table":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if self._in in self.own:
            self.own[self._in] += data
            return
        self.words += data
        if self.rows[-1]:
            self.rows[-1][-1] += data.strip()

    def row(self, start: str) -> list[str]:
        """The first row whose first cell starts so."""
        return next(row for row in self.rows if row and row[0].startswith(start))


def test_expected_and_seen_stand_side_by_side_with_rule_source_and_evidence(made: Any, draw: Draw) -> None:
    page = Page(draw([made.result(made.step(verdict="violated"))], [made.record(1, command="kmutil load")]))
    assert re.search(r"expected\s*refused \(security-mode\)\s*seen\s*loaded", page.words)
    assert page.row("loaded_kexts") == ["loaded_kexts", "none", "com.example.kextcom.example.kext"]
    assert "[S1, M:kmutil] needs reduced or permissive" in page.words
    assert "$ kmutil load" in page.words
    assert page.opened == ["r1", "r1-s1"]


def test_every_link_within_the_page_leads_somewhere(made: Any, draw: Draw) -> None:
    steps = [made.step(1, evidence=[1, 2]), made.step(2, "bench-failed", evidence=[3, 4])]
    records = [made.record(n, "device", "observation", facts={}) for n in range(1, 5)]
    page = Page(draw([made.result(*steps), made.result(made.step(rules=["KEXT-99"]), mac="studio")], records))
    inner = {address[1:] for address in page.addresses if address.startswith("#")}
    assert inner <= set(page.ids)
    assert {"r1", "r1-s1", "e2", "e4", "rule-KEXT-06"} <= inner
    assert len(page.ids) == len(set(page.ids))


EVIL = '</pre></script><script>alert(1)</script><img src=//evil.example onerror=x>{{ 7*7 }}\x1b[2J\u202e"'


def test_what_a_mac_says_is_text_and_never_markup(made: Any, draw: Draw) -> None:
    state = {"boot": EVIL, "loaded_kexts": [EVIL]}
    hostile = made.step(
        verdict="violated", action={"load": EVIL}, rules=[EVIL], state=state,
        observed={"outcome": EVIL, "reason": EVIL, "state": {"boot": "x", "loaded_kexts": []}},
    ) | {"verdict": {"verdict": "violated", "rule": EVIL, "reason": EVIL}}  # fmt: skip
    result = made.result(hostile, name=EVIL, file=EVIL, mac=EVIL, bundles={EVIL: EVIL})
    records = [
        made.record(1, "screen", "text", mac=EVIL, text=EVIL, signal=True),
        made.record(2, "screen", "picture", mac=EVIL, file="/p/" + EVIL.replace("/", ""), sha256=EVIL),
        made.record(2, EVIL, EVIL, mac=EVIL, **{EVIL: EVIL}),
    ]
    tame = Page(draw([made.result(made.step(verdict="violated"))], [made.record(1)]))
    text = draw([result], records)
    page = Page(text)
    assert page.own == tame.own
    assert page.names.count("script") == 1
    assert "img" not in page.names
    assert not set(text) & {chr(code) for code in range(32) if chr(code) not in "\t\n"}
    assert "\u202e" not in text
    assert "{{ 7*7 }}␛[2J‹U+202E›" in page.words


def test_it_needs_nothing_from_elsewhere(made: Any, draw: Draw) -> None:
    page = Page(draw([made.result(made.step())], [made.record(1)]))
    beside = {"evidence.jsonl", "results.jsonl", "coverage.json"}
    assert {one for one in page.addresses if not one.startswith("#")} == beside
    assert not {"link", "img", "iframe", "object", "base"} & set(page.names)
    assert "style=" not in draw([made.result(made.step())], [made.record(1)])


def test_its_policy_lets_in_its_own_style_and_script_alone(made: Any, draw: Draw) -> None:
    page = Page(draw([made.result(made.step())], [made.record(1)]))
    told = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
    assert told["default-src"] == "'none'"
    for kind, text in page.own.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert told[f"{kind}-src"] == f"'sha256-{digest}'"


def test_macs_and_scenarios_are_a_table_with_the_four_verdicts(made: Any, draw: Draw) -> None:
    verdicts = {"mini": "held", "studio": "violated", "t2": "not-checked", "intel": "bench-failed"}
    results = [made.result(made.step(verdict=verdict), mac=mac) for mac, verdict in verdicts.items()]
    page = Page(draw([*results, made.result(made.step(), name="another")]))
    assert page.row("scenario") == ["scenario", "intel", "mini", "studio", "t2"]
    assert page.row("a walk")[1:] == ["! bench failed", "✓ held", "✗ violated KEXT-06", "? not checked"]
    assert page.row("another")[1:] == ["", "✓ held", "", ""]


def test_with_many_macs_a_row_names_those_that_it_ran_on(made: Any, draw: Draw) -> None:
    page = Page(draw([made.result(made.step(), mac=f"mac-{n}") for n in range(20)]))
    assert page.row("a walk")[1].startswith("mac-0✓ heldmac-1✓ held")


def test_a_scenario_that_ran_twice_on_a_mac_is_there_twice(made: Any, draw: Draw) -> None:
    page = Page(draw([made.result(made.step()), made.result(made.step(verdict="violated"))]))
    assert page.row("a walk")[1] == "✓ held✗ violated KEXT-06"


def test_a_rule_is_told_where_it_was_exercised_and_where_it_was_not(made: Any, draw: Draw) -> None:
    intel = {"architecture": "intel", "macos": "10.15.7", "enrollment": "none"}
    results = [made.result(made.step()), made.result(made.step(rules=["KEXT-04"]), mac="old", facts=intel)]
    page = Page(draw(results))
    assert page.row("rule") == ["rule", "all", "apple-silicon14.5none", "intel10.15.7none", "what it says"]
    assert page.row("KEXT-04")[1:4] == ["held 1", "·", "✓1"]
    assert page.row("KEXT-06")[1:4] == ["held 1", "✓1", ""]
    assert page.row("SYS-01")[1:4] == ["nowhere", "·", "·"]


def test_a_bench_failure_counts_for_no_rule(made: Any, draw: Draw) -> None:
    page = Page(draw([made.result(made.step(verdict="bench-failed"))]))
    assert page.row("KEXT-06")[1] == "nowhere, bench failed"
    assert "nothing was observed" in page.words


def test_what_has_no_verdict_is_told_with_its_reason(made: Any, draw: Draw) -> None:
    away = {"verdict": "not-checked", "rule": None, "reason": "it needs macOS 11"}
    broken = {"verdict": "bench-failed", "rule": None, "reason": "mini.relay (/dev/ttyUSB0) does not answer"}
    results = [made.result(made.step(verdict="not-checked"), name=f"old {n}", verdict=away) for n in range(50)]
    page = Page(draw([*results, made.result(made.step(verdict="bench-failed"), verdict=broken)]))
    tail = page.words[page.words.index("Not checked, and why") :]
    assert tail.count("it needs macOS 11") == 1
    assert "old 39" in tail
    assert "and 10 more" in tail
    assert "mini.relay (/dev/ttyUSB0) does not answer" in tail[tail.index("Where the bench failed") :]


def test_a_mac_that_could_not_be_taken_back_is_told_among_the_bench_s_failures(made: Any, draw: Draw) -> None:
    failed = made.record(3, "device", "baseline failed", error="mini.button does not act", kind="BenchError")
    words = Page(draw([made.result(made.step())], [failed])).words
    assert "mini.button does not act" in words[words.index("Where the bench failed") :]
    assert "Every wire did its work" not in words


def test_a_vendor_s_own_bundle_is_named(made: Any, draw: Draw) -> None:
    page = Page(draw([made.result(made.step(), bundles={"driver": "/build/Vendor.kext"})]))
    assert "driver is /build/Vendor.kext" in page.words


def test_screens_are_in_the_page_once_however_often_they_were_seen(made: Any, draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (640, 400), "teal").save(tmp_path / "pictures" / "mini 1.jpg", "JPEG")
    records = [made.record(n, "screen", "picture", file="/x/mini 1.jpg", sha256="ab") for n in range(1, 5)]
    page = Page(draw([made.result(made.step(1), made.step(2, evidence=[3, 4]))], records))
    assert sum(address.startswith("data:image/jpeg;base64,") for address in page.addresses) == 1
    assert page.addresses.count("#p1") == 2
    assert page.addresses.count("pictures/mini%201.jpg") == 2


def test_nothing_ran_is_a_page_too(draw: Draw) -> None:
    page = Page(draw([]))
    assert "Nothing ran." in page.words
    assert page.row("KEXT-04")[1] == "nowhere"


def test_a_long_step_is_cut_on_the_page_only(made: Any, draw: Draw, tmp_path: Path) -> None:
    records = [made.record(n, stdout=f"line {n}", exit_code=0) for n in range(1, 1001)]
    page = Page(draw([made.result(made.step(evidence=[1, 1000]))], records))
    assert "960 records more in evidence.jsonl" in page.words
    assert "40 of 1000 records of the evidence are here" in page.words
    assert len((tmp_path / "evidence.jsonl").read_text().splitlines()) == 1000


def test_a_text_of_megabytes_is_cut_wherever_it_stands(made: Any, draw: Draw) -> None:
    verdict = {"verdict": "bench-failed", "rule": None, "reason": "x" * 1_000_000}
    text = draw([made.result(made.step(verdict="bench-failed") | {"verdict": verdict}, name="n" * 1_000_000)])
    assert "996000 letters more" in text
    assert len(text) < 100_000


def test_what_does_not_fit_is_the_held_and_it_is_said(made: Any, draw: Draw) -> None:
    held = [made.result(made.step(1), made.step(2), name=f"held {n}") for n in range(10)]
    results = [*held, made.result(made.step(verdict="violated"), name="the bad one")]
    bounds = Bounds(rows=5, steps=5, lines=6, pictures=0, columns=1, room=Room(lines=10))
    page = Page(draw(results, [made.record(1), made.record(2)], bounds))
    assert "the last 6 of 11 scenarios are not in the table" in page.words
    assert "3 of 11 results are shown in one line a step" in page.words
    assert "5 of 11 results are shown without their steps" in page.words
    assert page.ids.count("r11-s1") == 1
    assert "the bad one" in page.words


def test_too_many_kinds_of_mac_share_columns(made: Any, draw: Draw) -> None:
    kinds = [
        {"architecture": "intel", "macos": f"10.{n}.{m}", "enrollment": "none"} for n in (13, 15) for m in range(4)
    ]
    results = [made.result(made.step(rules=["KEXT-04"]), mac=f"m{n}", facts=kind) for n, kind in enumerate(kinds)]
    page = Page(draw(results, [], Bounds(columns=4)))
    assert page.row("rule") == ["rule", "all", "intel10none", "what it says"]
    assert page.row("KEXT-04")[2] == "✓8"


@pytest.mark.parametrize(
    ("scenarios", "macs", "most"), [(36, 4, 2e6), pytest.param(1000, 1, 10e6, marks=pytest.mark.night)]
)
def test_a_night_is_a_page_that_a_browser_can_open(
    made: Any, draw: Draw, scenarios: int, macs: int, most: float
) -> None:
    results, records = [], []
    for mac in (f"mac-{n}" for n in range(macs)):
        for number in range(scenarios):
            first = number * 10 + 1
            steps = [made.step(1, evidence=[first, first + 4]), made.step(2, evidence=[first + 5, first + 9])]
            results.append(made.result(*steps, name=f"scenario {number}", mac=mac, seconds=1e6))
            records += [made.record(n, mac=mac, stdout="x" * 1000) for n in range(first, first + 10)]
    text = draw(results, records)
    assert len(text.encode()) < most
    assert text.count("<tr data-t=") == scenarios
    assert text.count('<details class="step"') == scenarios * macs * 2


def test_who_is_ready_compiles_no_template_any_more(monkeypatch: pytest.MonkeyPatch, draw: Draw) -> None:
    get_ready()
    monkeypatch.setattr(jinja2.Environment, "compile", None)
    assert "a lab" in draw([])
