"""How predictions, steps and counts read in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kextrel.scenario.wording import action_words, expected_words, printable, sides, verdict_words

__all__ = ["counts_line", "prediction_lines", "step_lines"]

_MARKS = {"held": "✓", "violated": "✗", "not-checked": "?", "bench-failed": "!"}


def prediction_lines(prediction: Mapping[str, Any]) -> Iterator[str]:
    """A prediction as lines: the name, then a line a step."""
    yield f"{prediction['name']}  ({prediction['file']})"
    for step in prediction["steps"]:
        said = expected_words(step) or step.get("not_checked", "nothing is predicted")
        rules = f"  [{', '.join(step['rules'])}]" if step["rules"] else ""
        yield f"  {step['step']}. {action_words(step['action'])}  →  {said}{rules}{'  (open)' if step['open'] else ''}"


def step_lines(step: Mapping[str, Any]) -> Iterator[str]:
    """One performed step: its verdict and what was asked; expected beside seen where they differ."""
    verdict = step["verdict"]
    head = f"  {_MARKS[verdict['verdict']]} {step['step']}. {action_words(step['action'])}  {verdict_words(verdict)}"
    if verdict["verdict"] != "violated":
        yield f"{head}: {printable(verdict['reason'])}"
        return
    yield head
    for name, expected, seen in sides(step):
        yield f"      {name}: expected {expected}, seen {printable(seen)}"


def counts_line(counts: Mapping[str, int]) -> str:
    """`7 held, 0 violated, 0 not checked, 0 bench failed`."""
    return ", ".join(f"{number} {verdict.replace('-', ' ')}" for verdict, number in counts.items())
