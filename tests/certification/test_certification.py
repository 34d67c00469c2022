"""The shipped suite: it is read, the model agrees with it, and between them the files exercise every rule."""

from __future__ import annotations

import re

import pytest

from kextrel import certification, policy
from kextrel.errors import UsageError
from kextrel.scenario import foresee, foreseen_rules, load, predict
from kextrel.scenario.language import Scenario

FILES = certification.paths()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("macos", ["11.0", "12.4", "14.5", "15.3"])
def test_the_model_agrees_with_every_pin(path, macos: str) -> None:  # type: ignore[no-untyped-def]
    for scenario in load(path):
        said = predict(scenario, macos)
        assert all("not_checked" not in step for step in said["steps"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_named_for_a_rule_that_it_exercises_and_says_why(path) -> None:  # type: ignore[no-untyped-def]
    rule = re.match(r"[A-Z]+-\d\d", path.name)
    assert rule is not None
    for scenario in load(path):
        assert rule.group() in foreseen_rules(foresee(scenario, "14.5"))
    text = path.read_text()
    assert text.startswith("# Why: ")
    assert "\n# Pins: " in text


def test_between_them_they_exercise_every_rule_of_the_model() -> None:
    found = {rule for one in certification.select((), "14.5") for rule in foreseen_rules(foresee(one, "14.5"))}
    assert found == set(policy.RULES)


def test_no_file_is_so_dear_that_it_could_be_two() -> None:
    """A boot is minutes on a bench: at most four in one scenario."""
    for scenario in certification.select((), "14.5"):
        assert _boots(scenario) <= 4, scenario.name


def _boots(scenario: Scenario) -> int:
    return sum(step.action.verb in ("boot", "restart", "power-cut") for step in scenario.steps)


def test_a_rule_selects_the_scenarios_that_exercise_it() -> None:
    names = {one.file.rsplit("/", 1)[1] for one in certification.select(["SIG-01"], "14.5")}
    assert names == {"SIG-01-unsigned-is-refused.mac.yaml"}
    with pytest.raises(UsageError, match="there is no rule SIG-99; did you mean 'SIG-0"):
        certification.select(["SIG-99"], "14.5")
    assert certification.select((), "10.15") == []
