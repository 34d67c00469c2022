"""`predict`: the JSON of design.md field for field, and pins that the model contradicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kextrel.errors import InputError, UsageError
from kextrel.scenario import Scenario, parse, predict

SIP_IN_RECOVERY = """  - boot: {into: 1tr}
  - set-sip: {enabled: false}
  - boot: {into: recoveryos}
  - set-sip: {enabled: true}
"""
WALK = """  - install: driver
  - load: driver
    expect: {outcome: refused, reason: security-mode, state: {loaded_kexts: [], sip: true}}
  - boot: {into: 1tr}
  - set-security: {allow: [user]}
  - boot: {into: macos}
  - load: driver
  - approve: driver
  - restart:
"""


def test_the_object_is_that_of_the_design(one: Callable[..., Scenario]) -> None:
    said = predict(one(WALK))
    assert json.loads(json.dumps(said)) == said
    assert list(said) == ["file", "name", "steps"]
    assert (said["file"], said["name"]) == ("s.mac.yaml", "sample")
    assert said["steps"][0] == {
        "step": 1,
        "action": {"install": "driver"},
        "outcomes": [{"outcome": "done"}],
        "rules": [],
        "open": False,
        "state": {
            "boot": "macos",
            "security_mode": "full",
            "sip": True,
            "kext_management": [],
            "uakl": [],
            "aux_kc": [],
            "receipt": [],
            "loaded_kexts": [],
            "system_extensions": {},
        },
    }
    assert said["steps"][1]["outcomes"] == [{"outcome": "refused", "reason": "security-mode"}]
    assert "KEXT-06" in said["steps"][1]["rules"]
    last = said["steps"][-1]
    assert last["action"] == {"restart": None}
    assert last["state"]["loaded_kexts"] == last["state"]["aux_kc"] == ["com.example.kextrel.driver"]


def test_several_outcomes_have_a_state_each(one: Callable[..., Scenario]) -> None:
    last = predict(one(SIP_IN_RECOVERY))["steps"][-1]
    assert last["open"] is True
    assert [outcome["outcome"] for outcome in last["outcomes"]] == ["changed", "refused"]
    assert [outcome["state"]["sip"] for outcome in last["outcomes"]] == [True, False]
    assert last["state"] == last["outcomes"][0]["state"]


def test_what_no_rule_speaks_of_is_not_checked_and_so_is_the_rest(
    one: Callable[..., Scenario], silent_model: Any
) -> None:
    steps = predict(one("  - install: driver\n  - panic-medic:\n  - restart:\n"), model=silent_model)["steps"]
    assert "not_checked" not in steps[0]
    for step in steps[1:]:
        assert step["not_checked"].startswith("not implemented: ")
        assert (step["outcomes"], step["state"]) == ([], None)


@pytest.mark.parametrize(
    ("pin", "said"),
    [
        ("{outcome: loaded}", "s.mac.yaml:8: step 2 (load) pins outcome loaded, not refused; the model says refused"),
        ("{reason: signature}", "pins reason signature, not security-mode; the model says refused (security-mode)"),
        ("{state: {sip: false}}", "pins sip false, not true"),
        ("{state: {uakl: [a.b]}}", "pins uakl [a.b], not []"),
        ("{state: {system_extensions: {a.b: activated enabled}}}", "pins system_extensions {a.b: activated enabled}"),
    ],
)
def test_a_pin_that_the_model_contradicts_is_bad_input(one: Callable[..., Scenario], pin: str, said: str) -> None:
    scenario = one(f"  - install: driver\n  - load: driver\n    expect: {pin}\n")
    with pytest.raises(InputError) as caught:
        predict(scenario)
    assert said in str(caught.value)
    assert caught.value.line == 8


def test_a_pin_may_agree_with_any_open_outcome(one: Callable[..., Scenario]) -> None:
    steps = "  - boot: {into: 1tr}\n  - set-sip: {enabled: false}\n  - boot: {into: recoveryos}\n"
    for outcome in ("changed", "refused"):
        step = f"  - set-sip: {{enabled: true}}\n    expect: {{outcome: {outcome}}}\n"
        assert predict(one(steps + step))["steps"][-1]["open"]


def test_comparisons_are_predicted_for_a_version() -> None:
    text = 'schema: kextrel/scenario/v1\nmac: {macos: ">=13"}\nsteps: [{boot: {into: 1tr}}]\n'
    (scenario,) = parse(text, "s.mac.yaml")
    assert predict(scenario, "14.5")["steps"][0]["outcomes"] == [{"outcome": "booted"}]
    with pytest.raises(UsageError, match="--macos"):
        predict(scenario)


def test_kext_19_two_ends_that_a_rule_itself_names_are_one_outcome_and_not_open(one: Callable[..., Scenario]) -> None:
    steps = "  - install: driver\n  - load: driver\n  - approve: driver\n  - power-cut: {during: rebuild}\n"
    head = 'schema: kextrel/scenario/v1\nmac: {architecture: intel, macos: "12.7"}\nextensions: {driver: {}}\n'
    last = predict(one(steps, head))["steps"][-1]
    assert (last["outcomes"], last["open"], last["state"]["aux_kc"]) == ([{"outcome": "restarted"}], False, [])
    assert {"KEXT-19", "KEXT-12"} <= set(last["rules"])


def test_a_pin_may_say_either_where_the_rules_are_silent(one: Callable[..., Scenario]) -> None:
    back_to_full = (
        WALK
        + """  - set-security: {mode: full}
  - restart:
    expect: {state: {aux_kc: [], uakl: %s}}
"""
    )
    for remembered in ("[]", "[com.example.kextrel.driver]"):
        assert predict(one(back_to_full % remembered))["steps"][-1]["open"] is True
    with pytest.raises(InputError, match="aux_kc"):
        predict(one(back_to_full.replace("aux_kc: []", "aux_kc: [a]") % "[com.example.kextrel.driver]"))
