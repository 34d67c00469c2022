"""BOOT: each test cites its rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kextrel import policy
from kextrel.vocabulary import Architecture, Credential, Enrollment, Environment, KextManagement, SecurityMode, Version
from kextrel.vocabulary.actions import Boot, PowerCut, Restart, SetSecurity, SetSip

USER = frozenset({KextManagement.USER})
REMOTE = frozenset({KextManagement.REMOTE})
FULL, REDUCED, PERMISSIVE = SecurityMode.FULL, SecurityMode.REDUCED, SecurityMode.PERMISSIVE
IN_1TR = Boot(Environment.ONE_TRUE_RECOVERY)
LOWERINGS = [
    SetSecurity(REDUCED, USER),
    SetSecurity(PERMISSIVE),
    SetSecurity(None, USER),
    SetSecurity(None, REMOTE),
    SetSip(False),
]
WALK = Callable[..., Any]


@pytest.mark.parametrize("into", [Environment.ONE_TRUE_RECOVERY, Environment.FALLBACK_RECOVERYOS, Environment.MACOS])
def test_boot_01_the_button_decides_where_it_goes(walk: WALK, into: Environment) -> None:
    mac = walk().do(Boot(into))
    assert (mac.answers(), mac.situation.state.boot) == (["booted"], into)
    assert "BOOT-01" in mac.last.rules


@pytest.mark.parametrize("here", [Environment.MACOS, Environment.RECOVERYOS, Environment.FALLBACK_RECOVERYOS])
@pytest.mark.parametrize("lowering", LOWERINGS, ids=str)
def test_boot_02_a_lowering_is_refused_outside_1tr_and_changes_nothing(
    walk: WALK, here: Environment, lowering: Any
) -> None:
    mac = walk() if here is Environment.MACOS else walk().do(Boot(here))
    before = mac.situation
    mac.do(lowering)
    assert (mac.answers(), mac.last.rules[0]) == (["wrong-environment"], "BOOT-02")
    assert mac.situation == before
    assert str(policy.predict(before, lowering, without=frozenset({"BOOT-02"})).outcomes[0].outcome) == "changed"


@pytest.mark.parametrize("here", [Environment.MACOS, Environment.RECOVERYOS, Environment.FALLBACK_RECOVERYOS])
@pytest.mark.parametrize("more", [{"using": "startup-security-utility"}, {"paired": False}], ids=str)
def test_boot_02_comes_before_the_tool_and_the_pairing(walk: WALK, here: Environment, more: dict[str, Any]) -> None:
    mac = walk() if here is Environment.MACOS else walk().do(Boot(here))
    assert mac.do(SetSecurity(None, USER, **more)).answers() == ["wrong-environment"]


def test_boot_07_comes_before_the_pairing(walk: WALK) -> None:
    assert walk().do(IN_1TR, SetSecurity(FULL, USER, paired=False)).answers() == ["not-offered"]


@pytest.mark.parametrize("enrollment", [Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE])
def test_boot_rules_hold_for_managed_macs_too(walk: WALK, enrollment: Enrollment) -> None:
    mac = walk(mac={"enrollment": enrollment})
    assert mac.do(SetSecurity(None, USER)).answers() == ["wrong-environment"]
    assert mac.do(IN_1TR, SetSecurity(None, USER, as_=Credential.STANDARD)).answers() == ["not-admin"]
    assert mac.do(SetSecurity(REDUCED, REMOTE), Boot(Environment.MACOS)).situation.in_force.management == REMOTE
    assert "MDM-08" not in mac.do(IN_1TR, SetSecurity(None, USER)).last.rules


@pytest.mark.parametrize(
    ("who", "reason"), [(Credential.WRONG_PASSWORD, "authentication"), (Credential.STANDARD, "not-admin")]
)
@pytest.mark.parametrize("make", [lambda who: SetSecurity(REDUCED, USER, as_=who), lambda who: SetSip(False, who)])
def test_boot_03_only_an_owner_who_authenticates(walk: WALK, who: Credential, reason: str, make: Any) -> None:
    mac = walk().do(IN_1TR, make(who))
    assert (mac.answers(), mac.last.rules) == ([reason], ("BOOT-03",))
    assert mac.situation.state.security_mode is FULL


def test_boot_04_full_from_macos_clears_everything(walk: WALK) -> None:
    mac = walk().do(IN_1TR, SetSecurity(PERMISSIVE, USER | REMOTE), SetSip(False), Boot(Environment.MACOS))
    mac.do(SetSecurity(FULL))
    state = mac.situation.state
    assert (mac.answers(), state.security_mode, state.sip, state.kext_management) == (
        ["changed"],
        FULL,
        True,
        frozenset(),
    )


def test_boot_04_offline_full_is_refused(walk: WALK) -> None:
    mac = walk(mac={"online": False}).do(IN_1TR, SetSecurity(REDUCED), SetSecurity(FULL))
    assert (mac.answers(), mac.situation.state.security_mode) == (["network"], REDUCED)


def test_boot_06_a_mode_writes_the_policy_afresh(walk: WALK) -> None:
    mac = walk().do(IN_1TR, SetSecurity(REDUCED, USER), SetSip(False), SetSecurity(REDUCED, REMOTE))
    state = mac.situation.state
    assert (state.security_mode, state.sip, state.kext_management) == (REDUCED, True, REMOTE)


def test_boot_07_an_allowance_keeps_the_rest_and_lowers_full_to_reduced(walk: WALK) -> None:
    mac = walk().do(IN_1TR, SetSecurity(None, USER))
    assert (mac.situation.state.security_mode, mac.situation.state.kext_management) == (REDUCED, USER)
    mac.do(SetSecurity(None, REMOTE))
    assert mac.situation.state.kext_management == USER | REMOTE
    mac = walk().do(IN_1TR, SetSip(False), SetSecurity(None, USER))
    assert (mac.situation.state.security_mode, mac.situation.state.sip) == (PERMISSIVE, False)


def test_boot_07_full_and_an_allowance_exclude_each_other(walk: WALK) -> None:
    assert walk().do(IN_1TR, SetSecurity(FULL, USER)).answers() == ["not-offered"]


def test_nothing_asked_is_unchanged(walk: WALK) -> None:
    assert walk().do(IN_1TR, SetSecurity()).answers() == ["unchanged"]
    assert walk().do(SetSecurity(as_=Credential.WRONG_PASSWORD)).answers() == ["unchanged"]
    assert walk().do(SetSecurity(FULL)).answers() == ["unchanged"]
    assert walk().do(IN_1TR, SetSip(True)).answers() == ["unchanged"]


def test_boot_09_sip_off_moves_to_permissive_and_keeps_kexts(walk: WALK) -> None:
    mac = walk().do(IN_1TR, SetSecurity(REDUCED, USER), SetSip(False))
    state = mac.situation.state
    assert (state.security_mode, state.sip, state.kext_management) == (PERMISSIVE, False, USER)


@pytest.mark.parametrize("here", [Environment.RECOVERYOS, Environment.FALLBACK_RECOVERYOS])
def test_boot_09_enabling_sip_in_another_recovery_is_open(walk: WALK, here: Environment) -> None:
    mac = walk().do(IN_1TR, SetSip(False), Boot(here), SetSip(True))
    assert (mac.answers(), mac.last.open) == (["changed", "wrong-environment"], True)


@pytest.mark.parametrize("here", [Environment.RECOVERYOS, Environment.FALLBACK_RECOVERYOS])
def test_boot_09_and_there_too_only_an_owner_who_authenticates(walk: WALK, here: Environment) -> None:
    mac = walk().do(IN_1TR, SetSip(False), Boot(here), SetSip(True, Credential.WRONG_PASSWORD))
    assert (mac.answers(), mac.last.rules) == (["authentication", "wrong-environment"], ("BOOT-09", "BOOT-03"))
    assert mac.situation.state.sip is False


def test_boot_09_enabling_sip_from_macos_is_refused(walk: WALK) -> None:
    mac = walk().do(IN_1TR, SetSip(False), Boot(Environment.MACOS), SetSip(True))
    assert mac.answers() == ["wrong-environment"]


@pytest.mark.parametrize("boot", [Restart(), PowerCut(), Boot(Environment.MACOS)], ids=str)
def test_boot_11_stored_at_once_and_in_force_from_the_next_boot(walk: WALK, boot: Any) -> None:
    mac = walk().do(IN_1TR, SetSecurity(REDUCED, USER))
    assert (mac.situation.stored.mode, mac.situation.in_force.mode) == (REDUCED, FULL)
    mac.do(boot)
    assert mac.situation.in_force.mode is REDUCED
    assert "BOOT-11" in mac.last.rules


@pytest.mark.parametrize("into", [Environment.ONE_TRUE_RECOVERY, Environment.FALLBACK_RECOVERYOS])
def test_intel_has_neither_1tr_nor_fallback(walk: WALK, into: Environment) -> None:
    intel = {"architecture": Architecture.INTEL, "macos": Version.parse("12.7"), "security_mode": None}
    assert walk(mac=intel).do(Boot(into)).answers() == ["unsupported-hardware"]
    assert walk(mac=intel).do(SetSecurity(FULL)).answers() == ["unsupported-hardware"]
    catalina = {**intel, "macos": Version.parse("10.15.7")}
    assert walk(mac=catalina).do(Boot(into)).answers() == ["unsupported-hardware"]
    assert walk(mac=catalina).do(SetSecurity(FULL)).answers() == ["unsupported-hardware"]


@pytest.mark.parametrize(
    ("here", "answer"),
    [
        (Environment.ONE_TRUE_RECOVERY, "changed"),
        (Environment.RECOVERYOS, "changed"),
        (Environment.FALLBACK_RECOVERYOS, "wrong-environment"),
        (Environment.MACOS, "wrong-environment"),
        (Environment.SAFE_MODE, "wrong-environment"),
    ],
)
def test_boot_05_plain_reduced_from_recoveryos_too(walk: WALK, here: Environment, answer: str) -> None:
    mac = walk().do(Boot(here), SetSecurity(REDUCED))
    assert mac.answers() == [answer]
    assert ("BOOT-05" in mac.last.rules) is (here is not Environment.ONE_TRUE_RECOVERY)


@pytest.mark.parametrize("more", [USER, REMOTE], ids=["user", "remote"])
def test_boot_05_is_about_plain_reduced_only(walk: WALK, more: frozenset[KextManagement]) -> None:
    mac = walk().do(Boot(Environment.RECOVERYOS), SetSecurity(REDUCED, more))
    assert (mac.answers(), mac.last.rules) == (["wrong-environment"], ("BOOT-02",))


def test_boot_08_permissive_is_not_in_startup_security_utility(walk: WALK) -> None:
    mac = walk().do(IN_1TR, SetSecurity(PERMISSIVE, using="startup-security-utility", as_=Credential.STANDARD))
    assert (mac.answers(), mac.last.rules) == (["not-offered"], ("BOOT-08",))
    assert mac.do(SetSecurity(REDUCED, USER, "startup-security-utility")).answers() == ["changed"]
    assert mac.do(SetSecurity(PERMISSIVE)).answers() == ["changed"]


@pytest.mark.parametrize(
    ("macos", "answer"), [("11.6.4", "changed"), ("12.0.1", "not-paired"), ("26.3.1", "not-paired")]
)
def test_boot_12_another_macos_from_12_on(walk: WALK, macos: str, answer: str) -> None:
    mac = walk(mac={"macos": Version.parse(macos)}).do(IN_1TR, SetSecurity(REDUCED, USER, paired=False))
    assert mac.answers() == [answer]


def test_boot_12_comes_before_authentication_and_after_the_tool(walk: WALK) -> None:
    wrong = {"paired": False, "as_": Credential.WRONG_PASSWORD}
    assert walk().do(IN_1TR, SetSecurity(PERMISSIVE, **wrong)).answers() == ["not-paired"]
    utility = SetSecurity(PERMISSIVE, using="startup-security-utility", **wrong)
    assert walk().do(IN_1TR, utility).answers() == ["not-offered"]


@pytest.mark.parametrize("action", [SetSecurity(FULL, paired=False), SetSecurity(REDUCED, paired=False)], ids=str)
def test_boot_12_full_and_plain_reduced_ask_for_no_pairing(walk: WALK, action: SetSecurity) -> None:
    assert walk().do(IN_1TR, SetSecurity(None, USER), action).answers() == ["changed"]


@pytest.mark.parametrize(
    ("here", "answer"), [(Environment.MACOS, "wrong-environment"), (Environment.RECOVERYOS, "changed")]
)
def test_boot_04_startup_security_utility_is_in_recovery_only(walk: WALK, here: Environment, answer: str) -> None:
    mac = walk(mac={"security_mode": REDUCED}).do(Boot(here), SetSecurity(FULL, using="startup-security-utility"))
    assert mac.answers() == [answer]
