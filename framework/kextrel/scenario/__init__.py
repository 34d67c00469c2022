"""The scenario language: reading it, predicting it, running it on a Mac, and what a comparison ends as.

    scenarios = load("walk.mac.yaml")        -> list[Scenario], one for each combination of parameters
    predict(scenarios[0])                    -> the JSON object of `kextrel predict`
    run(scenarios[0], device)                -> Report; .to_json() is the JSON object of `kextrel run`
    run_on(device, scenarios, quarantine=…)  -> list[Report], with prepare and baseline
    Mac(device)                              -> the `mac` of a Python test

What needs a device (`run`, `run_on`, `Stay`, `Mac`, `plan`) is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kextrel.scenario.language import SCHEMA, SUFFIX, Scenario, Step, load, parse
from kextrel.scenario.predicting import foresee, foreseen_rules, predict
from kextrel.scenario.verdicts import BenchFailed, Judgement, NotChecked, PolicyViolated, Seen, StepReport, worst

if TYPE_CHECKING:
    from kextrel.scenario.api import Mac, start_on
    from kextrel.scenario.cost import Visit, baseline_minutes, level_of, plan
    from kextrel.scenario.running import Report, Stay, run, run_on, untouched
    from kextrel.scenario.session import Patience

__all__ = [
    "SCHEMA",
    "SUFFIX",
    "BenchFailed",
    "Judgement",
    "Mac",
    "NotChecked",
    "Patience",
    "PolicyViolated",
    "Report",
    "Scenario",
    "Seen",
    "Stay",
    "Step",
    "StepReport",
    "Visit",
    "baseline_minutes",
    "foresee",
    "foreseen_rules",
    "level_of",
    "load",
    "parse",
    "plan",
    "predict",
    "run",
    "run_on",
    "start_on",
    "untouched",
    "worst",
]

_LATER = {
    "Mac": "api",
    "Patience": "session",
    "Report": "running",
    "Stay": "running",
    "Visit": "cost",
    "baseline_minutes": "cost",
    "level_of": "cost",
    "plan": "cost",
    "run": "running",
    "run_on": "running",
    "start_on": "api",
    "untouched": "running",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
