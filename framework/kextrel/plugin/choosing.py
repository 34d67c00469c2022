"""Which Mac a test gets, from the lab's profile alone."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from kextrel.device import Facts
from kextrel.errors import NotPossible, UsageError, nearest
from kextrel.lab.fit import Requirement
from kextrel.plugin.run import Run
from kextrel.scenario.comparison import WantedMacos
from kextrel.vocabulary import Architecture, Enrollment

if TYPE_CHECKING:
    from kextrel.scenario import Scenario

__all__ = ["fitting", "for_scenario"]

_Word = TypeVar("_Word", bound=StrEnum)
_FLAGS = ("user_approved_mdm", "bootstrap_token", "online", "other_macos", "upgrades")
"""What a Mac is or is not: fields of `mac:`, and what the steps of a scenario ask of its Mac by what they are."""
_WORDS = ("architecture", "macos", "enrollment", *_FLAGS, "on")


def fitting(run: Run, mark: pytest.Mark | None, test: str = "") -> list[str]:
    """The Macs that meet the `kextrel` mark of `test` (its node ID), all of them where there is none; where they are
    made to measure, the one that is. Raises UsageError for a bad mark, NotPossible for a Mac that cannot be made."""
    asked: dict[str, Any] = dict(mark.kwargs) if mark is not None else {}
    if mark is not None and mark.args:
        raise UsageError(
            f"@pytest.mark.kextrel: {mark.args[0]!r} says not of what; write it as architecture=…, macos=…"
        )
    _check(asked)
    made = run.make(_requirement(asked, test))
    if made is None:
        return [name for name in run.names if _meets(run.plan.facts(name), asked)]
    if not _meets(run.plan.facts(made), asked):
        flags = ", ".join(f"{word}={asked[word]}" for word in _FLAGS if word in asked)
        raise NotPossible(f"no virtual Mac can be made with {flags} yet")
    return [made]


def _check(asked: dict[str, Any]) -> None:
    for word, value in asked.items():
        if word not in _WORDS:
            raise UsageError(f"@pytest.mark.kextrel knows no '{word}'; {nearest(word, _WORDS)}")
        if word in _FLAGS and not isinstance(value, bool):
            raise UsageError(f"@pytest.mark.kextrel: {word} is True or False, not {value!r}")
    if asked.get("on", "any") not in ("any", "each"):
        raise UsageError(f"@pytest.mark.kextrel: on is 'any' or 'each', not {asked['on']!r}")


def _requirement(asked: dict[str, Any], test: str) -> Requirement:
    """A Mac that a test upgrades is no other test's."""
    return Requirement(
        _word(Architecture, "architecture", asked["architecture"]) if "architecture" in asked else None,
        _macos(str(asked["macos"])) if "macos" in asked else None,
        _word(Enrollment, "enrollment", asked["enrollment"]) if "enrollment" in asked else None,
        bootstrap_token=asked.get("bootstrap_token", True),
        online=asked.get("online", True),
        second_macos=asked.get("other_macos", False),
        upgraded_by=test if asked.get("upgrades") else "",
    )


def _meets(facts: Facts, asked: dict[str, Any]) -> bool:
    if any(bool(getattr(facts, word)) is not asked[word] for word in _FLAGS if word in asked):
        return False
    wanted: list[tuple[str, type[StrEnum]]] = [("architecture", Architecture), ("enrollment", Enrollment)]
    for word, kind in wanted:
        if word in asked and getattr(facts, word) is not _word(kind, word, asked[word]):
            return False
    return "macos" not in asked or _macos(str(asked["macos"])).met_by(facts.macos)


def _word(kind: type[_Word], field: str, value: Any) -> _Word:
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


def for_scenario(run: Run, scenario: Scenario) -> list[str]:
    """The Macs that a scenario runs on: one that fits or, with `on: each`, all that do. Where none fits, the first one,
    which will say why not. Raises NotPossible where they are made to measure and that one cannot be.

    Of several that fit, workers take the one with the least to do, a run without workers the first: there a second Mac
    makes nothing sooner, and has its own way back to a baseline. Who starts a run for `a walk[mini]`, which an earlier
    one has told of, gets that Mac.
    """
    made = run.make(scenario.requirement)
    if made is not None:
        return [made]
    fits = scenario.mac.fitting(run.names, run.plan.facts)
    asked = [name for name in fits if run.is_asked_for(f"{scenario.name}[{name}]")]
    if asked and scenario.mac.on == "any":
        return asked
    if run.handed is not None and scenario.mac.on == "any" and fits:
        return [run.share(fits, 1 + len(scenario.steps))]
    return scenario.mac.chosen(run.names, run.plan.facts)
