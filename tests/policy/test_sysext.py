"""SYS and SIG-05: each test cites its rule; the tables are read off the rules' words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kextrel import policy
from kextrel.vocabulary import (
    Architecture,
    Category,
    Credential,
    Enrollment,
    Environment,
    ExtensionKind,
    Profile,
    SecurityMode,
    Signature,
    SystemPolicy,
    Version,
)
from kextrel.vocabulary.actions import (
    Activate,
    Allow,
    Boot,
    Deactivate,
    Disable,
    Enable,
    Install,
    InstallProfile,
    PowerCut,
    Remove,
    RemoveProfile,
    Restart,
)

WALK = Callable[..., Any]
AGENT, TEAM = "com.example.kextrel.agent", "KXTRL00001"
NAMED = frozenset({AGENT})
ENABLED, WAITING = {AGENT: "activated enabled"}, {AGENT: "activated waiting for user"}
DISABLED, TERMINATED = {AGENT: "activated disabled"}, {AGENT: "terminated waiting to uninstall on reboot"}
INSTALL, ACTIVATE, ALLOW = Install("driver"), Activate("driver"), Allow("driver")
ES, NETWORK = frozenset({"EndpointSecurityExtension"}), frozenset({"NetworkExtension"})


@pytest.fixture
def agent(walk: WALK) -> WALK:
    """A walk whose one extension, `driver` to the verbs, is a system extension; managed where it has profiles."""

    def make(*profiles: SystemPolicy, mac: dict[str, Any] | None = None, **extension: Any) -> Any:
        found = [Profile(f"p{number}", None, one) for number, one in enumerate(profiles)]
        enrolled = {"enrollment": Enrollment.DEVICE} if profiles else {}
        described = {"kind": ExtensionKind.SYSTEM_EXTENSION, "bundle_id": AGENT, **extension}
        return walk(mac={**enrolled, **(mac or {})}, profiles=found, **described)

    return make


def mac_of(architecture: str, macos: str, mode: str | None = None) -> dict[str, Any]:
    mode_ = None if mode is None else SecurityMode(mode)
    return {"architecture": Architecture(architecture), "macos": Version.parse(macos), "security_mode": mode_}


@pytest.mark.parametrize("category", list(Category))
@pytest.mark.parametrize("action", [ACTIVATE, ALLOW, Disable("driver"), Enable("driver"), Deactivate("driver")])
def test_sys_01_before_catalina_there_are_none(agent: WALK, category: Category, action: Any) -> None:
    mac = agent(mac=mac_of("intel", "10.14.6"), category=category).do(INSTALL, action)
    assert (mac.answers(), mac.last.rules) == (["unsupported-version"], ("SYS-01",))


def test_sys_01_the_version_comes_before_what_is_installed(agent: WALK) -> None:
    assert agent(mac=mac_of("intel", "10.14.6")).do(ACTIVATE).answers() == ["unsupported-version"]
    assert agent(mac=mac_of("intel", "10.15")).do(ACTIVATE).answers() == ["not-installed"]


@pytest.mark.parametrize("category", list(Category))
@pytest.mark.parametrize(
    "mac",
    [
        mac_of("intel", "10.15"),
        mac_of("intel", "12.7"),
        mac_of("intel-t2", "13.6", "full"),
        mac_of("apple-silicon", "11.0", "full"),
        mac_of("apple-silicon", "15.1", "full"),
    ],
)
def test_sys_02_sys_03_sys_04_no_reduced_security_no_restart(
    agent: WALK, mac: dict[str, Any], category: Category
) -> None:
    alone = agent(mac=mac, category=category).do(INSTALL, ACTIVATE)
    assert (alone.answers(), alone.situation.state.system_extensions) == (["waiting-for-user"], WAITING)
    assert {"SYS-01", "SYS-02", "SYS-03"} <= set(alone.last.rules)
    alone.do(ALLOW)
    assert (alone.answers(), alone.situation.state.system_extensions) == (["enabled"], ENABLED)
    assert {"SYS-02", "SYS-03"} <= set(alone.last.rules)
    told = agent(SystemPolicy(frozenset({TEAM})), mac=mac, category=category).do(INSTALL, ACTIVATE)
    assert (told.answers(), told.situation.state.system_extensions) == (["enabled"], ENABLED)
    assert {"SYS-02", "SYS-04", "SYS-05"} <= set(told.last.rules)
    assert told.situation.state.security_mode == mac["security_mode"]


def test_sys_03_only_an_administrator_and_only_what_is_pending(agent: WALK) -> None:
    mac = agent().do(INSTALL, ALLOW)
    assert mac.answers() == ["not-offered"]
    mac.do(ACTIVATE, Allow("driver", Credential.STANDARD))
    assert (mac.answers(), mac.situation.state.system_extensions) == (["not-admin"], WAITING)
    assert mac.do(ACTIVATE).answers() == ["waiting-for-user"]
    assert mac.do(ALLOW, ALLOW).answers() == ["not-offered"]


@pytest.mark.parametrize("boot", [Restart(), PowerCut(), Boot(Environment.MACOS)], ids=lambda action: action.verb)
@pytest.mark.parametrize("macos", ["10.15", "10.15.7"])
def test_sys_12_a_restart_before_big_sur_where_no_kext_lies(agent: WALK, boot: Any, macos: str) -> None:
    mac = agent(mac=mac_of("intel", macos)).do(INSTALL, ACTIVATE, ALLOW, boot)
    assert mac.situation.state.system_extensions == ENABLED
    mac.do(Deactivate("driver"), boot)
    assert (mac.situation.state.system_extensions, mac.last.rules) == ({}, ("SYS-12",))


def test_sys_03_allowing_what_asked_before_the_boot_is_not_modelled(agent: WALK) -> None:
    mac = agent().do(INSTALL, ACTIVATE, Restart())
    assert mac.situation.state.system_extensions == WAITING
    with pytest.raises(policy.NotModelled, match="SYS-20"):
        mac.do(ALLOW)
    assert mac.do(ACTIVATE, ALLOW).answers() == ["enabled"]


@pytest.mark.parametrize(
    ("profiles", "category", "matches"),
    [
        ([SystemPolicy(frozenset({TEAM}))], "network", True),
        ([SystemPolicy(frozenset({"OTHER"}))], "network", False),
        ([SystemPolicy(frozenset(), {TEAM: NAMED})], "network", True),
        ([SystemPolicy(frozenset(), {TEAM: frozenset({"com.example.other"})})], "network", False),
        ([SystemPolicy(frozenset(), {"OTHER": NAMED})], "network", False),
        ([SystemPolicy(frozenset({TEAM}), {}, {TEAM: NETWORK})], "network", True),
        ([SystemPolicy(frozenset({TEAM}), {}, {TEAM: NETWORK})], "endpoint-security", False),
        ([SystemPolicy(frozenset({TEAM}), {}, {TEAM: frozenset({"DriverExtension"})})], "driver", True),
        ([SystemPolicy(frozenset({TEAM}), {}, {TEAM: ES})], "endpoint-security", True),
        ([SystemPolicy(frozenset(), {TEAM: NAMED}, {TEAM: ES})], "network", False),
        ([SystemPolicy(frozenset(), {TEAM: NAMED}, {TEAM: ES})], "endpoint-security", True),
        ([SystemPolicy(frozenset({TEAM}), {}, {"OTHER": ES})], "network", True),
        ([SystemPolicy(frozenset(), {}, {TEAM: NETWORK})], "network", False),
        ([SystemPolicy(frozenset({"OTHER"})), SystemPolicy(frozenset({TEAM}))], "network", True),
        ([SystemPolicy(frozenset({TEAM})), SystemPolicy(frozenset({"OTHER"}))], "network", True),
    ],
)
@pytest.mark.parametrize("overrides", [True, False])
def test_sys_05_sys_06_what_matches(
    agent: WALK, profiles: list[SystemPolicy], category: str, matches: bool, overrides: bool
) -> None:
    last = SystemPolicy(allow_user_overrides=overrides)
    mac = agent(*profiles, last, category=Category(category)).do(INSTALL, ACTIVATE)
    unmatched = "waiting-for-user" if overrides else "approval-forbidden"
    assert mac.answers() == ["enabled" if matches else unmatched]
    assert {"SYS-05", "MDM-13"} <= set(mac.last.rules)


@pytest.mark.parametrize(
    ("values", "forbidden"),
    [((None,), False), ((True,), False), ((False,), True), ((None, False), True), ((True, False), True)],
)
def test_sys_06_mdm_12_mdm_13_the_user_is_offered_nothing(
    agent: WALK, values: tuple[bool | None, ...], forbidden: bool
) -> None:
    mac = agent(*(SystemPolicy(frozenset({"OTHER"}), allow_user_overrides=one) for one in values)).do(INSTALL, ACTIVATE)
    assert mac.answers() == ["approval-forbidden" if forbidden else "waiting-for-user"]
    assert mac.situation.state.system_extensions == ({} if forbidden else WAITING)
    assert ({"SYS-06", "MDM-12"} <= set(mac.last.rules)) is forbidden
    assert mac.do(ALLOW).answers() == ["approval-forbidden" if forbidden else "enabled"]


@pytest.mark.parametrize(
    ("macos", "who", "answers"),
    [
        ("11.2", Credential.ADMIN, ["terminated"]),
        ("11.2", Credential.NOBODY, ["authentication", "terminated"]),
        ("11.3", Credential.ADMIN, ["terminated"]),
        ("11.3", Credential.NOBODY, ["authentication"]),
        ("15.1", Credential.NOBODY, ["authentication"]),
    ],
)
def test_sys_09_its_own_app_needs_an_administrator(
    agent: WALK, macos: str, who: Credential, answers: list[str]
) -> None:
    mac = agent(mac={"macos": Version.parse(macos)}).do(INSTALL, ACTIVATE, ALLOW, Deactivate("driver", as_=who))
    assert (mac.answers(), mac.last.open, "SYS-09" in mac.last.rules) == (answers, len(answers) > 1, True)
    wanted = TERMINATED if answers == ["terminated"] else ENABLED
    assert mac.last.outcomes[0].state.system_extensions == wanted


@pytest.mark.parametrize(
    ("macos", "answer"), [("11.6.4", "authentication"), ("12.0", "authentication"), ("12.0.1", "terminated")]
)
def test_sys_10_removable_by_its_app(agent: WALK, macos: str, answer: str) -> None:
    removable = SystemPolicy(frozenset({TEAM}), removable_system_extensions={TEAM: NAMED})
    mac = agent(removable, mac={"macos": Version.parse(macos)}).do(INSTALL, ACTIVATE)
    mac.do(Deactivate("driver", as_=Credential.NOBODY))
    assert (mac.answers(), "SYS-10" in mac.last.rules) == ([answer], True)


@pytest.mark.parametrize("by", ["app", "finder"])
def test_sys_12_terminated_and_gone_after_the_restart(agent: WALK, by: Any) -> None:
    mac = agent().do(INSTALL, ACTIVATE, ALLOW, Deactivate("driver", by))
    assert (mac.answers(), mac.situation.state.system_extensions) == (["terminated"], TERMINATED)
    assert "SYS-12" in mac.last.rules
    mac.do(Boot(Environment.RECOVERYOS))
    assert mac.situation.state.system_extensions == TERMINATED
    mac.do(Boot(Environment.MACOS))
    assert (mac.situation.state.system_extensions, "SYS-12" in mac.last.rules) == ({}, True)
    assert mac.do(ACTIVATE).answers() == ["waiting-for-user" if by == "app" else "not-installed"]


def test_sys_12_deleting_the_app_asks_for_an_administrator(agent: WALK) -> None:
    mac = agent().do(INSTALL, ACTIVATE, ALLOW, Deactivate("driver", "finder", Credential.NOBODY))
    assert (mac.answers(), mac.situation.state.system_extensions) == (["authentication"], ENABLED)
    mac.do(Remove("driver"))
    assert (mac.answers(), mac.last.outcomes[0].unsettled) == (["done"], {"system_extensions"})
    assert mac.do(Restart()).situation.state.system_extensions == {}


def test_sys_12_deleting_the_app_ends_what_is_pending_too(agent: WALK) -> None:
    mac = agent().do(INSTALL, ACTIVATE, Remove("driver"))
    assert (mac.answers(), mac.last.outcomes[0].unsettled) == (["done"], {"system_extensions"})
    assert mac.do(Restart()).situation.state.system_extensions == {}


def test_sys_14_off_and_on_again(agent: WALK) -> None:
    mac = agent().do(INSTALL, ACTIVATE, ALLOW, Disable("driver"))
    assert (mac.answers(), mac.situation.state.system_extensions) == (["disabled"], DISABLED)
    mac.do(Enable("driver"))
    assert (mac.answers(), mac.situation.state.system_extensions) == (["enabled"], ENABLED)
    assert mac.last.rules == ("SYS-14",)
    assert mac.do(Disable("driver", Credential.STANDARD)).answers() == ["not-admin"]


@pytest.mark.parametrize(
    ("extension", "answer", "rule"),
    [
        ({"app_in_applications": False}, "location", "SIG-05"),
        ({"app_in_applications": False, "signature": Signature.NONE}, "location", "SIG-05"),
        ({"signature": Signature.NONE}, "signature", "SIG-05"),
        ({"signature": Signature.AD_HOC, "entitlements": frozenset()}, "signature", "SIG-05"),
        ({"signature": Signature.BROKEN}, "signature", "SIG-05"),
        ({"signature": Signature.REVOKED}, "signature", "SIG-05"),
        ({"entitlements": frozenset()}, "entitlement", "SYS-17"),
        ({"entitlements": frozenset({"com.apple.developer.driverkit"})}, "entitlement", "SYS-17"),
        ({"entitlements": frozenset({"com.apple.developer.endpoint-security.client"})}, "approval-forbidden", "SYS-06"),
        ({"category": Category.DRIVER, "entitlements": frozenset()}, "approval-forbidden", "SYS-06"),
        ({"category": Category.NETWORK, "entitlements": frozenset()}, "approval-forbidden", "SYS-06"),
    ],
)
def test_sig_05_sys_17_and_their_order(agent: WALK, extension: dict[str, Any], answer: str, rule: str) -> None:
    described = {"category": Category.ENDPOINT_SECURITY, **extension}
    mac = agent(SystemPolicy(allow_user_overrides=False), **described).do(INSTALL, ACTIVATE)
    assert (mac.answers(), mac.last.rules[0]) == ([answer], rule)
    assert mac.situation.state.system_extensions == {}


@pytest.mark.parametrize("action", [ACTIVATE, ALLOW, Disable("driver"), Enable("driver"), Deactivate("driver")])
def test_they_need_macos_and_their_app(agent: WALK, action: Any) -> None:
    assert agent().do(action).answers() == ["not-installed"]
    assert agent().do(INSTALL, Boot(Environment.RECOVERYOS), action).answers() == ["wrong-environment"]


MATCHING = Profile("late", None, SystemPolicy(frozenset({TEAM})))


@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        ((ACTIVATE, InstallProfile(MATCHING)), "SYS-07"),
        ((InstallProfile(MATCHING), ACTIVATE, RemoveProfile("late")), "SYS-08"),
        ((ACTIVATE, ALLOW, ACTIVATE), "SYS-13"),
        ((ACTIVATE, ALLOW, Deactivate("driver", "settings")), "in Settings"),
        ((Disable("driver"),), "not activated"),
        ((Deactivate("driver"),), "not activated"),
    ],
    ids=["pushed", "withdrawn", "twice", "settings", "disable", "deactivate"],
)
def test_what_no_built_rule_speaks_of_is_not_modelled(agent: WALK, steps: tuple[Any, ...], rule: str) -> None:
    mac = agent(mac={"enrollment": Enrollment.DEVICE}).do(INSTALL, *steps[:-1])
    with pytest.raises(policy.NotModelled, match=rule):
        mac.do(steps[-1])


@pytest.mark.parametrize(
    ("without", "action", "answer"),
    [
        ("SYS-01", ACTIVATE, "unsupported-version"),
        ("SYS-02", ACTIVATE, "security-mode"),
        ("SYS-03", ACTIVATE, "enabled"),
    ],
)
def test_a_rule_left_out_allows_what_it_excludes(agent: WALK, without: str, action: Any, answer: str) -> None:
    situation = agent().do(INSTALL).situation
    outcomes = policy.predict(situation, action, without=frozenset({without})).outcomes
    assert str(outcomes[0].reason or outcomes[0].outcome) == answer


@pytest.mark.parametrize(("without", "answer"), [("SYS-04", "waiting-for-user"), ("SYS-05", "waiting-for-user")])
def test_a_matching_rule_left_out(agent: WALK, without: str, answer: str) -> None:
    situation = agent(SystemPolicy(frozenset({TEAM}))).do(INSTALL).situation
    outcomes = policy.predict(situation, ACTIVATE, without=frozenset({without})).outcomes
    assert [str(one.outcome) for one in outcomes] == [answer]
