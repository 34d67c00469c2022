"""Properties of the model over random walks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kextrel import policy
from kextrel.vocabulary import (
    Action,
    Architecture,
    Credential,
    Environment,
    Extension,
    ExtensionKind,
    KextManagement,
    Mac,
    Outcome,
    SecurityMode,
    Signature,
    Start,
    Version,
)
from kextrel.vocabulary.actions import (
    Approve,
    Boot,
    Install,
    Load,
    PowerCut,
    Rebuild,
    Remove,
    Restart,
    SetSecurity,
    SetSip,
)

NAMES = ("signed", "unsigned")
EXTENSIONS = {
    "signed": Extension("signed", ExtensionKind.KEXT, "com.example.signed"),
    "unsigned": Extension("unsigned", ExtensionKind.KEXT, "com.example.unsigned", signature=Signature.NONE),
}
CREDENTIALS = st.sampled_from([Credential.ADMIN, Credential.STANDARD, Credential.WRONG_PASSWORD])
MODES = st.sampled_from([None, SecurityMode.FULL, SecurityMode.REDUCED, SecurityMode.PERMISSIVE])
ENVIRONMENTS = st.sampled_from([one for one in Environment if one not in (Environment.OFF, Environment.SAFE_MODE)])
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.builds(Install, st.sampled_from(NAMES)),
    st.builds(Remove, st.sampled_from(NAMES)),
    st.builds(Load, st.sampled_from(NAMES)),
    st.builds(Approve, st.sampled_from(NAMES)),
    st.builds(Rebuild),
    st.builds(Restart),
    st.builds(PowerCut),
    st.builds(Boot, ENVIRONMENTS),
    st.builds(SetSecurity, MODES, st.frozensets(st.sampled_from(KextManagement)), as_=CREDENTIALS),
    st.builds(SetSip, st.booleans(), CREDENTIALS),
)


def step(situation: policy.Situation, action: Action) -> policy.Prediction | None:
    try:
        return policy.predict(situation, action)
    except policy.NotModelled:
        return None


@settings(max_examples=500, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
def test_no_walk_leads_where_a_rule_forbids(actions: list[Action]) -> None:
    mac = Mac(Architecture.APPLE_SILICON, Version.parse("14.5"))
    situation = policy.begin(Start(mac, (), EXTENSIONS))
    for action in actions:
        prediction = step(situation, action)
        if prediction is None:
            continue
        for outcome in prediction.outcomes:
            check(situation, action, outcome)
        situation = prediction.outcomes[0].situation


def check(before: policy.Situation, action: Action, outcome: policy.Expected) -> None:
    after = outcome.situation
    if outcome.outcome is Outcome.REFUSED:
        assert after.state == before.state
    if after.in_force.mode is SecurityMode.FULL:
        assert not after.loaded, "KEXT-06: nothing third-party runs under full security"
    if after.stored != before.stored and not raises(action):
        assert before.environment is Environment.ONE_TRUE_RECOVERY, "BOOT-02"
    assert after.receipt <= before.uakl | after.uakl, "KEXT-10: the receipt is a subset of the UAKL"
    assert after.stored.sip or after.stored.mode is SecurityMode.PERMISSIVE, "BOOT-09"
    assert not after.stored.management or after.stored.mode is not SecurityMode.FULL


def raises(action: Action) -> bool:
    full = isinstance(action, SetSecurity) and action.mode is SecurityMode.FULL
    return full or (isinstance(action, SetSip) and action.enabled)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTIONS, max_size=15))
def test_full_is_always_reachable(actions: list[Action]) -> None:
    situation = policy.begin(Start(Mac(Architecture.APPLE_SILICON, Version.parse("14.5")), (), EXTENSIONS))
    for action in actions:
        prediction = step(situation, action)
        situation = prediction.outcomes[0].situation if prediction else situation
    after = policy.predict(situation, SetSecurity(SecurityMode.FULL)).outcomes[0].situation
    assert after.stored == policy.begin(Start(situation.mac)).stored


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTIONS, max_size=15))
def test_predictions_are_pure(actions: list[Action]) -> None:
    situation = policy.begin(Start(Mac(Architecture.APPLE_SILICON, Version.parse("14.5")), (), EXTENSIONS))
    for action in actions:
        first, second = step(situation, action), step(situation, action)
        assert first == second
        situation = first.outcomes[0].situation if first else situation
