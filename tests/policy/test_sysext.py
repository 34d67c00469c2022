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
    DeveloperMode,
    Disable,
    Enable,
    Install,
    InstallProfile,
    PowerCut,
    Remove,
    RemoveProfile,
    Replace,
    ResetExtensions,
    Restart,
    SetSip,
    Unenroll,
    Upgrade,
    Wait,
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


@pytest.mark.parametrize("boot", [Restart(), PowerCut(), Boot(Environment.RECOVERYOS)], ids=lambda action: action.verb)
def test_sys_20_pending_stays_pending_and_is_asked_about_again(agent: WALK, boot: Any) -> None:
    mac = agent().do(INSTALL, ACTIVATE, boot, Boot(Environment.MACOS))
    assert (mac.situation.state.system_extensions, "SYS-20" in mac.last.rules) == (WAITING, True)
    mac.do(ACTIVATE)
    assert (mac.answers(), "SYS-20" in mac.last.rules) == (["waiting-for-user"], True)
    assert mac.do(ALLOW).answers() == ["enabled"]


def test_sys_20_it_may_still_be_allowed_before_its_app_asks_again(agent: WALK) -> None:
    assert agent().do(INSTALL, ACTIVATE, Restart(), ALLOW).answers() == ["enabled"]


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
        (
            {"category": Category.DRIVER, "entitlements": frozenset({"com.apple.developer.driverkit"})},
            "approval-forbidden",
            "SYS-06",
        ),
    ],
)
def test_sig_05_sys_17_and_their_order(agent: WALK, extension: dict[str, Any], answer: str, rule: str) -> None:
    described = {"category": Category.ENDPOINT_SECURITY, **extension}
    mac = agent(SystemPolicy(allow_user_overrides=False), **described).do(INSTALL, ACTIVATE)
    assert (mac.answers(), mac.last.rules[0]) == ([answer], rule)
    assert mac.situation.state.system_extensions == {}


def test_sys_09_what_is_gone_but_for_the_restart_need_ask_nobody_again(agent: WALK) -> None:
    mac = agent().do(INSTALL, ACTIVATE, ALLOW, Deactivate("driver"), Deactivate("driver", as_=Credential.NOBODY))
    assert (mac.answers(), mac.last.open) == (["authentication", "terminated"], False)
    (word,) = {word for one in mac.last.outcomes for word in one.state.system_extensions.values()}
    assert word == "terminated waiting to uninstall on reboot"


@pytest.mark.parametrize("category", [Category.DRIVER, Category.NETWORK])
def test_sys_17_is_checked_of_endpoint_security_only_and_a_mac_may_look_at_others(agent: WALK, category: Any) -> None:
    described = {"category": category, "entitlements": frozenset()}
    mac = agent(SystemPolicy(allow_user_overrides=False), **described).do(INSTALL, ACTIVATE)
    assert (mac.answers(), mac.last.open) == (["approval-forbidden", "entitlement"], False)
    mac = agent(**described).do(INSTALL, ACTIVATE)
    assert (mac.answers(), mac.last.open) == (["waiting-for-user", "entitlement"], False)
    assert [one.state.system_extensions for one in mac.last.outcomes] == [WAITING, {}]


@pytest.mark.parametrize("action", [ACTIVATE, ALLOW, Disable("driver"), Enable("driver"), Deactivate("driver")])
def test_they_need_macos_and_their_app(agent: WALK, action: Any) -> None:
    assert agent().do(action).answers() == ["not-installed"]
    assert agent().do(INSTALL, Boot(Environment.RECOVERYOS), action).answers() == ["wrong-environment"]


MATCHING = Profile("late", None, SystemPolicy(frozenset({TEAM})))
FORBIDDING = Profile("strict", None, SystemPolicy(frozenset({"OTHER"}), allow_user_overrides=False))
STUDIO = {"enrollment": Enrollment.DEVICE}


def managed(macos: str, **more: Any) -> dict[str, Any]:
    return {**STUDIO, "macos": Version.parse(macos), **more}


@pytest.mark.parametrize(
    ("macos", "after"),
    [
        ("11.0", WAITING),
        ("11.2.3", WAITING),
        ("11.3", ENABLED),
        ("11.6.4", ENABLED),
        ("12.0.1", ENABLED),
        ("26", ENABLED),
    ],
)
def test_sys_07_a_pushed_profile_completes_a_pending_activation(agent: WALK, macos: str, after: dict[str, str]) -> None:
    mac = agent(mac=managed(macos)).do(INSTALL, ACTIVATE, InstallProfile(MATCHING))
    assert (mac.answers(), mac.situation.state.system_extensions) == (["installed"], after)
    assert "SYS-07" in mac.last.rules
    mac.do(ACTIVATE)
    assert (mac.answers(), mac.situation.state.system_extensions) == (
        ["unchanged" if after == ENABLED else "enabled"],
        ENABLED,
    )


def test_sys_07_only_one_that_allows_it(agent: WALK) -> None:
    mac = agent(mac=managed("14.5")).do(INSTALL, ACTIVATE, InstallProfile(FORBIDDING))
    assert mac.situation.state.system_extensions == WAITING
    assert mac.do(ALLOW).answers() == ["approval-forbidden"]


@pytest.mark.parametrize(
    ("macos", "after"), [("11.2.3", ENABLED), ("11.3", TERMINATED), ("11.6.4", TERMINATED), ("15.1", TERMINATED)]
)
@pytest.mark.parametrize(
    "revoked", [RemoveProfile("late"), InstallProfile(Profile("late", None, SystemPolicy())), Unenroll()]
)
def test_sys_08_a_revoked_approval_ends_an_active_extension(
    agent: WALK, macos: str, after: dict[str, str], revoked: Any
) -> None:
    mac = agent(mac=managed(macos)).do(INSTALL, InstallProfile(MATCHING), ACTIVATE, revoked)
    assert mac.situation.state.system_extensions == after
    assert ("SYS-08" in mac.last.rules) is (after == TERMINATED)
    assert mac.do(Restart()).situation.state.system_extensions == ({} if after == TERMINATED else ENABLED)


def test_sys_08_another_profile_that_allows_it_keeps_it(agent: WALK) -> None:
    second = Profile("second", None, SystemPolicy(frozenset(), {TEAM: NAMED}))
    mac = agent(mac=managed("14.5")).do(INSTALL, InstallProfile(MATCHING), InstallProfile(second), ACTIVATE)
    assert mac.do(RemoveProfile("late")).situation.state.system_extensions == ENABLED
    assert mac.do(RemoveProfile("second")).situation.state.system_extensions == TERMINATED


def test_sys_08_what_the_user_allowed_is_not_of_a_profile(agent: WALK) -> None:
    mac = agent(mac=managed("14.5")).do(INSTALL, ACTIVATE, ALLOW, InstallProfile(FORBIDDING), RemoveProfile("strict"))
    assert mac.situation.state.system_extensions == ENABLED


def test_sys_08_sys_14_a_disabled_one_ends_too(agent: WALK) -> None:
    mac = agent(mac=managed("15.1")).do(INSTALL, InstallProfile(MATCHING), ACTIVATE, Disable("driver"))
    assert mac.do(RemoveProfile("late")).situation.state.system_extensions == TERMINATED


FIXED = {"non_removable_system_extensions": {TEAM: NAMED}}
NOT_FROM_UI = {"non_removable_from_ui_system_extensions": {TEAM: NAMED}}


@pytest.mark.parametrize(
    ("action", "fixed", "from_ui"),
    [
        (Disable("driver"), "not-removable", "not-removable"),
        (Deactivate("driver"), "not-removable", "terminated"),
        (Deactivate("driver", "settings"), "not-removable", "not-removable"),
        (Deactivate("driver", "finder"), "not-removable", "not-removable"),
    ],
)
@pytest.mark.parametrize(("macos", "sip"), [("14.7", True), ("15.0", True), ("26.1", True), ("15.0", False)])
def test_sys_11_not_removable(agent: WALK, macos: str, sip: bool, action: Any, fixed: str, from_ui: str) -> None:
    done = "disabled" if isinstance(action, Disable) else "terminated"
    mode = {"sip": sip, "security_mode": SecurityMode.FULL if sip else SecurityMode.PERMISSIVE}
    for keys, answer in ((FIXED, fixed if sip else done), (NOT_FROM_UI, from_ui)):
        mac = agent(SystemPolicy(frozenset({TEAM}), **keys), mac=managed(macos, **mode)).do(INSTALL, ACTIVATE, action)
        wanted = done if macos == "14.7" else answer
        assert (mac.answers(), "SYS-11" in mac.last.rules) == ([wanted], wanted == "not-removable")


def test_sys_11_comes_before_authentication_and_stays_without_its_app(agent: WALK) -> None:
    mac = agent(SystemPolicy(frozenset({TEAM}), **FIXED), mac=managed("15.1")).do(INSTALL, ACTIVATE)
    mac.do(Deactivate("driver", as_=Credential.NOBODY))
    assert mac.answers() == ["not-removable"]
    assert mac.do(Disable("driver", Credential.STANDARD)).answers() == ["not-removable"]
    mac.do(Remove("driver"), Restart())
    assert mac.situation.state.system_extensions == ENABLED


@pytest.mark.parametrize("category", list(Category))
def test_sys_13_the_same_version_again_is_a_no_op(agent: WALK, category: Category) -> None:
    mac = agent(category=category).do(INSTALL, ACTIVATE, ALLOW, ACTIVATE)
    assert (mac.answers(), mac.last.rules, mac.situation.state.system_extensions) == (
        ["unchanged"],
        ("SYS-13",),
        ENABLED,
    )


@pytest.mark.parametrize("between", [(), (InstallProfile(FORBIDDING),)], ids=["unmanaged", "forbidden since"])
def test_sys_13_a_newer_version_needs_no_new_approval(agent: WALK, between: tuple[Any, ...]) -> None:
    mac = agent(mac=STUDIO).do(INSTALL, ACTIVATE, ALLOW, *between, Replace("driver", "2.0"))
    assert (mac.answers(), mac.situation.state.system_extensions) == (["done"], ENABLED)
    mac.do(ACTIVATE)
    assert (mac.answers(), "SYS-13" in mac.last.rules, mac.situation.state.system_extensions) == (
        ["enabled"],
        True,
        ENABLED,
    )
    assert mac.do(ACTIVATE).answers() == ["unchanged"]
    assert mac.do(Restart()).situation.state.system_extensions == ENABLED


def test_sys_13_a_newer_version_of_what_is_pending_is_pending(agent: WALK) -> None:
    mac = agent().do(INSTALL, ACTIVATE, Replace("driver", "2.0"), ACTIVATE)
    assert (mac.answers(), mac.situation.state.system_extensions) == (["waiting-for-user"], WAITING)
    assert mac.do(ALLOW, ACTIVATE).answers() == ["unchanged"]


def test_sys_13_what_was_switched_off_stays_off(agent: WALK) -> None:
    mac = agent().do(INSTALL, ACTIVATE, ALLOW, Disable("driver"), Replace("driver", "2.0"), ACTIVATE)
    assert (mac.answers(), mac.situation.state.system_extensions) == (["unchanged"], DISABLED)
    assert mac.do(Enable("driver")).answers() == ["enabled"]


SIP_OFF = {"sip": False, "security_mode": SecurityMode.PERMISSIVE}
DEVELOPER = DeveloperMode(on=True)


def test_sys_13_developer_mode_replaces_the_same_version(agent: WALK) -> None:
    mac = agent(mac=SIP_OFF).do(INSTALL, ACTIVATE, ALLOW, DEVELOPER, ACTIVATE)
    assert (mac.answers(), "SYS-13" in mac.last.rules, mac.situation.state.system_extensions) == (
        ["enabled"],
        True,
        ENABLED,
    )
    assert mac.do(DeveloperMode(on=False), ACTIVATE).answers() == ["unchanged"]


def test_sig_05_developer_mode_asks_for_no_place_and_no_signature(agent: WALK) -> None:
    strange = {"app_in_applications": False, "signature": Signature.AD_HOC}
    mac = agent(mac=SIP_OFF, **strange).do(INSTALL, ACTIVATE)
    assert mac.answers() == ["location"]
    assert mac.do(DEVELOPER, ACTIVATE).answers() == ["waiting-for-user"]


@pytest.mark.parametrize("action", [ResetExtensions(), DEVELOPER, DeveloperMode(on=False)], ids=["reset", "on", "off"])
@pytest.mark.parametrize(
    ("mac", "answers"),
    [
        (mac_of("intel", "10.15"), ["sip-enabled"]),
        (mac_of("intel-t2", "14.7", "full"), ["sip-enabled"]),
        (mac_of("apple-silicon", "14.5", "full"), ["sip-enabled"]),
        (mac_of("apple-silicon", "15.0", "full"), ["sip-enabled", "done"]),
        (mac_of("intel", "26.0"), ["sip-enabled", "done"]),
        ({**mac_of("apple-silicon", "15.1", "permissive"), "sip": False}, ["done"]),
        ({**mac_of("intel", "10.15.7"), "sip": False}, ["done"]),
    ],
)
def test_sys_15_needs_sip_off(agent: WALK, mac: dict[str, Any], answers: list[str], action: Any) -> None:
    on = agent(mac=mac).do(INSTALL, ACTIVATE, action)
    assert (on.answers(), on.last.rules, on.last.open) == (answers, ("SYS-15",), len(answers) > 1)
    gone = isinstance(action, ResetExtensions)
    states = {str(one.reason or one.outcome): one.state.system_extensions for one in on.last.outcomes}
    assert states.get("sip-enabled", WAITING) == WAITING
    assert states.get("done", WAITING) == ({} if gone and "done" in states else WAITING)


def test_sys_15_boot_11_sip_counts_from_the_next_boot(agent: WALK) -> None:
    off = (Boot(Environment.RECOVERYOS), SetSip(enabled=False))
    mac = agent(mac=mac_of("intel", "12.7")).do(INSTALL, *off, Boot(Environment.MACOS), ResetExtensions())
    assert mac.answers() == ["done"]


def test_sys_15_reset_forgets_approvals(agent: WALK) -> None:
    mac = agent(mac=SIP_OFF).do(INSTALL, ACTIVATE, ALLOW, ResetExtensions())
    assert mac.situation.state.system_extensions == {}
    assert mac.do(ACTIVATE).answers() == ["waiting-for-user"]


@pytest.mark.parametrize("action", [ResetExtensions(), DEVELOPER])
def test_sys_15_needs_macos_and_catalina(agent: WALK, action: Any) -> None:
    assert agent(mac=mac_of("intel", "10.14.6")).do(action).answers() == ["unsupported-version"]
    assert agent().do(Boot(Environment.RECOVERYOS), action).answers() == ["wrong-environment"]


@pytest.mark.parametrize("category", list(Category))
def test_sys_16_its_privileges_are_never_the_kernels(agent: WALK, category: Category) -> None:
    mac = agent(SystemPolicy(frozenset({TEAM})), category=category).do(INSTALL, ACTIVATE)
    assert "SYS-16" in mac.last.rules
    state = mac.do(Restart()).situation.state
    assert state.uakl == state.aux_kc == state.receipt == state.loaded_kexts == frozenset()


@pytest.mark.parametrize("category", list(Category))
@pytest.mark.parametrize("early_boot", [True, False])
def test_sys_18_only_what_asks_for_it_starts_early(agent: WALK, category: Category, early_boot: bool) -> None:
    asks = early_boot and category is Category.ENDPOINT_SECURITY
    mac = agent(category=category, early_boot=early_boot).do(INSTALL, ACTIVATE, Restart())
    assert "SYS-18" not in mac.last.rules
    assert ("SYS-18" in mac.do(ALLOW, Restart()).last.rules) is asks


@pytest.mark.parametrize("boot", [Restart(), PowerCut(), Boot(Environment.MACOS)], ids=lambda action: action.verb)
def test_sys_19_an_approved_extension_survives_restarts(agent: WALK, boot: Any) -> None:
    mac = agent().do(INSTALL, ACTIVATE, ALLOW, boot)
    assert (mac.situation.state.system_extensions, "SYS-19" in mac.last.rules) == (ENABLED, True)
    mac.do(Disable("driver"), boot)
    assert (mac.situation.state.system_extensions, "SYS-19" in mac.last.rules) == (DISABLED, True)


@pytest.mark.parametrize("macos", ["14.6", "15.1"])
def test_sys_19_an_approved_extension_survives_an_upgrade(agent: WALK, macos: str) -> None:
    mac = agent().do(INSTALL, ACTIVATE, ALLOW, Upgrade(Version.parse(macos)))
    assert (mac.situation.state.system_extensions, "SYS-19" in mac.last.rules) == (ENABLED, True)


@pytest.mark.parametrize("minutes", [1, 30, 60 * 24])
def test_sys_20_time_alone_changes_nothing(agent: WALK, minutes: float) -> None:
    mac = agent().do(INSTALL, ACTIVATE, Wait(minutes))
    assert (mac.answers(), mac.situation.state.system_extensions) == (["done"], WAITING)
    assert mac.do(ALLOW).answers() == ["enabled"]


def test_sys_19_sys_20_safe_mode_takes_nothing_and_is_no_restart(agent: WALK) -> None:
    mac = agent().do(INSTALL, ACTIVATE, Boot(Environment.SAFE_MODE))
    assert (mac.situation.state.system_extensions, "SYS-20" in mac.last.rules) == (WAITING, True)
    assert mac.do(ACTIVATE).answers() == ["wrong-environment"]
    mac.do(Boot(Environment.MACOS), ALLOW, Boot(Environment.SAFE_MODE))
    assert (mac.situation.state.system_extensions, "SYS-19" in mac.last.rules) == (ENABLED, True)
    mac.do(Boot(Environment.MACOS), Deactivate("driver"), Boot(Environment.SAFE_MODE))
    assert mac.situation.state.system_extensions == TERMINATED
    assert mac.do(Boot(Environment.MACOS)).situation.state.system_extensions == {}


@pytest.mark.parametrize(
    ("word", "action", "answer"),
    [
        (None, Disable("driver"), "not-installed"),
        (None, Enable("driver"), "not-installed"),
        (None, Deactivate("driver"), "not-installed"),
        ("waiting", Disable("driver"), "not-offered"),
        ("waiting", Enable("driver"), "not-offered"),
        ("waiting", Deactivate("driver"), "terminated"),
        ("enabled", Enable("driver"), "not-offered"),
        ("enabled", Deactivate("driver", "settings"), "terminated"),
        ("enabled", Deactivate("driver", "settings", Credential.NOBODY), "authentication"),
        ("disabled", Disable("driver"), "not-offered"),
        ("disabled", Enable("driver", Credential.STANDARD), "not-admin"),
        ("disabled", Deactivate("driver"), "terminated"),
        ("terminated", Disable("driver"), "not-installed"),
        ("terminated", Enable("driver"), "not-installed"),
        ("terminated", Deactivate("driver"), "terminated"),
        ("terminated", ACTIVATE, "waiting-for-user"),
        ("terminated", ALLOW, "not-offered"),
    ],
)
def test_what_can_be_done_with_each_state(agent: WALK, word: str | None, action: Any, answer: str) -> None:
    last = {"disabled": Disable("driver"), "terminated": Deactivate("driver")}
    steps = {None: [], "waiting": [ACTIVATE], "enabled": [ACTIVATE, ALLOW]}
    mac = agent().do(INSTALL, *steps.get(word, [ACTIVATE, ALLOW, last.get(word or "")]), action)
    assert mac.answers() == [answer]


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
