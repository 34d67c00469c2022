"""The comparison: what the rules allow against what was seen, and which rule excludes what they do not allow.

A field that is UNKNOWN, or about which the rules are silent (`unsettled`), is not compared. A refusal seen without a
readable reason agrees with every predicted reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from kextrel.errors import NotPossible
from kextrel.scenario.jsonform import said, show, state_json
from kextrel.scenario.pins import Pin
from kextrel.scenario.protocols import Expected, Model, Prediction
from kextrel.scenario.verdicts import Judgement, Seen
from kextrel.vocabulary import UNKNOWN, Action, Outcome, State, Verdict

__all__ = ["Chapter", "agreeing", "judge"]

STATE_FIELDS = tuple(item.name for item in fields(State))
_POLICY = frozenset({"boot", "security_mode", "sip", "kext_management"})
_KEXTS = frozenset({"uakl", "aux_kc", "receipt", "loaded_kexts"})
_SPOKEN_OF = {
    "BOOT": _POLICY,
    "KEXT": _POLICY | _KEXTS,
    "SIG": _POLICY | _KEXTS | {"system_extensions"},
    "UAK": _KEXTS,
    "KPI": _KEXTS,
    "MDM": _POLICY | _KEXTS | {"system_extensions"},
    "SYS": frozenset({"system_extensions"}),
}


@dataclass(frozen=True)
class Chapter:
    """One step that was done: the situation it began in, what was asked, what is predicted, what was seen."""

    situation: Any
    action: Action
    prediction: Prediction
    seen: Seen


def differences(expected: Expected, seen: Seen) -> list[str]:
    """What of `seen` contradicts `expected`: "outcome" (the reason is part of it) and names of state fields."""
    found = ["outcome"] if not _same_outcome(expected, seen) else []
    wanted = expected.situation.state
    for name in STATE_FIELDS:
        value = getattr(seen.state, name)
        if value is not UNKNOWN and name not in expected.unsettled and value != getattr(wanted, name):
            found.append(name)
    return found


def agreeing(prediction: Prediction, seen: Seen) -> Expected | None:
    """The first predicted outcome that nothing seen contradicts."""
    return next((one for one in prediction.outcomes if not differences(one, seen)), None)


def _same_outcome(expected: Expected, seen: Seen) -> bool:
    if seen.outcome is UNKNOWN:
        return True
    if expected.outcome is not seen.outcome:
        return False
    return seen.outcome is not Outcome.REFUSED or seen.reason is None or seen.reason is expected.reason


def judge(model: Model, history: Sequence[Chapter], pin: Pin | None = None) -> Judgement:
    """The verdict on the last chapter of `history`; the earlier ones are needed to find the rule to blame."""
    chapter = history[-1]
    agreed = agreeing(chapter.prediction, chapter.seen)
    if agreed is None:
        return _violated(model, history)
    unseen = _unseen(chapter, agreed)
    if unseen:
        return Judgement(Verdict.NOT_CHECKED, None, unseen)
    return _held_or_pinned(chapter, pin)


def _held_or_pinned(chapter: Chapter, pin: Pin | None) -> Judgement:
    seen = chapter.seen
    if pin is not None:
        contradicted = pin.against(seen.outcome, seen.reason, seen.state)
        if contradicted:
            reason = f"line {pin.line} of the scenario pins {contradicted}; the rules alone would allow it"
            return Judgement(Verdict.VIOLATED, None, reason)
        missing = pin.unseen(seen.outcome, seen.state)
        if missing:
            return Judgement(Verdict.NOT_CHECKED, None, f"pinned, and not observed: {', '.join(missing)}")
    return Judgement(Verdict.HELD, None, f"as expected: {said(seen.outcome, seen.reason)}")


def _unseen(chapter: Chapter, agreed: Expected) -> str:
    """Why agreement says nothing: the outcome, or all that the deciding rules speak of, was not observed; else ""."""
    if chapter.seen.outcome is UNKNOWN:
        return "what came of it could not be observed"
    before, after = chapter.situation.state, agreed.situation.state
    told = {name for name in STATE_FIELDS if getattr(before, name) != getattr(after, name)}
    told = told or set().union(*(_SPOKEN_OF.get(rule.split("-")[0], frozenset()) for rule in chapter.prediction.rules))
    told -= agreed.unsettled
    if not told or any(getattr(chapter.seen.state, name) is not UNKNOWN for name in told):
        return ""
    return f"none of what the rules speak of could be observed: {', '.join(sorted(told))}"


def _violated(model: Model, history: Sequence[Chapter]) -> Judgement:
    chapter = history[-1]
    nearest = min(chapter.prediction.outcomes, key=lambda one: len(differences(one, chapter.seen)))
    reason = side_by_side(chapter, nearest)
    rule = blamed(model, history, frozenset(differences(nearest, chapter.seen)))
    if rule is None:
        return Judgement(Verdict.VIOLATED, None, reason)
    return Judgement(Verdict.VIOLATED, rule, f"{reason}. {rule}: {model.RULES[rule].text}")


def side_by_side(chapter: Chapter, nearest: Expected) -> str:
    """Expected and seen in one sentence, first the outcomes, then the state fields that differ."""
    wanted = " or ".join(dict.fromkeys(said(one.outcome, one.reason) for one in chapter.prediction.outcomes))
    parts = [f"expected {wanted}, seen {said(chapter.seen.outcome, chapter.seen.reason)}"]
    expected, seen = state_json(nearest.situation.state), state_json(chapter.seen.state)
    for name in differences(nearest, chapter.seen):
        if name != "outcome":
            parts.append(f"{name}: expected {show(expected[name])}, seen {show(seen[name])}")
    return "; ".join(parts)


def blamed(model: Model, history: Sequence[Chapter], contradicted: frozenset[str]) -> str | None:
    """The rule without which the model allows what was seen in the last chapter, or None.

    Asked first of the rules that decided it, in its situation as believed and then in the one that the Mac would be in
    had the rule never held in this scenario (hidden things, such as a pending approval, may come of its absence); then
    of those that decided earlier steps, then of all. Whole agreement is looked for before agreement in `contradicted`.
    Where no rule's absence explains it, a rule that decided alone is to blame: nothing else excludes what was seen.
    """
    for only in (None, contradicted):
        for rules in _suspects(model, history):
            for look in (_without_here, _without_ever):
                for rule in rules:
                    if _explains(look(model, history, frozenset({rule})), history[-1].seen, only):
                        return rule
    deciding = history[-1].prediction.rules
    return deciding[0] if len(deciding) == 1 else None


def _suspects(model: Model, history: Sequence[Chapter]) -> Iterator[tuple[str, ...]]:
    deciding = tuple(history[-1].prediction.rules)
    earlier = dict.fromkeys(rule for chapter in reversed(history[:-1]) for rule in chapter.prediction.rules)
    yield deciding
    yield tuple(rule for rule in earlier if rule not in deciding)
    yield tuple(rule for rule in model.RULES if rule not in deciding and rule not in earlier)


def _explains(outcomes: Iterable[Expected], seen: Seen, only: frozenset[str] | None) -> bool:
    for expected in outcomes:
        left = set(differences(expected, seen))
        if not (left if only is None else left & only):
            return True
    return False


def _without_here(model: Model, history: Sequence[Chapter], without: frozenset[str]) -> Sequence[Expected]:
    return _predicted(model, history[-1].situation, history[-1].action, without)


def _without_ever(model: Model, history: Sequence[Chapter], without: frozenset[str]) -> Sequence[Expected]:
    """What the model predicts for the last chapter when `without` never held: the history lived again."""
    situation = history[0].situation
    for chapter in history[:-1]:
        outcomes = _predicted(model, situation, chapter.action, without)
        if not outcomes:
            return ()
        taken = next((one for one in outcomes if not differences(one, chapter.seen)), outcomes[0])
        situation = taken.situation.observed(chapter.seen.state)
    return _predicted(model, situation, history[-1].action, without)


def _predicted(model: Model, situation: Any, action: Action, without: frozenset[str]) -> Sequence[Expected]:
    try:
        return model.predict(situation, action, without=without).outcomes
    except NotPossible:
        return ()  # the model says nothing here, so it explains nothing
