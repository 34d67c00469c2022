"""The JSON that `predict` and `run` print: states and outcomes, field for field as design.md has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from kextrel.vocabulary import UNKNOWN, Outcome, Reason, State, Unknown

__all__ = ["outcome_json", "said", "show", "state_json"]

_FIELDS = tuple(item.name for item in fields(State))


def state_json(state: State) -> dict[str, Any]:
    """A state as JSON: sets become sorted lists, UNKNOWN null, words text, keys sorted where they are names."""
    return {name: _value(getattr(state, name)) for name in _FIELDS}


def outcome_json(outcome: Outcome | Unknown, reason: Reason | None) -> dict[str, Any]:
    """`{"outcome": "refused", "reason": "signature"}`; the reason only where there is one."""
    said: dict[str, Any] = {"outcome": _value(outcome)}
    return said | {"reason": reason.value} if reason is not None else said


def said(outcome: Outcome | Unknown, reason: Reason | None) -> str:
    """An outcome in words: `refused (signature)`; `nothing` where it was not observed."""
    if isinstance(outcome, Unknown):
        return "nothing"
    return f"{outcome} ({reason})" if reason is not None else str(outcome)


def show(value: Any) -> str:
    """A JSON value in a sentence: `[a, b]`, `{k: v}`, `true`, `null`, a word as it is."""
    if isinstance(value, list):
        return "[" + ", ".join(value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {item}" for key, item in value.items()) + "}"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(value: Any) -> Any:
    if value is UNKNOWN:
        return None
    if isinstance(value, frozenset):
        return sorted(map(str, value)) if value else []
    if isinstance(value, str):
        return str(value)
    return {str(key): str(value[key]) for key in sorted(value)} if isinstance(value, Mapping) else value
