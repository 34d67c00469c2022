"""The comparison: agreement, what counts as nothing seen, and the rule to blame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kextrel import policy
from kextrel.scenario import Scenario
from kextrel.scenario.judging import Chapter, agreeing, judge
from kextrel.scenario.verdicts import Judgement, Seen
from kextrel.vocabulary import UNKNOWN, Outcome, Reason, SecurityMode, State, Verdict

SIP_IN_RECOVERY = """  - boot: {into: 1tr}
  - set-sip: {enabled: false}
  - boot: {into: recoveryos}
  - set-sip: {enabled: true}
"""
DRIVER = frozenset({"com.example.kextrel.driver"})


def told(scenario: Scenario, *seen: Seen | None) -> list[Chapter]:
    """A history in which the model was right, but for the `seen` that are given."""
    situation: Any = policy.begin(scenario.start())
    chapters = []
    for step, said in zip(scenario.steps, seen, strict=True):
        prediction = policy.predict(situation, step.action)
        first = prediction.outcomes[0]
        came = said or Seen(first.outcome, first.reason, first.state)
        chapters.append(Chapter(situation, step.action, prediction, came))
        taken = agreeing(prediction, came) or first
        situation = taken.situation.observed(came.state)
    return chapters


def judged(scenario: Scenario, *seen: Seen | None) -> Judgement:
    return judge(policy, told(scenario, *seen), scenario.steps[len(seen) - 1].pin)


@pytest.fixture
def refused(one: Callable[..., Scenario]) -> Scenario:
    return one("  - install: driver\n  - load: driver\n")


def shown(scenario: Scenario, **changed: Any) -> State:
    return replace(policy.begin(scenario.start()).state, **changed)


def test_a_refusal_without_a_readable_reason_agrees(refused: Scenario) -> None:
    assert judged(refused, None, Seen(Outcome.REFUSED, None, shown(refused))).verdict is Verdict.HELD


def test_another_reason_is_a_violation(refused: Scenario) -> None:
    verdict = judged(refused, None, Seen(Outcome.REFUSED, Reason.BANNED, shown(refused)))
    assert verdict.verdict is Verdict.VIOLATED
    assert verdict.reason.startswith("expected refused (security-mode), seen refused (banned)")


def test_the_rule_without_which_it_would_be_allowed_is_blamed(refused: Scenario) -> None:
    verdict = judged(refused, None, Seen(Outcome.APPROVAL_REQUIRED, None, shown(refused)))
    assert (verdict.verdict, verdict.rule) == (Verdict.VIOLATED, "KEXT-06")
    assert "expected refused (security-mode), seen approval-required" in verdict.reason
    assert "KEXT-06: Apple silicon: needs reduced" in verdict.reason


def test_a_kext_that_loads_where_it_would_be_refused_was_loaded_on_demand(refused: Scenario) -> None:
    """Two rules keep it out; what was seen is what KEXT-01 forbids, whatever KEXT-06 says of the answer."""
    state = shown(refused, aux_kc=DRIVER, loaded_kexts=DRIVER)
    verdict = judged(refused, None, Seen(Outcome.LOADED, None, state))
    assert (verdict.verdict, verdict.rule) == (Verdict.VIOLATED, "KEXT-01")


def test_a_state_that_differs_is_a_violation_with_both_sides(refused: Scenario) -> None:
    state = shown(refused, loaded_kexts=DRIVER)
    verdict = judged(refused, None, Seen(Outcome.REFUSED, Reason.SECURITY_MODE, state))
    assert verdict.verdict is Verdict.VIOLATED
    assert "loaded_kexts: expected [], seen [com.example.kextrel.driver]" in verdict.reason


def test_what_was_not_observed_is_not_compared(refused: Scenario) -> None:
    state = shown(refused, receipt=UNKNOWN, uakl=UNKNOWN)
    verdict = judged(refused, None, Seen(Outcome.REFUSED, Reason.SECURITY_MODE, state))
    assert verdict.verdict is Verdict.HELD


@pytest.mark.parametrize("outcome", [UNKNOWN, Outcome.REFUSED])
def test_nothing_observed_is_not_checked_and_never_held(refused: Scenario, outcome: Any) -> None:
    state = State() if outcome is Outcome.REFUSED else shown(refused)
    verdict = judged(refused, None, Seen(outcome, None, state))
    assert (verdict.verdict, verdict.rule) == (Verdict.NOT_CHECKED, None)
    assert "observed" in verdict.reason


def test_a_change_that_could_not_be_observed_is_not_checked(one: Callable[..., Scenario]) -> None:
    scenario = one("  - boot: {into: 1tr}\n  - set-security: {mode: permissive}\n")
    boot = told(scenario, None, None)[-1].situation.environment
    state = shown(scenario, boot=boot, security_mode=UNKNOWN)
    verdict = judged(scenario, None, Seen(Outcome.CHANGED, None, state))
    assert verdict.verdict is Verdict.NOT_CHECKED
    assert "security_mode" in verdict.reason


def test_blame_reaches_back_to_what_the_absent_rule_would_have_left(one: Callable[..., Scenario]) -> None:
    """The tool words a refusal under full as a request for approval; only the offered Allow shows the broken rule."""
    scenario = one("  - install: driver\n  - load: driver\n  - approve: driver\n")
    verdict = judged(scenario, None, None, Seen(Outcome.APPROVED, None, shown(scenario, uakl=DRIVER)))
    assert (verdict.verdict, verdict.rule) == (Verdict.VIOLATED, "KEXT-06")


def test_where_no_one_rule_explains_it_none_is_blamed(one: Callable[..., Scenario]) -> None:
    scenario = one("  - install: driver\n")
    verdict = judged(scenario, Seen(Outcome.DONE, None, shown(scenario, sip=False)))
    assert (verdict.verdict, verdict.rule) == (Verdict.VIOLATED, None)


def test_a_rule_that_decides_alone_is_to_blame(one: Callable[..., Scenario]) -> None:
    scenario = one("  - boot: {into: 1tr}\n")
    verdict = judged(scenario, Seen(Outcome.BOOTED, None, shown(scenario)))
    assert (verdict.verdict, verdict.rule) == (Verdict.VIOLATED, "BOOT-01")
    assert "boot: expected 1tr, seen macos" in verdict.reason


def test_a_pin_is_stricter_than_an_open_rule(one: Callable[..., Scenario]) -> None:
    chapters = told(one(SIP_IN_RECOVERY), None, None, None, None)
    denied = chapters[-1].prediction.outcomes[1]
    seen = Seen(denied.outcome, denied.reason, denied.state)
    free, pinned = one(SIP_IN_RECOVERY), one(SIP_IN_RECOVERY + "    expect: {outcome: changed}\n")
    assert judged(free, None, None, None, seen).verdict is Verdict.HELD
    verdict = judged(pinned, None, None, None, seen)
    assert (verdict.verdict, verdict.rule) == (Verdict.VIOLATED, None)
    assert "pins outcome changed, not refused; the rules alone would allow it" in verdict.reason


def test_a_pin_that_could_not_be_seen_is_not_checked(one: Callable[..., Scenario]) -> None:
    scenario = one("  - install: driver\n    expect: {state: {receipt: []}}\n")
    verdict = judged(scenario, Seen(Outcome.DONE, None, shown(scenario, receipt=UNKNOWN)))
    assert verdict == Judgement(Verdict.NOT_CHECKED, None, "pinned, and not observed: receipt")


def test_fields_on_which_the_rules_are_silent_are_not_compared(one: Callable[..., Scenario]) -> None:
    steps = (
        "  - install: driver\n  - boot: {into: 1tr}\n  - set-security: {allow: [user]}\n  - boot: {into: macos}\n"
        "  - load: driver\n  - approve: driver\n  - restart:\n  - set-security: {mode: full}\n  - restart:\n"
    )
    scenario = one(steps)
    forgotten = Seen(Outcome.RESTARTED, None, shown(scenario, uakl=frozenset(), security_mode=SecurityMode.FULL))
    assert judged(scenario, *[None] * 8, forgotten).verdict is Verdict.HELD
