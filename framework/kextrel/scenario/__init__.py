"""The scenario language: reading it, predicting it, running it on a Mac, and what a comparison ends as.

    scenarios = load("walk.mac.yaml")        -> list[Scenario], one for each combination of parameters
    predict(scenarios[0])                    -> the JSON object of `kextrel predict`
    run(scenarios[0], device)                -> Report; .to_json() is the JSON object of `kextrel run`
    run_on(device, scenarios, quarantine=…)  -> list[Report], with prepare and baseline
    Mac(device)                              -> the `mac` of a Python test

Each is imported when it is first asked for: to predict takes no device, and to say how a test ended no model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kextrel.scenario.api import Mac, start_on
    from kextrel.scenario.cost import Visit, baseline_minutes, level_of, plan
    from kextrel.scenario.language import SCHEMA, SUFFIX, Scenario, Step, load, parse
    from kextrel.scenario.predicting import foresee, foreseen_rules, predict
    from kextrel.scenario.running import Report, Stay, run, run_on, untouched
    from kextrel.scenario.session import Patience
    from kextrel.scenario.verdicts import BenchFailed, Judgement, NotChecked, PolicyViolated, Seen, StepReport, worst

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
    "api": ("Mac", "start_on"),
    "cost": ("Visit", "baseline_minutes", "level_of", "plan"),
    "language": ("SCHEMA", "SUFFIX", "Scenario", "Step", "load", "parse"),
    "predicting": ("foresee", "foreseen_rules", "predict"),
    "running": ("Report", "Stay", "run", "run_on", "untouched"),
    "session": ("Patience",),
    "verdicts": ("BenchFailed", "Judgement", "NotChecked", "PolicyViolated", "Seen", "StepReport", "worst"),
}
_MODULES = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
