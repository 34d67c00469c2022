"""Properties of the model over random walks of random Macs: what no sequence of actions may bring about.

Macs, extensions, profiles and actions are whatever the scenario language can say. KEXTREL_EXAMPLES says how many walks;
`ci/nightly` asks for more than `ci/test` does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kextrel import policy
from kextrel.scenario.verbs import VERBS
from kextrel.vocabulary import (
    Action,
    Architecture,
    Category,
    Credential,
    Enrollment,
    Environment,
    Extension,
    ExtensionKind,
    KernelPolicy,
    KextManagement,
    Mac,
    Outcome,
    Profile,
    SecurityMode,
    Signature,
    Start,
    State,
    SystemPolicy,
    Version,
)
from kextrel.vocabulary import actions as act
from kextrel.vocabulary.actions import Boot, PowerCut, Restart, SetSecurity, SetSip

KEXTS, AGENTS = ("driver", "other"), ("agent", "filter")
NAMES = (*KEXTS, *AGENTS)
TEAMS = ("KXTRL00001", "KXTRL00002")
VERSIONS = (
    *("10.12.6", "10.13.1", "10.13.6", "10.14.6", "10.15.7", "11.0", "11.2.3", "11.3", "11.6.4"),
    *("12.0.1", "12.7", "13.6", "14.5", "15.1", "26.1"),
)
MODES = {
    Architecture.APPLE_SILICON: (SecurityMode.FULL, SecurityMode.REDUCED, SecurityMode.PERMISSIVE),
    Architecture.INTEL_T2: (SecurityMode.FULL, SecurityMode.MEDIUM, SecurityMode.NONE),
}
MANAGED = (Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE)

versions = st.sampled_from(VERSIONS).map(Version.parse)
teams = st.frozensets(st.sampled_from(TEAMS))
identifiers = st.frozensets(st.sampled_from([f"com.example.{name}" for name in NAMES]))
by_team = st.dictionaries(st.sampled_from((*TEAMS, "")), identifiers, max_size=2)
overrides = st.sampled_from([None, True, False])
kinds = st.frozensets(st.sampled_from(["DriverExtension", "NetworkExtension", "EndpointSecurityExtension"]))
profiles = st.builds(
    Profile,
    st.sampled_from(["first", "second"]),
    st.none() | st.builds(KernelPolicy, teams, by_team, overrides, overrides),
    st.none()
    | st.builds(SystemPolicy, teams, by_team, st.dictionaries(st.sampled_from(TEAMS), kinds, max_size=2), by_team,
                by_team, by_team, overrides),
)  # fmt: skip


def _kext(name: str) -> st.SearchStrategy[Extension]:
    return st.builds(
        Extension,
        st.just(name),
        st.just(ExtensionKind.KEXT),
        st.just(f"com.example.{name}"),
        st.sampled_from(TEAMS),
        signature=st.sampled_from((Signature.DEVELOPER_ID, *Signature)),
        notarized=st.sampled_from([True, True, False]),
        architectures=st.sampled_from([frozenset({"arm64e", "x86_64"}), frozenset({"x86_64"})]),
        libraries=st.sampled_from([frozenset({"com.apple.kpi.bsd"}), frozenset({"com.apple.iokit.IOUSBFamily"})]),
        symbols=st.sampled_from([frozenset(), frozenset({"_kauth_listen_scope"})]),
        banned=st.sampled_from([False, False, True]),
        path=st.sampled_from(["/Library/Extensions", "/Applications/Own.app"]),
        installed_before=st.sampled_from([None, None, Version.parse("10.12"), Version.parse("10.14")]),
    )


def _agent(name: str) -> st.SearchStrategy[Extension]:
    return st.builds(
        Extension,
        st.just(name),
        st.just(ExtensionKind.SYSTEM_EXTENSION),
        st.just(f"com.example.{name}"),
        st.sampled_from(TEAMS),
        signature=st.sampled_from((Signature.DEVELOPER_ID, Signature.DEVELOPER_ID, *Signature)),
        category=st.sampled_from(Category),
        entitlements=st.sampled_from([None, None, frozenset()]),
        early_boot=st.booleans(),
        app_in_applications=st.sampled_from([True, True, False]),
    )


@st.composite
def starts(draw: st.DrawFn) -> Start:
    """A Mac that can be (design.md's impossible starts left out), its profiles, two kexts, two system extensions."""
    architecture = draw(st.sampled_from(Architecture))
    silicon = architecture is Architecture.APPLE_SILICON
    macos = draw(versions.filter(lambda one: one.major >= 11) if silicon else versions)
    mode = draw(st.sampled_from(MODES[architecture])) if architecture in MODES else None
    reduced = silicon and mode is not SecurityMode.FULL
    enrollment = draw(st.sampled_from(Enrollment))
    approved = draw(st.booleans())
    counts = enrollment is Enrollment.AUTOMATED_DEVICE or approved or macos.major >= 11
    mac = Mac(
        architecture,
        macos,
        enrollment,
        approved,
        bootstrap_token=draw(st.booleans()),
        sip=draw(st.booleans()) if not silicon or mode is SecurityMode.PERMISSIVE else True,
        security_mode=mode,
        kext_management=draw(st.frozensets(st.sampled_from(KextManagement))) if reduced else frozenset(),
        logged_in=draw(st.booleans()),
        online=draw(st.booleans()),
    )
    given = draw(st.lists(profiles, max_size=2, unique_by=lambda one: one.id))
    known = {name: draw(_kext(name)) for name in KEXTS} | {name: draw(_agent(name)) for name in AGENTS}
    return Start(mac, tuple(given) if enrollment in MANAGED and counts else (), known)


def _of(names: tuple[str, ...], *verbs: Any, **more: Any) -> st.SearchStrategy[Action]:
    return st.one_of([st.builds(verb, st.sampled_from(names), **more) for verb in verbs])


_people = st.sampled_from([Credential.ADMIN, Credential.ADMIN, Credential.STANDARD])
_owners = st.sampled_from([Credential.ADMIN, Credential.ADMIN, Credential.STANDARD, Credential.WRONG_PASSWORD])
_management = st.frozensets(st.sampled_from(KextManagement))
_places = st.sampled_from([one for one in Environment if one is not Environment.OFF])
_tools = st.sampled_from(["bputil", "startup-security-utility"])

on_kexts = st.one_of(
    _of(KEXTS, act.Install, act.Remove, act.Load, act.Unload),
    st.builds(act.Replace, st.sampled_from(KEXTS), st.sampled_from(["1.0", "2.0"])),
    st.builds(act.Approve, st.sampled_from(KEXTS), _people, st.sampled_from(["physical", "physical", "synthetic"])),
)
on_agents = st.one_of(
    _of(AGENTS, act.Install, act.Remove, act.Activate),
    _of(AGENTS, act.Allow, act.Disable, act.Enable, as_=_people),
    st.builds(act.Replace, st.sampled_from(AGENTS), st.sampled_from(["1.0", "2.0"])),
    st.builds(
        act.Deactivate,
        st.sampled_from(AGENTS),
        st.sampled_from(["app", "settings", "finder"]),
        st.sampled_from([Credential.ADMIN, Credential.NOBODY]),
    ),
    st.builds(act.ResetExtensions),
    st.builds(act.DeveloperMode, st.booleans()),
)
_modes = st.none() | st.sampled_from(SecurityMode)
_on_the_mac = st.one_of(
    st.builds(act.Rebuild),
    st.builds(act.Restart),
    st.builds(
        act.Restart, st.just("mdm"), st.booleans(), st.sampled_from([(), ("driver",), KEXTS]), notify_user=st.booleans()
    ),
    st.builds(act.Boot, _places),
    st.builds(act.Boot, _places),
    st.builds(act.PowerCut, st.sampled_from(["idle", "rebuild"])),
    st.builds(act.SetSecurity, _modes, _management, _tools, _owners, st.sampled_from([True, True, False])),
    st.builds(act.SetSecurity, _modes, _management),
    st.builds(act.SetSip, st.booleans(), _owners),
    st.builds(act.KextConsent, st.sampled_from(TEAMS)),
    st.builds(act.KextConsent, st.none(), st.booleans()),
    st.builds(act.PanicMedic),
    st.builds(act.InstallProfile, profiles, st.sampled_from(["mdm", "mdm", "hand"])),
    st.builds(act.RemoveProfile, st.sampled_from(["first", "second"])),
    st.builds(act.Enroll, st.sampled_from(Enrollment), st.booleans(), st.booleans()),
    st.builds(act.Unenroll),
    st.builds(act.Upgrade, versions),
    st.builds(act.Wait, st.sampled_from([1, 30, 31])),
)
actions: st.SearchStrategy[Action] = st.one_of(on_kexts, on_agents, _on_the_mac, on_kexts)


EXAMPLES = int(os.environ.get("KEXTREL_EXAMPLES", "500"))
LENGTH = 25
BIG_SUR = Version.parse("11.0")
SEALED = ("security_mode", "sip", "kext_management", "uakl", "aux_kc", "receipt", "loaded_kexts")
walks = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def walked(start: Start, asked: list[Action]) -> Iterator[tuple[policy.Situation, Action, policy.Prediction]]:
    """Each step: the situation before it, what is asked, what is predicted; the next follows the first outcome."""
    situation = policy.begin(start)
    for action in asked:
        prediction = policy.predict(situation, action)
        yield situation, action, prediction
        situation = prediction.outcomes[0].situation


@walks
@given(starts(), st.lists(actions, min_size=5, max_size=LENGTH))
def test_no_walk_leads_where_a_rule_forbids(start: Start, asked: list[Action]) -> None:
    situation = policy.begin(start)
    for before, action, prediction in walked(start, asked):
        assert prediction == policy.predict(before, action), "the same question has the same answer"
        assert len(prediction.outcomes) > 1 or not prediction.open
        assert set(prediction.rules) <= set(policy.RULES)
        answered(action, *(prediction.outcomes if prediction.open else prediction.outcomes[:1]))
        for expected in prediction.outcomes:
            nothing_runs_where_nothing_may(expected.situation)
            the_policy_is_changed_by_right(before, action, expected.situation)
            system_extensions_change_no_policy(before, action, expected.state)
            if expected.outcome is Outcome.REFUSED:
                assert kept(before) == kept(expected.situation), f"a refused {action.verb} changed something"
        situation = prediction.outcomes[0].situation
    full_is_reachable(situation)


def answered(action: Action, *predicted: policy.Expected) -> None:
    """What is said of it: an outcome of design.md's table, or the refusal that comes before it (wrong environment, not
    there), with its reason. What is allowed besides, with nothing open (KEXT-19), is not said."""
    for expected in predicted:
        assert expected.outcome in (*VERBS[action.verb].outcomes, Outcome.REFUSED)
        assert (expected.reason is not None) is (expected.outcome is Outcome.REFUSED)


def kept(situation: policy.Situation) -> policy.Situation:
    """What a refusal must leave as it was: everything, but that it was asked."""
    return replace(situation, **{name: getattr(BLANK, name) for name in ("discovered", "pending", "asked_at")})


BLANK = policy.Situation(None, {}, (), Environment.MACOS, None, None, frozenset())  # type: ignore[arg-type]


def nothing_runs_where_nothing_may(after: policy.Situation) -> None:
    silicon = after.mac.architecture is Architecture.APPLE_SILICON
    if silicon and after.in_force.mode is SecurityMode.FULL:
        assert not after.loaded, "KEXT-06: nothing third-party runs under full security"
    if after.environment is not Environment.MACOS:
        assert not after.loaded, "BOOT-13, BOOT-14: nor in safe mode, nor in a recovery"
    if after.mac.macos < BIG_SUR:
        assert not after.uakl | after.aux_kc | after.receipt, "before macOS 11 there is no AuxKC"
        return
    assert after.receipt <= after.uakl, "KEXT-10: the receipt is a subset of the UAKL"
    assert after.loaded <= after.aux_kc, "KEXT-01: nothing is loaded that is not in the AuxKC"


def the_policy_is_changed_by_right(before: policy.Situation, action: Action, after: policy.Situation) -> None:
    """BOOT-02 to BOOT-05, BOOT-09, MDM-10; and what Apple silicon's policies can be at all."""
    if before.mac.architecture is not Architecture.APPLE_SILICON:
        return
    assert after.stored.sip or after.stored.mode is SecurityMode.PERMISSIVE, "BOOT-09"
    assert not after.stored.management or after.stored.mode is not SecurityMode.FULL, "BOOT-07"
    if after.stored == before.stored:
        return
    if isinstance(action, SetSecurity | SetSip):
        assert action.as_ is Credential.ADMIN, "BOOT-03"
        assert before.environment is Environment.ONE_TRUE_RECOVERY or _raises_or_plain(before, action), "BOOT-02"
        return
    assert isinstance(action, Restart | Boot | PowerCut), f"{action.verb} wrote a LocalPolicy"
    assert before.mac.enrollment is Enrollment.AUTOMATED_DEVICE, "MDM-10"
    assert before.mac.bootstrap_token, "MDM-10"


def _raises_or_plain(before: policy.Situation, action: SetSecurity | SetSip) -> bool:
    """BOOT-04: full, anywhere, online. BOOT-05: plain reduced, from recoveryOS. BOOT-09: SIP on, from a recovery."""
    if isinstance(action, SetSip):
        return action.enabled and before.environment not in (Environment.MACOS, Environment.SAFE_MODE)
    if action.mode is SecurityMode.FULL:
        return before.mac.online and not action.allow
    plain = action.mode is SecurityMode.REDUCED and not action.allow
    return plain and before.environment is Environment.RECOVERYOS


def full_is_reachable(situation: policy.Situation) -> None:
    """By whoever has a boot policy, and can reach Apple (BOOT-04)."""
    silicon = situation.mac.architecture is Architecture.APPLE_SILICON
    if situation.mac.architecture is Architecture.INTEL or not situation.mac.online:
        return
    full = SetSecurity(SecurityMode.FULL, using="bputil" if silicon else "startup-security-utility")
    for action in (Boot(Environment.RECOVERYOS), full, Boot(Environment.MACOS)):
        situation = policy.predict(situation, action).outcomes[0].situation
    assert situation.in_force.mode is SecurityMode.FULL
    if silicon:
        assert (situation.in_force.sip, situation.in_force.management) == (True, frozenset())
        assert not situation.loaded


def system_extensions_change_no_policy(before: policy.Situation, action: Action, after: State) -> None:
    """SYS-02, SYS-16: neither the security mode nor SIP, nor anything that is said of kexts."""
    name = getattr(action, "extension", "")
    kind = before.extensions[name].kind if name else None
    if kind is ExtensionKind.SYSTEM_EXTENSION or action.verb in ("reset-extensions", "developer-mode"):
        assert sealed(after) == sealed(before.state)


def sealed(state: State) -> tuple[object, ...]:
    return tuple(getattr(state, name) for name in SEALED)
