"""Which Mac a test gets, from the lab's profile alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from kextrel.device import Facts
from kextrel.errors import UsageError, nearest
from kextrel.plugin.run import Run
from kextrel.scenario import Scenario
from kextrel.scenario.comparison import WantedMacos
from kextrel.vocabulary import Architecture, Enrollment

__all__ = ["fitting", "for_scenario"]

_WORDS = ("architecture", "macos", "enrollment", "on")


def fitting(run: Run, mark: pytest.Mark | None) -> list[str]:
    """The Macs that meet a `kextrel` mark, all of them where there is none. Raises UsageError for a bad mark."""
    asked: dict[str, Any] = dict(mark.kwargs) if mark is not None else {}
    for word in asked:
        if word not in _WORDS:
            raise UsageError(f"@pytest.mark.kextrel knows no '{word}'; {nearest(word, _WORDS)}")
    if asked.get("on", "any") not in ("any", "each"):
        raise UsageError(f"@pytest.mark.kextrel: on is 'any' or 'each', not {asked['on']!r}")
    return [name for name in run.names if _meets(run.plan.facts(name), asked)]


def _meets(facts: Facts, asked: dict[str, Any]) -> bool:
    wanted: list[tuple[str, type[StrEnum]]] = [("architecture", Architecture), ("enrollment", Enrollment)]
    for word, kind in wanted:
        if word in asked and getattr(facts, word) is not _word(kind, word, asked[word]):
            return False
    return "macos" not in asked or _macos(str(asked["macos"])).met_by(facts.macos)


def _word(kind: type[StrEnum], field: str, value: Any) -> StrEnum:
    try:
        return kind(value)
    except ValueError:
        hint = nearest(str(value), [str(one) for one in kind])
        raise UsageError(f"@pytest.mark.kextrel: {value!r} is no {field}; {hint}") from None


def _macos(text: str) -> WantedMacos:
    try:
        return WantedMacos.parse(text)
    except ValueError as error:
        raise UsageError(f"@pytest.mark.kextrel: {error}") from None


def for_scenario(run: Run, scenario: Scenario) -> str:
    """The Mac that a scenario runs on; where none fits, the first one, which will say why not."""
    fits = [name for name in run.names if not scenario.mac.unmet(run.plan.facts(name))]
    return (fits or list(run.names))[0]
