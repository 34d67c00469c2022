"""Intel: BOOT-10, KEXT-07, KEXT-14, a T2's security levels; and KEXT-16 and -17, seen there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kextrel import policy
from kextrel.vocabulary import (
    Architecture,
    Credential,
    Enrollment,
    Environment,
    KextManagement,
    SecurityMode,
    Signature,
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
    Unload,
)

WALK = Callable[..., Any]
DRIVER = "com.example.kextrel.driver"
HERE, NOTHING = frozenset({DRIVER}), frozenset()
INTEL = {"architecture": Architecture.INTEL, "macos": Version.parse("12.7"), "security_mode": None}
T2 = {"architecture": Architecture.INTEL_T2, "macos": Version.parse("13.6")}
IN_RECOVERY, IN_MACOS = Boot(Environment.RECOVERYOS), Boot(Environment.MACOS)
INSTALL, LOAD, APPROVE, UNLOAD = Install("driver"), Load("driver"), Approve("driver"), Unload("driver")
TO_LOADED = (INSTALL, LOAD, APPROVE, Restart())
UTILITY = "startup-security-utility"
MACS = pytest.mark.parametrize("mac", [INTEL, T2], ids=["intel", "t2"])


@pytest.mark.parametrize("macos", ["10.12.6", "10.15.7", "12.7"])
def test_boot_10_and_boot_11_whatever_the_version(walk: WALK, macos: str) -> None:
    on = walk(mac={**INTEL, "macos": Version.parse(macos)}).do(IN_RECOVERY, SetSip(False), IN_MACOS)
    assert (on.situation.in_force.sip, on.last.rules) == (False, ("BOOT-11",))


@pytest.mark.parametrize("boot", [Restart(), PowerCut(), IN_MACOS, Restart("mdm")], ids=lambda action: action.verb)
def test_before_big_sur_a_boot_loads_nothing_that_nobody_asks_for(walk: WALK, boot: Any) -> None:
    managed = {**INTEL, "macos": Version.parse("10.15.7"), "enrollment": Enrollment.DEVICE}
    on = walk(mac=managed).do(INSTALL, LOAD, APPROVE, LOAD)
    assert on.situation.state.loaded_kexts == HERE
    on.do(boot)
    state = on.situation.state
    assert (state.loaded_kexts, state.uakl, state.aux_kc, state.receipt) == (NOTHING, NOTHING, NOTHING, NOTHING)


@MACS
def test_boot_10_sip_is_changed_from_recovery_only(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac=mac).do(SetSip(False))
    assert (on.answers(), on.last.rules) == (["wrong-environment"], ("BOOT-10",))
    before = on.situation.state
    on.do(IN_RECOVERY, SetSip(False))
    assert (on.answers(), on.last.rules) == (["changed"], ("BOOT-10", "BOOT-11"))
    assert (on.situation.state.sip, on.situation.state.security_mode) == (False, before.security_mode)
    assert on.do(SetSip(False)).answers() == ["unchanged"]
    assert on.situation.in_force.sip is True
    assert on.do(IN_MACOS).situation.in_force.sip is False
    assert on.do(SetSip(True)).answers() == ["wrong-environment"]


@pytest.mark.parametrize("wanted", [False, True])
def test_boot_10_left_out_lets_macos_change_it(walk: WALK, wanted: bool) -> None:
    situation = walk(mac={**INTEL, "sip": not wanted}).situation
    outcomes = policy.predict(situation, SetSip(wanted), without=frozenset({"BOOT-10"})).outcomes
    assert "changed" in [str(one.outcome) for one in outcomes]


@MACS
def test_boot_03_sip_on_intel_too_takes_an_administrator(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac=mac).do(IN_RECOVERY, SetSip(False, Credential.STANDARD))
    assert (on.answers(), on.last.rules, on.last.open) == (["not-admin", "changed"], ("BOOT-03",), False)
    assert on.do(SetSip(False, Credential.WRONG_PASSWORD)).answers() == ["authentication", "changed"]
    assert on.situation.state.sip is True


@pytest.mark.parametrize(
    "mac",
    [INTEL, T2, {**T2, "security_mode": SecurityMode.MEDIUM}, {**T2, "security_mode": SecurityMode.NONE}],
    ids=["intel", "full", "medium", "none"],
)
def test_kext_07_kext_14_approval_and_restart_only(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac=mac).do(INSTALL, LOAD)
    assert (on.answers(), "KEXT-07" in on.last.rules) == (["approval-required"], True)
    assert on.do(APPROVE, LOAD).answers() == ["restart-required"]
    on.do(PowerCut())
    state = on.situation.state
    assert state.aux_kc == state.receipt == state.loaded_kexts == HERE
    assert state.security_mode == mac.get("security_mode", SecurityMode.FULL)
    assert {"KEXT-04", "KEXT-05", "KEXT-14", "KEXT-07"} <= set(on.last.rules)


def test_kext_07_left_out_full_security_would_refuse(walk: WALK) -> None:
    situation = walk(mac=T2).do(INSTALL).situation
    outcomes = policy.predict(situation, LOAD, without=frozenset({"KEXT-07"})).outcomes
    assert [str(one.reason) for one in outcomes] == ["security-mode", "kexts-not-allowed"]


@pytest.mark.parametrize(
    ("mac", "before", "action", "answer"),
    [
        (INTEL, (), SetSecurity(SecurityMode.FULL, using=UTILITY), "unsupported-hardware"),
        (INTEL, (), SetSecurity(), "unsupported-hardware"),
        (T2, (), SetSecurity(SecurityMode.MEDIUM), "unsupported-hardware"),
        (T2, (IN_RECOVERY,), SetSecurity(SecurityMode.MEDIUM), "unsupported-hardware"),
        (T2, (), SetSecurity(SecurityMode.MEDIUM, using=UTILITY), "wrong-environment"),
        (T2, (), SetSecurity(SecurityMode.FULL, using=UTILITY), "wrong-environment"),
        (T2, (IN_RECOVERY,), SetSecurity(SecurityMode.MEDIUM, using=UTILITY), "changed"),
        (T2, (IN_RECOVERY,), SetSecurity(SecurityMode.NONE, using=UTILITY), "changed"),
        (T2, (IN_RECOVERY,), SetSecurity(SecurityMode.FULL, using=UTILITY), "unchanged"),
        (T2, (IN_RECOVERY,), SetSecurity(using=UTILITY), "unchanged"),
        (T2, (IN_RECOVERY,), SetSecurity(None, frozenset({KextManagement.USER}), UTILITY), "not-offered"),
        (
            T2,
            (IN_RECOVERY,),
            SetSecurity(SecurityMode.MEDIUM, using=UTILITY, as_=Credential.WRONG_PASSWORD),
            "authentication",
        ),
        (T2, (IN_RECOVERY,), SetSecurity(SecurityMode.MEDIUM, using=UTILITY, as_=Credential.STANDARD), "not-admin"),
        (T2, (), Boot(Environment.ONE_TRUE_RECOVERY), "unsupported-hardware"),
        (T2, (), Boot(Environment.FALLBACK_RECOVERYOS), "unsupported-hardware"),
    ],
)
def test_what_startup_security_can_do_on_intel(
    walk: WALK, mac: dict[str, Any], before: tuple[Any, ...], action: Any, answer: str
) -> None:
    on = walk(mac=mac).do(*before, action)
    assert on.answers() == [answer]
    changed = action.mode if answer == "changed" else mac.get("security_mode", SecurityMode.FULL)
    assert on.situation.state.security_mode is changed


def test_boot_04_full_security_on_a_t2_that_is_offline(walk: WALK) -> None:
    mac = {**T2, "security_mode": SecurityMode.MEDIUM, "online": False}
    on = walk(mac=mac).do(IN_RECOVERY, SetSecurity(SecurityMode.FULL, using=UTILITY))
    assert (on.answers(), on.last.rules) == (["network"], ("BOOT-04",))
    assert on.do(SetSecurity(SecurityMode.NONE, using=UTILITY)).answers() == ["changed"]


def test_sig_02_on_intel_without_sip_an_unsigned_kext_loads(walk: WALK) -> None:
    mac = walk(mac={**INTEL, "sip": False}, signature=Signature.NONE).do(*TO_LOADED, LOAD)
    assert mac.answers() == ["loaded"]
    mac.do(IN_RECOVERY, SetSip(True), IN_MACOS)
    assert "SIG-01" in mac.last.rules
    assert mac.last.outcomes[0].unsettled == {"aux_kc", "receipt", "loaded_kexts"}


def test_kext_16_unloaded_and_loaded_again(walk: WALK) -> None:
    mac = walk(mac=INTEL).do(*TO_LOADED, UNLOAD)
    assert (mac.answers(), mac.last.rules) == (["unloaded"], ("KEXT-16",))
    state = mac.situation.state
    assert (state.loaded_kexts, state.aux_kc, state.receipt, state.uakl) == (NOTHING, HERE, HERE, HERE)
    mac.do(LOAD)
    assert (mac.answers(), mac.last.rules) == (["loaded"], ("KEXT-16", "KEXT-04"))
    assert mac.situation.state.loaded_kexts == HERE
    assert mac.do(UNLOAD, Restart()).situation.state.loaded_kexts == HERE


@pytest.mark.parametrize(
    ("before", "answer"), [((), "not-installed"), ((*TO_LOADED, IN_RECOVERY), "wrong-environment")]
)
def test_unloading_needs_macos_and_a_bundle(walk: WALK, before: tuple[Any, ...], answer: str) -> None:
    assert walk(mac=INTEL).do(*before, UNLOAD).answers() == [answer]


def test_kext_16_left_out_it_would_not_come_back(walk: WALK) -> None:
    mac = walk(mac=INTEL).do(*TO_LOADED, UNLOAD)
    assert str(policy.predict(mac.situation, LOAD, without=frozenset({"KEXT-16"})).outcomes[0].outcome) == (
        "restart-required"
    )


def test_kext_17_off_the_disk_is_not_out_of_the_kernel(walk: WALK) -> None:
    mac = walk(mac=INTEL).do(*TO_LOADED, Remove("driver"))
    assert (mac.answers(), mac.last.rules) == (["done"], ("KEXT-17",))
    assert mac.situation.state.loaded_kexts == mac.situation.state.aux_kc == HERE
    assert mac.do(Restart()).situation.state.loaded_kexts == HERE
    assert mac.do(Rebuild()).answers() == ["restart-required"]
    assert mac.situation.state.loaded_kexts == HERE
    mac.do(Restart())
    assert mac.situation.state.loaded_kexts == mac.situation.state.aux_kc == NOTHING
    assert "KEXT-17" in mac.last.rules


def test_kext_17_put_back_and_rebuilt_it_stays(walk: WALK) -> None:
    mac = walk(mac=INTEL).do(*TO_LOADED, Remove("driver"), Rebuild(), INSTALL, Rebuild())
    assert mac.answers() == ["unchanged"]
    assert mac.do(Restart()).situation.state.aux_kc == HERE


def test_kext_17_left_out_it_would_be_gone_at_once(walk: WALK) -> None:
    situation = walk(mac=INTEL).do(*TO_LOADED).situation
    after = policy.predict(situation, Remove("driver"), without=frozenset({"KEXT-17"})).outcomes[0].state
    assert after.loaded_kexts == NOTHING
