"""The other door: a project of the user's own, its Python tests and its scenarios, under plain pytest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

Process = Callable[..., "subprocess.CompletedProcess[str]"]

MINE = """
import pytest

def test_refused_under_full_security(mac):
    driver = mac.extension("driver")
    mac.install(driver)
    step = mac.load(driver)
    assert step.refused and step.reason == "security-mode"
    assert (step.verdict, "KEXT-06" in step.rules) == ("held", True)
    assert step.state.loaded_kexts == frozenset()

def test_what_is_unjudged_is_done_and_held_against_nothing(mac):
    driver = mac.extension("driver")
    with mac.unjudged():
        step = mac.install(driver)
    assert (step.outcome, step.verdict, step.rules, mac.steps) == ("done", None, (), [])
    assert mac.remove(driver).verdict == "held"

def test_a_plain_failure_is_the_test_s_own(mac):
    assert mac.install(mac.extension("driver")).refused

@pytest.mark.kextrel(macos="<11")
def test_of_another_time(mac):
    raise AssertionError("this must not run")

@pytest.mark.kextrel(architecture="apple-silicon", macos=">=13", enrollment="none", on="each")
def test_on_each(mac):
    assert mac.name == "mini"

@pytest.mark.kextrel(architecture="intel", on="each")
def test_on_each_of_none(mac):
    raise AssertionError("this must not run")

def test_of_the_lab_itself(lab):
    assert list(lab.names()) == ["mini"]
    assert lab.describe("mini")["wires"]
"""
SESSION = """
def test_begins(mac_session):
    assert mac_session.install(mac_session.extension("driver")).verdict == "held"

def test_goes_on_where_the_first_one_ended(mac_session):
    assert [list(step.action) for step in mac_session.steps] == [["install"]]
    assert mac_session.remove("driver").verdict == "held"
"""
WALK = """\
schema: kextrel/scenario/v1
name: macOS itself lowers nothing
mac: {architecture: apple-silicon, macos: ">=13"}
steps:
  - set-security: {mode: reduced, allow: [user]}
    expect: {outcome: refused, reason: wrong-environment}
"""
ELSEWHERE = WALK.replace("itself lowers nothing", "of another time").replace('">=13"', '"<12"')
LOWERED = """
def test_lowered(mac):
    mac.set_security("reduced", allow=["user"])

def test_nobody_gets_here_without_a_mac(mac):
    assert mac.name == "mini"
"""
LAB = """\
schema: kextrel/lab/v1
name: {name}
macs:
  {name}-1: &mac
    architecture: apple-silicon
    macos: "14.5"
    virtual: {{prepared: true}}
  {name}-2:
    architecture: apple-silicon
    macos: "15.3"
    virtual: {{prepared: true}}
""".replace("&mac\n", "\n")
IMPATIENT = """\
schema: kextrel/lab/v1
name: a lab that waits for nothing long
macs:
  mini:
    architecture: apple-silicon
    macos: "14.5"
    time_scale: 50
    timeouts: {boot: 5, shutdown: 5, recovery: 5, button: 5, screen: 5, settle: 2, command: 5, observe: 5, login: 5}
    virtual: {prepared: true}
"""
SHARED = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_on_any(mac, number):
    assert mac.install(mac.extension("driver")).verdict == "held"

@pytest.mark.kextrel(macos=">=15")
def test_on_none(mac):
    raise AssertionError("this must not run")

@pytest.mark.parametrize("number", range(3))
def test_without_a_mac(number):
    assert number < 2
"""
PAIR = """\
schema: kextrel/lab/v1
name: two of a kind
macs:
  one: {architecture: apple-silicon, macos: "14.5", time_scale: 50, virtual: {prepared: true}}
  two: {architecture: apple-silicon, macos: "14.5", time_scale: 50, virtual: {prepared: true}}
"""
EACH = """
import pytest
@pytest.mark.kextrel(on="each")
def test_each(mac):
    raise AssertionError("collected only")
"""


@pytest.fixture
def project(process: Process, tmp_path: Path) -> Process:
    """`project({name: text}, arguments…)`: pytest in a folder with these files; its JUnit report is junit.xml."""

    def run(files: dict[str, str], *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        options = ["-p", "no:cacheprovider", "-ra", "--junitxml=junit.xml"]
        return process(sys.executable, "-m", "pytest", *options, *arguments, **environment)

    return run


def told(folder: Path) -> dict[str, str]:
    """What JUnit says of each test: passed, failure, error or skipped."""
    cases = ElementTree.parse(folder / "junit.xml").getroot().iter("testcase")
    return {str(case.get("name")): ",".join(child.tag for child in case) or "passed" for case in cases}


def results(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "report" / "results.jsonl").read_text().splitlines()
    return {one["name"]: one for one in map(json.loads, lines)}


def test_a_project_on_a_lab_that_its_ini_names(project: Process, served: Any, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nkextrel_lab = {served.lab}\nkextrel_report = report\n")
    files = {"test_mine.py": MINE, "test_session.py": SESSION, "a.mac.yaml": WALK, "b.mac.yaml": ELSEWHERE}
    done = project(files)
    assert told(tmp_path) == {
        "macOS itself lowers nothing[mini]": "passed",
        "macOS of another time[no Mac fits]": "skipped",
        "test_refused_under_full_security": "passed",
        "test_what_is_unjudged_is_done_and_held_against_nothing": "passed",
        "test_a_plain_failure_is_the_test_s_own": "failure",
        "test_of_another_time": "skipped",
        "test_on_each[mini]": "passed",
        "test_on_each_of_none[no Mac fits]": "skipped",
        "test_of_the_lab_itself": "passed",
        "test_begins": "passed",
        "test_goes_on_where_the_first_one_ended": "passed",
    }, done.stdout
    assert done.returncode == 1
    assert "not checked: no Mac of the lab meets macos='<11'" in done.stdout
    assert "not checked: no Mac of the lab meets architecture='intel'" in done.stdout
    assert "not checked: it needs macOS <12, this Mac has 14.5" in done.stdout
    the_report_of_that_project(tmp_path)


def the_report_of_that_project(folder: Path) -> None:
    """Scenarios and Python tests alike; what judged nothing is not there."""
    found = results(folder)
    assert {name: one["verdict"]["verdict"] for name, one in found.items()} == {
        "macOS itself lowers nothing": "held",
        "macOS of another time": "not-checked",
        "test_refused_under_full_security": "held",
        "test_what_is_unjudged_is_done_and_held_against_nothing": "held",
        "test_a_plain_failure_is_the_test_s_own": "held",
        "session": "held",
    }
    load = found["test_refused_under_full_security"]["steps"][1]
    assert load["action"] == {"load": "driver"}
    assert load["observed"]["outcome"] == "refused"
    assert load["evidence"][1] > load["evidence"][0] > 0
    page = (folder / "report" / "report.html").read_text()
    assert "test_refused_under_full_security" in page


def test_a_broken_mac_fails_tests_and_scenarios(project: Process, tmp_path: Path) -> None:
    arguments = ["--kextrel-defect", "BOOT-02", "--kextrel-report", "report"]
    done = project({"test_lowered.py": LOWERED, "a.mac.yaml": WALK}, *arguments)
    assert told(tmp_path) == {
        "macOS itself lowers nothing[mini]": "failure",
        "test_lowered": "failure",
        "test_nobody_gets_here_without_a_mac": "passed",
    }, done.stdout
    assert done.returncode == 1
    assert {one["verdict"]["rule"] for one in results(tmp_path).values()} == {"BOOT-02"}
    assert "expected refused (wrong-environment), seen changed" in done.stdout
    assert "PolicyViolated: step 1 (set-security): violated BOOT-02: " in done.stdout


def test_a_broken_wire_is_a_letter_of_its_own_and_an_error(project: Process, tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(IMPATIENT)
    arguments = ["--kextrel-lab=lab.yaml", "--kextrel-fault=ssh-drop@8", "--kextrel-report=report"]
    done = project({"test_lowered.py": LOWERED, "z.mac.yaml": WALK}, *arguments)
    assert told(tmp_path) == {
        "test_lowered": "error,error",  # its verb, and the way back
        "test_nobody_gets_here_without_a_mac": "error",
        "macOS itself lowers nothing[mini]": "error",
    }, done.stdout
    assert done.returncode == 1
    assert re.search(r"^test_lowered\.py BBB +\[ *\d+%\]$", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^z\.mac\.yaml B +\[100%\]$", done.stdout, re.MULTILINE)
    assert re.search(r"^BENCH FAILED test_lowered\.py::test_lowered: .*mini\.shell \(127", done.stdout, re.MULTILINE)
    assert "Traceback" not in done.stdout
    assert "binding.py" not in done.stdout
    found = results(tmp_path)
    assert set(found) == {name.removesuffix("[mini]") for name in told(tmp_path)}
    assert {one["verdict"]["verdict"] for one in found.values()} == {"bench-failed"}
    assert "0 held, 0 violated, 0 not checked, 3 bench failed" in done.stdout


def test_two_workers_share_the_macs_and_report_as_one_run(project: Process, tmp_path: Path) -> None:
    (tmp_path / "pair.yaml").write_text(PAIR)
    each = WALK.replace('macos: ">=13"', 'macos: ">=13", on: each')
    arguments = ["-n", "2", "-v", "--kextrel-lab=pair.yaml", "--kextrel-at-once", "--kextrel-report=report"]
    done = project({"test_shared.py": SHARED, "walk.mac.yaml": each}, *arguments)
    assert told(tmp_path) == {
        **{f"macOS itself lowers nothing[{name}]": "passed" for name in ("one", "two")},
        **{f"test_on_any[{number}]": "passed" for number in range(4)},
        **{f"test_without_a_mac[{number}]": "failure" if number == 2 else "passed" for number in range(3)},
        "test_on_none": "skipped",
    }, done.stdout
    assert "6 held, 0 violated, 0 not checked, 0 bench failed" in done.stdout
    assert "kextrel: on one or two, tests: 4, about 8 lab minutes" in done.stdout
    lines = (tmp_path / "report" / "results.jsonl").read_text().splitlines()
    assert {one["mac"] for one in map(json.loads, lines)} == {"one", "two"}
    ran = dict(re.findall(r"\[(gw\d)\].* PASSED walk.mac.yaml::macOS itself lowers nothing\[(\w+)\]", done.stdout))
    assert sorted(ran.values()) == ["one", "two"]  # each on a worker of its own


def test_each_mac_has_an_id_and_command_line_goes_before_environment_before_ini(
    project: Process, tmp_path: Path
) -> None:
    for name in ("ini", "environment", "line"):
        (tmp_path / f"{name}.yaml").write_text(LAB.format(name=name))
    (tmp_path / "pytest.ini").write_text("[pytest]\nkextrel_lab = ini.yaml\n")
    files, only = {"test_each.py": EACH}, ["--collect-only", "-q"]
    assert collected(project(files, *only)) == each_of("ini")
    assert collected(project(files, *only, KEXTREL_LAB="environment.yaml")) == each_of("environment")
    named = project(files, *only, "--kextrel-lab=line.yaml", KEXTREL_LAB="environment.yaml")
    assert collected(named) == each_of("line")


def collected(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if "::" in line]


def each_of(lab: str) -> list[str]:
    return [f"test_each.py::test_each[{lab}-{number}]" for number in (1, 2)]


def test_a_mac_that_is_not_there_is_one_sentence(project: Process) -> None:
    done = project({"test_mine.py": MINE, "a.mac.yaml": WALK}, "--kextrel-device", "mimi")
    assert done.returncode == 4
    said = [line for line in (done.stdout + done.stderr).splitlines() if "mimi" in line]
    assert said
    assert all("there is no Mac 'mimi'; did you mean 'mini'?" in line for line in said)
    assert "choosing.py" not in done.stdout + done.stderr


def test_a_mark_that_says_nothing_is_one_sentence(project: Process) -> None:
    text = "import pytest\n@pytest.mark.kextrel({})\ndef test_it(mac): pass\n"
    done = project({"test_a.py": text.format("flavour='x'"), "test_b.py": text.format("on='all'")})
    assert done.returncode == 1
    assert "2 errors in " in done.stdout
    assert "\n@pytest.mark.kextrel knows no 'flavour'; known are: " in done.stdout
    assert "\n@pytest.mark.kextrel: on is 'any' or 'each', not 'all'\n" in done.stdout
    assert "choosing.py" not in done.stdout


def test_a_typo_in_a_scenario_is_a_sentence_of_the_collection(project: Process) -> None:
    done = project({"a.mac.yaml": WALK.replace("expect:", "expct:")}, "--kextrel-at-once")
    assert done.returncode == 2
    assert "a.mac.yaml:6: " in done.stdout
    assert "'expect'" in done.stdout
    assert "Traceback" not in done.stdout
