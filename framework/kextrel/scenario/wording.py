"""How scenarios, steps and outcomes read, wherever people read them. What a Mac said has no control characters here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kextrel.scenario.jsonform import show

__all__ = ["action_words", "expected_words", "outcome_words", "printable", "sides", "verdict_words"]

_NOT_PRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """`text` without what could move a terminal's cursor."""
    return _NOT_PRINTABLE.sub("·", text)


def action_words(action: Mapping[str, Any]) -> str:
    """An action as people write it: `set-security {mode: reduced, allow: [user]}`."""
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


def expected_words(step: Mapping[str, Any]) -> str:
    """The outcomes that the rules allow, `a or b`; "" where nothing is predicted."""
    return " or ".join(dict.fromkeys(outcome_words(one) for one in step.get("outcomes", ())))


def verdict_words(verdict: Mapping[str, Any]) -> str:
    """`violated KEXT-06`, `bench failed`."""
    rule = f" {verdict['rule']}" if verdict.get("rule") else ""
    return str(verdict["verdict"]).replace("-", " ") + rule


def sides(step: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Expected and seen of one performed step: its outcome first, then each state field that differs."""
    observed = step.get("observed") or {}
    if not observed:
        return
    yield "outcome", expected_words(step), outcome_words(observed) if observed.get("outcome") else "nothing"
    expected, seen = step.get("state") or {}, observed.get("state") or {}
    for name, value in expected.items():
        if seen.get(name) is not None and seen[name] != value:
            yield name, show(value), show(seen[name])
