"""The shipped suite: it is read, the model agrees with it, and between them the files exercise every rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kextrel import certification, policy
from kextrel.scenario import foresee, foreseen_rules, load, predict
from kextrel.scenario.language import Scenario
from kextrel.vocabulary import Version

FILES = certification.paths()
SUITE = [scenario for path in FILES for scenario in load(path)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("macos", ["11.0", "11.3", "12.4", "13.6", "14.5", "15.3"])
def test_the_model_agrees_with_every_pin(path, macos: str) -> None:  # type: ignore[no-untyped-def]
    for scenario in load(path):
        if scenario.mac.macos.met_by(Version.parse(macos)):
            said = predict(scenario, macos)
            assert all("not_checked" not in step for step in said["steps"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_named_for_a_rule_that_it_exercises_and_says_why(path) -> None:  # type: ignore[no-untyped-def]
    rule = re.match(r"[A-Z]+-\d\d", path.name)
    assert rule is not None
    for scenario in load(path):
        assert rule.group() in foreseen_rules(foresee(scenario, scenario.mac.template.macos))
    text = path.read_text()
    assert text.startswith("# Why: ")
    assert "\n# Pins: " in text


def test_between_them_they_exercise_every_rule_of_the_model() -> None:
    found = {rule for one in SUITE for rule in foreseen_rules(foresee(one, one.mac.template.macos))}
    assert found == set(policy.RULES)


def test_no_file_is_so_dear_that_it_could_be_two() -> None:
    """A boot is minutes on a bench: at most four in one scenario."""
    for scenario in SUITE:
        assert _boots(scenario) <= 4, scenario.name


def _boots(scenario: Scenario) -> int:
    return sum(step.action.verb in ("boot", "restart", "power-cut") for step in scenario.steps)


def test_a_rule_selects_the_files_that_show_it() -> None:
    assert [path.name for path in certification.showing(["SYS-11"])] == ["SYS-11-not-removable.mac.yaml"]
    assert certification.showing([]) == FILES


def test_a_scenario_that_a_mac_of_the_virtual_lab_can_be_is_for_newer_ones_too() -> None:
    macs = {("intel", "12.7", "device"), ("intel-t2", "13.6", "user")}
    macs |= {("apple-silicon", "14.5", "none"), ("apple-silicon", "15.1", "automated-device")}
    for scenario in SUITE:
        mac = scenario.mac.template
        fit = [one for one in macs if (mac.architecture, mac.enrollment) == (one[0], one[2])]
        if any(scenario.mac.macos.met_by(Version.parse(one[1])) for one in fit):
            rule = policy.RULES[Path(scenario.file).name[: len("KEXT-00")].rstrip("-")]
            assert scenario.mac.macos.met_by(Version.parse("26.0")) or rule.open, scenario.name
