"""`explain`: each step in words, the rules and sources that decide it, and for a refusal the way out."""

from __future__ import annotations

import json

import pytest

from kextrel import policy
from kextrel.scenario import Scenario, parse
from kextrel.scenario.explaining import explain, explanation_json
from kextrel.scenario.phrases import REASONS, said_as, written
from kextrel.scenario.verbs import VERBS
from kextrel.vocabulary import Action, Reason

EVERY_ACTION = """
  - install: driver
  - remove: driver
  - replace: {extension: driver, version: "2.0"}
  - load: driver
  - unload: driver
  - approve: {extension: driver, as: standard, input: synthetic}
  - rebuild:
  - activate: agent
  - allow: {extension: agent, as: standard}
  - disable: agent
  - enable: agent
  - deactivate: {extension: agent, by: finder, as: nobody}
  - reset-extensions:
  - developer-mode: {on: false}
  - restart: {by: mdm, rebuild_kernel_cache: true, kext_paths: [driver], notify_user: true}
  - boot: {into: 1tr}
  - power-cut: {during: rebuild}
  - set-security: {mode: reduced, allow: [remote, user], using: startup-security-utility, as: standard, paired: false}
  - set-sip: {enabled: false, as: wrong-password}
  - kext-consent: {add: KXTRL00001}
  - kext-consent: {enabled: false}
  - panic-medic:
  - install-profile: {id: p, kernel_extensions: {AllowedTeamIdentifiers: [A], AllowUserOverrides: false}, from: hand}
  - install-profile: {id: q, system_extensions: {NonRemovableFromUISystemExtensions: {A: [com.example.a]}}}
  - remove-profile: p
  - enroll: {enrollment: device, bootstrap_token: false}
  - unenroll:
  - upgrade: {macos: "15.0"}
  - wait: {minutes: 30}
"""
HEAD = """schema: kextrel/scenario/v1
name: sample
mac: {macos: "14.5"}
extensions: {driver: {}, agent: {kind: system-extension}}
steps:"""


def scenario(steps: str) -> Scenario:
    (found,) = parse(HEAD + steps, "s.mac.yaml")
    return found


ACTIONS = [step.action for step in scenario(EVERY_ACTION).steps]


def test_every_verb_is_here() -> None:
    assert {action.verb for action in ACTIONS} == set(VERBS)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.verb)
def test_an_action_is_written_as_it_is_read(action: Action) -> None:
    (step,) = scenario(f"\n  - {json.dumps(written(action))}\n").steps
    assert step.action == action


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.verb)
def test_an_action_is_an_order_in_words(action: Action) -> None:
    said = said_as(action)
    assert said[0].islower()
    assert not set(said) & set("<>{}_[]\n")


def test_orders_say_what_matters() -> None:
    said = [said_as(action) for action in ACTIONS]
    assert "approve driver as a standard user, by a synthetic event" in said
    assert (
        "have the MDM restart the Mac with RebuildKernelCache and with KextPaths for driver and with NotifyUser" in said
    )
    assert "boot into 1TR (hold the power button)" in said
    assert (
        "set reduced security and allow remote and user management of kexts as a standard user, in Startup Security "
        "Utility, from another macOS's recovery" in said
    )
    assert (
        "install the profile p for kernel extensions (AllowedTeamIdentifiers: A; AllowUserOverrides: false), by hand"
        in said
    )


def test_every_reason_has_words() -> None:
    assert set(REASONS) == set(Reason)


WALK = """
  - install: driver
  - load: driver
  - boot: {into: 1tr}
  - set-security: {allow: [user]}
"""


def test_a_refusal_quotes_its_rule_and_source_and_shows_the_way() -> None:
    installed, refused, _, allowed = explain(scenario(WALK))
    assert (installed.says, installed.because, installed.way) == (
        "Install driver: it is done.",
        ("No rule stands against it.",),
        None,
    )
    rule = policy.RULES["KEXT-06"]
    assert refused.says == (
        "Ask for driver to be loaded: it is refused: the security mode lets no kext in (security-mode)."
    )
    assert refused.because[0] == f"KEXT-06 [S0, S1, S2]: {rule.text}"
    assert refused.way_says == (
        "The shortest way to have it loaded: boot into 1TR (hold the power button); allow user management of kexts as "
        "an administrator; boot into macOS; ask for driver to be loaded; approve driver as an administrator; restart."
    )
    assert allowed.changes == ("Then security_mode is reduced.", "Then kext_management is [user].")
    first, *_, last = refused.lines()
    assert (first.startswith("  2. Ask for driver"), last.strip()) == (True, refused.way_says)


def test_the_way_is_a_scenario_that_the_model_holds_for_true() -> None:
    one = scenario(WALK.split("  - boot")[0])
    said = explanation_json(one, explain(one))
    assert json.loads(json.dumps(said)) == said
    assert list(said) == ["file", "name", "steps"]
    way = said["steps"][1]["way"]
    assert way["sure"] is True
    lines = "".join(f"\n  - {json.dumps(step)}" for step in way["steps"])
    last = explain(scenario(WALK.split("  - boot")[0] + lines[1:] + "\n"))[-1]
    assert "Then loaded_kexts is [com.example.kextrel.driver]." in last.changes


def test_what_helps_depends_on_the_extension() -> None:
    head = HEAD.replace("driver: {}", "driver: {signature: none}").replace("extension}", "extension, entitlements: []}")
    steps = "\n  - install: driver\n  - load: driver\n  - install: agent\n  - activate: agent\n"
    (one,) = parse(head + steps, "s.mac.yaml")
    _, unsigned, _, unentitled = explain(one)
    assert "; disable SIP as an administrator; " in unsigned.way_says
    assert unentitled.way_says == "There is no way to have it enabled on this Mac as it is."


def test_what_is_open_is_said_to_be_open() -> None:
    head = HEAD.replace('macos: "14.5"', 'macos: "15.1"')
    (one,) = parse(head + "\n  - reset-extensions:\n", "s.mac.yaml")
    (step,) = explain(one)
    assert step.says == "Reset all system extensions: it is refused: SIP is enabled (sip-enabled); or it is done."
    assert "The sources are silent or disagree here: each of these outcomes is allowed." in step.because


def test_a_refusal_that_no_rule_makes_says_so() -> None:
    (step,) = explain(scenario("\n  - load: driver\n"))
    assert step.because == ("It is refused before any rule is asked.",)
