"""The shipped suite: `scenarios/*.mac.yaml`, each named for the rule that it shows first.

Every file says why it is there and what it pins on top of the model. Between them they exercise every rule that the
model knows; they are as few boots as can be, because on a real bench a boot is minutes.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from kextrel import policy
from kextrel.errors import UsageError, nearest
from kextrel.scenario import SUFFIX, Scenario, foresee, load
from kextrel.scenario.coverage import foreseen_rules
from kextrel.vocabulary import Version

__all__ = ["SCENARIOS", "paths", "select"]

SCENARIOS = Path(__file__).parent / "scenarios"


def paths() -> list[Path]:
    """The suite's files, sorted by name."""
    return sorted(SCENARIOS.glob(f"*{SUFFIX}"))


def select(rules: Collection[str], macos: Version | str) -> list[Scenario]:
    """The suite's scenarios that, on this macOS, exercise any of these rules; all that fit it when `rules` is empty.

    Raises UsageError for a rule that the model does not know.
    """
    for rule in rules:
        if rule not in policy.RULES:
            raise UsageError(f"there is no rule {rule}; {nearest(rule, policy.RULES)}")
    version = Version.parse(macos) if isinstance(macos, str) else macos
    fitting = [one for path in paths() for one in load(path) if one.mac.macos.met_by(version)]
    if not rules:
        return fitting
    return [one for one in fitting if set(rules) & set(foreseen_rules(foresee(one, version)))]
