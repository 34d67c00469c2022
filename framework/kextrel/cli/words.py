"""How predictions, steps and counts read in a terminal. What a Mac said is shown without its control characters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["action_words", "counts_line", "outcome_words", "prediction_lines", "printable", "step_line"]

_NOT_PRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MARKS = {"held": "✓", "violated": "✗", "not-checked": "?", "bench-failed": "!"}


def printable(text: str) -> str:
    """`text` without what could move a terminal's cursor."""
    return _NOT_PRINTABLE.sub("·", text)


def action_words(action: Mapping[str, Any]) -> str:
    """An action as people write it."""
    verb, takes = next(iter(action.items()))
    if takes in (None, {}, ""):
        return verb
    if isinstance(takes, str):
        return f"{verb} {takes}"
    return f"{verb} {json.dumps(takes, ensure_ascii=False)}".replace('"', "")


def outcome_words(outcome: Mapping[str, Any]) -> str:
    """`refused (security-mode)`."""
    reason = outcome.get("reason")
    return f"{outcome['outcome']} ({reason})" if reason else str(outcome["outcome"])


def prediction_lines(prediction: Mapping[str, Any]) -> Iterator[str]:
    """A prediction as lines: the name, then a line a step."""
    yield f"{prediction['name']}  ({prediction['file']})"
    for step in prediction["steps"]:
        expected = " or ".join(dict.fromkeys(outcome_words(one) for one in step["outcomes"]))
        said = expected or step.get("not_checked", "nothing is predicted")
        rules = f"  [{', '.join(step['rules'])}]" if step["rules"] else ""
        yield f"  {step['step']}. {action_words(step['action'])}  →  {said}{rules}{'  (open)' if step['open'] else ''}"


def step_line(step: Mapping[str, Any]) -> str:
    """One performed step: its verdict, what was asked, what was expected and seen."""
    verdict = step["verdict"]
    mark = _MARKS[verdict["verdict"]]
    rule = f" {verdict['rule']}" if verdict["rule"] else ""
    line = f"  {mark} {step['step']}. {action_words(step['action'])}  {verdict['verdict'].replace('-', ' ')}{rule}"
    return f"{line}: {printable(verdict['reason'])}"


def counts_line(counts: Mapping[str, int]) -> str:
    """`7 held, 0 violated, 0 not checked, 0 bench failed`."""
    return ", ".join(f"{number} {verdict.replace('-', ' ')}" for verdict, number in counts.items())
