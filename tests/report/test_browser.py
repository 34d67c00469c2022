"""The report opened in a real browser, headless Chromium, and clicked through, offline; its console stays empty."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kextrel.report.page import write

BROWSERS = ("chromium", "chromium-headless-shell", "google-chrome")
EVIL = '"></pre></script><script>alert(1)</script><img src=x onerror=alert(2)>'
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def chromium(lacks: Callable[[str], None]) -> Iterator[Any]:
    """A browser for all tests here."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        lacks("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=program, args=["--no-sandbox"])  # a container's root has none
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(made: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of three scenarios on two Macs: one violated, one that a wire failed, hostile names."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "pictures").mkdir()
    Image.new("RGB", (640, 400), "teal").save(folder / "pictures" / "mini.jpg", "JPEG")
    walk = [made.step(1, evidence=[1, 4]), made.step(2, "violated", evidence=[5, 9])]
    results = [
        made.result(*walk, name="full security refuses"),
        made.result(made.step(evidence=[1, 2]), name="full security refuses", mac="studio"),
        made.result(
            made.step(evidence=[10, 12], rules=["KEXT-04"]), name="a restart loads", file="/s/KEXT-04.mac.yaml"
        ),
        made.result(made.step(verdict="bench-failed", evidence=[13, 14]), name=EVIL, file=EVIL),
    ]
    records = [
        made.record(n, command=f"command {n}", stdout=EVIL, exit_code=0) for n in (1, 2, 5, 6, 7, 10, 12, 13, 14)
    ]
    records += [made.record(n, mac="studio", command="other", exit_code=0) for n in (1, 2)]
    records += [made.record(n, "device", "observation", facts={"environment": "macos"}) for n in (4, 9)]
    records.append(made.record(8, "screen", "picture", file="/elsewhere/mini.jpg", sha256="ab"))
    made.leave(folder, results, sorted(records, key=lambda one: one["n"]))
    return write(folder, made.laws, {"lab": "a lab"})


@dataclass
class Opened:
    """A page, what it complained of and asked for, and why that was refused."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def shown(self, what: str) -> list[str]:
        """The identifiers of those elements that can be seen."""
        return [one.get_attribute("id") for one in self.page.locator(what).all() if one.is_visible()]


@pytest.fixture
def opened(chromium: Any, report: Path) -> Iterator[Callable[..., Opened]]:
    """Opens the report in a window of its own, without a network; `at` is the part after #."""
    contexts = []

    def open_it(at: str = "", path: Path = report, viewport: Any = None, **options: Any) -> Opened:
        context = chromium.new_context(offline=True, viewport=viewport or WIDE, **options)
        contexts.append(context)
        seen = Opened(context.new_page())
        seen.page.on("console", lambda said: seen.complaints.append(f"{said.type}: {said.text}"))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on("dialog", lambda dialog: (seen.complaints.append(dialog.message), dialog.dismiss()))
        seen.page.on("request", lambda request: seen.asked.append(request.url))
        seen.page.on("requestfailed", lambda request: seen.refused.append(request.failure))
        seen.page.goto(path.as_uri() + at)
        return seen

    yield open_it
    for context in contexts:
        context.close()


def test_it_opens_without_a_complaint_and_asks_for_nothing(opened: Callable[..., Opened], report: Path) -> None:
    seen = opened()
    seen.page.click("#unfold")
    seen.page.click("#r1-s2 .evidence > summary")
    assert seen.complaints == []
    assert [url for url in seen.asked if not url.startswith("data:")] == [report.as_uri()]


def test_what_is_smuggled_in_is_not_run_and_not_fetched(opened: Callable[..., Opened]) -> None:
    seen = opened()
    blocked = seen.page.evaluate(
        """() => new Promise((done) => {
          const found = [];
          document.addEventListener("securitypolicyviolation", (event) => {
            found.push(event.effectiveDirective);
            if (found.length === 3) done(found.sort());
          });
          document.body.insertAdjacentHTML("beforeend", "<img src='http://127.0.0.1:9/x'><p style='color: red'>x</p>");
          const script = document.createElement("script");
          script.textContent = "window.smuggled = 1";
          document.body.append(script);
        })"""
    )
    assert blocked == ["img-src", "script-src-elem", "style-src-attr"]
    assert seen.page.evaluate("window.smuggled") is None
    assert seen.refused == ["csp"]


def test_a_word_leaves_the_scenarios_that_have_it(opened: Callable[..., Opened]) -> None:
    seen = opened()
    seen.page.keyboard.press("/")
    seen.page.keyboard.type("KEXT-04 restart")
    assert seen.shown("details.result") == ["r3"]
    assert seen.page.locator(".matrix tbody tr:visible").count() == 1
    assert seen.page.inner_text("#shown") == "1 of 4 shown"
    seen.page.keyboard.press("Escape")
    assert seen.shown("details.result") == ["r1", "r2", "r3", "r4"]
    assert seen.page.inner_text("#shown") == ""


def test_verdicts_and_macs_are_left_out_by_a_click(opened: Callable[..., Opened]) -> None:
    seen = opened()
    seen.page.click("button[data-verdict=held]")
    assert seen.shown("details.result") == ["r1", "r4"]
    assert seen.page.get_attribute("button[data-verdict=held]", "aria-pressed") == "false"
    seen.page.click("button[data-verdict=held]")
    seen.page.select_option("#mac", "studio")
    assert seen.shown("details.result") == ["r2"]


def test_a_step_unfolds_by_a_click_and_by_a_key(opened: Callable[..., Opened]) -> None:
    seen = opened()
    seen.page.click("#r1-s1 > summary")
    assert seen.page.locator("#r1-s1 .sides").is_visible()
    seen.page.locator("#r1-s1 .evidence > summary").focus()
    seen.page.keyboard.press("Enter")
    assert seen.page.locator("#r1-s1 .evidence tr").first.is_visible()
    assert "$ command 1" in seen.page.inner_text("#r1-s1 .evidence tr:first-child pre")


def test_what_was_violated_is_open_from_the_start_with_its_screen(opened: Callable[..., Opened]) -> None:
    seen = opened()
    assert seen.page.locator("#r1-s2 .fields").is_visible()
    assert "too much: com.example.kext" in seen.page.locator("#r1-s2 ins").evaluate(
        "one => getComputedStyle(one, '::before').content.replaceAll('\"', '') + one.textContent"
    )
    drawn = seen.page.locator("#r1-s2 .screens svg").bounding_box()
    assert drawn["width"] / drawn["height"] == pytest.approx(640 / 400, rel=0.05)
    assert not seen.page.locator("#r3-s1").is_visible()


def test_a_link_leads_into_the_folded_evidence_and_back(opened: Callable[..., Opened]) -> None:
    seen = opened()
    seen.page.locator("#r1-s2").get_by_text("in this record").click()
    target = seen.page.locator("tr:target")
    assert "environment: macos" in target.inner_text()
    assert seen.page.evaluate("document.querySelector('tr:target').getBoundingClientRect().top < innerHeight")
    target.locator("a").click()
    assert seen.page.locator(":target").get_attribute("id") == "r1-s2"


def test_the_table_and_the_rules_lead_to_each_other_s_steps(opened: Callable[..., Opened]) -> None:
    seen = opened()
    seen.page.click(".matrix a[href='#r3']")
    seen.page.click("#r3-s1 > summary")
    seen.page.click("#r3-s1 .law a")
    assert seen.page.locator(":target").get_attribute("id") == "rule-KEXT-04"


def test_an_address_opens_what_it_names_even_where_a_filter_hides_it(opened: Callable[..., Opened]) -> None:
    seen = opened("#r3-s1")
    assert seen.page.locator("#r3-s1 .sides").is_visible()
    seen.page.fill("#find", "nothing has this")
    assert seen.shown("details.result") == []
    seen.page.evaluate("location.hash = '#r2-s1'")
    seen.page.locator("#r2-s1 .sides").wait_for()


def test_rules_can_be_had_by_what_became_of_them(opened: Callable[..., Opened]) -> None:
    seen = opened()
    seen.page.click("button[data-word=nowhere]")
    assert seen.shown(".rules tbody tr") == ["rule-SYS-01"]
    seen.page.click("button[data-word=violated]")
    assert seen.shown(".rules tbody tr") == ["rule-KEXT-06"]


def test_without_script_all_of_it_can_be_read(opened: Callable[..., Opened]) -> None:
    seen = opened("#r3-s1", java_script_enabled=False)
    assert not seen.page.locator("form.filter").is_visible()
    seen.page.click("#r1-s1 > summary")
    seen.page.click("#r1-s1 .evidence > summary")
    assert "$ command 1" in seen.page.inner_text("#r1-s1 .evidence")
    assert seen.complaints == []


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_nothing_stands_over_the_edge(opened: Callable[..., Opened], viewport: Any) -> None:
    seen = opened(viewport=viewport)
    seen.page.click("#unfold")
    seen.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    wide, inner = seen.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inner


def test_it_is_dark_where_that_is_wished_and_can_be_turned(opened: Callable[..., Opened]) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = opened(color_scheme="light").page, opened(color_scheme="dark").page
    assert light.evaluate(paper) != dark.evaluate(paper)
    wished = light.evaluate(paper)
    dark.click("#theme")
    assert dark.evaluate(paper) == wished


def test_it_can_be_printed(opened: Callable[..., Opened]) -> None:
    seen = opened(color_scheme="dark")
    seen.page.emulate_media(media="print")
    assert not seen.page.locator("form.filter").is_visible()
    assert seen.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert seen.page.pdf().startswith(b"%PDF")


def test_everything_that_can_be_done_is_reached_by_tab(opened: Callable[..., Opened]) -> None:
    seen = opened()
    reached = set()
    for _ in range(120):
        seen.page.keyboard.press("Tab")
        reached.add(seen.page.evaluate("document.activeElement.id || document.activeElement.outerHTML.slice(0, 60)"))
    assert {"find", "mac", "unfold", "fold", "theme"} <= reached
    assert any("#r1" in one for one in reached)
    assert any(one.startswith("<summary") for one in reached)


@pytest.mark.night
def test_a_thousand_scenarios_can_be_searched(made: Any, tmp_path: Path, opened: Callable[..., Opened]) -> None:
    made.leave(tmp_path, [made.result(made.step(), name=f"scenario {number}") for number in range(1000)])
    seen = opened(path=write(tmp_path, made.laws, {"lab": "a lab"}))
    seen.page.fill("#find", "scenario 77")
    assert seen.page.inner_text("#shown") == "19 of 1000 shown"
    assert seen.page.locator(".matrix tbody tr:visible").count() == 19
    assert seen.complaints == []
