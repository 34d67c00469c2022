"""`expect:`, a scenario's own word on a step: what it says, and whether an outcome and a state agree with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from kextrel.scenario.fields import Fields, Place, flag, list_of, text, word_of
from kextrel.scenario.jsonform import said, show, state_json
from kextrel.vocabulary import UNKNOWN, Environment, KextManagement, Outcome, Reason, SecurityMode, State, Unknown
from kextrel.yamltext import Mapping as MappingNode
from kextrel.yamltext import Node

__all__ = ["Pin", "read_pin"]

STATE_FIELDS = tuple(item.name for item in fields(State))
_KEXT_SETS = ("uakl", "aux_kc", "receipt", "loaded_kexts")


@dataclass(frozen=True)
class Pin:
    """`state` holds only the fields that are pinned, as JSON values; for system_extensions only the pinned ones."""

    outcome: Outcome | None
    reason: Reason | None
    state: Mapping[str, Any] = field(hash=False)
    line: int

    def against(self, outcome: Outcome | Unknown, reason: Reason | None, state: State) -> str:
        """What disagrees with the pin, in words; "" when nothing does. What is UNKNOWN disagrees with nothing."""
        if self.outcome is not None and outcome is not UNKNOWN and outcome is not self.outcome:
            return f"outcome {self.outcome}, not {outcome}"
        if self.reason is not None and reason is not None and reason is not self.reason:
            return f"reason {self.reason}, not {reason}"
        seen = state_json(state)
        for name, wanted in self.state.items():
            if getattr(state, name) is not UNKNOWN and not _within(wanted, seen[name]):
                return f"{name} {show(wanted)}, not {show(seen[name])}"
        return ""

    def unseen(self, outcome: Outcome | Unknown, state: State) -> list[str]:
        """What is pinned and was not observed."""
        names = [name for name in self.state if getattr(state, name) is UNKNOWN]
        return (["outcome"] if self.outcome is not None and outcome is UNKNOWN else []) + names

    def words(self) -> str:
        """The pin as people write it: `refused (security-mode), loaded_kexts []`."""
        head = said(self.outcome, self.reason) if self.outcome else ""
        return ", ".join(part for part in (head, *(f"{k} {show(v)}" for k, v in self.state.items())) if part)


def _within(wanted: Any, seen: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(seen, dict):
        return all(key in seen and seen[key] == value for key, value in wanted.items())
    return bool(wanted == seen)


def read_pin(node: Node, place: Place, outcomes: tuple[Outcome, ...]) -> Pin:
    """Types `expect:` of a step whose verb can have `outcomes`. Raises InputError."""
    top = Fields(node, place, ("outcome", "reason", "state"))
    outcome = top.need("outcome", word_of(Outcome, outcomes)) if top.has("outcome") else None
    reason = top.need("reason", word_of(Reason)) if top.has("reason") else None
    if reason is not None and outcome is None and Outcome.REFUSED in outcomes:
        outcome = Outcome.REFUSED
    if reason is not None and outcome is not Outcome.REFUSED:
        raise place.wrong("only 'refused' has a reason", top.at("reason"), "write outcome: refused, or no reason")
    state = _pinned_state(top) if top.has("state") else {}
    if outcome is None and not state:
        raise place.wrong(f"{place.what} says nothing", node, "give it an outcome, a reason or a state")
    return Pin(outcome, reason, state, node.line)


def _pinned_state(top: Fields) -> dict[str, Any]:
    fields = top.inner("state", STATE_FIELDS)
    if fields.has("boot"):
        fields.need("boot", word_of(Environment))
    if fields.has("security_mode"):
        fields.get_or_none("security_mode", word_of(SecurityMode))
    if fields.has("sip"):
        fields.need("sip", flag)
    if fields.has("kext_management"):
        fields.need("kext_management", list_of(word_of(KextManagement)))
    for name in _KEXT_SETS:
        if fields.has(name):
            fields.need(name, list_of(text))
    if fields.has("system_extensions"):
        fields.need("system_extensions", _state_words)
    return {k: sorted(v) if isinstance(v, list) else v for k, v in fields.written.items()}


def _state_words(node: Node, place: Place) -> dict[str, str]:
    if not isinstance(node, MappingNode):
        raise place.wrong(f"{place.what} must be a mapping of bundle identifiers to state words", node)
    return {key.text: text(value, place.field(key.text)) for key, value in node.entries}
