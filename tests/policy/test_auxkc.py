"""KEXT-09 to KEXT-13 and KEXT-18 to KEXT-23, a new version (KEXT-02), safe mode (BOOT-13): each test cites its rule."""

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
    Extension,
    ExtensionKind,
    KernelPolicy,
    KextManagement,
    Profile,
    SecurityMode,
    Signature,
    Version,
)
from kextrel.vocabulary.actions import (
    Approve,
    Boot,
    Install,
    Load,
    PanicMedic,
    PowerCut,
    Rebuild,
    Remove,
    Replace,
    Restart,
    SetSecurity,
    Unload,
)

DRIVER, OTHER = "com.example.kextrel.driver", "com.example.other"
HERE, NOTHING = frozenset({DRIVER}), frozenset[str]()
USER = frozenset({KextManagement.USER})
SILICON: dict[str, Any] = {"security_mode": SecurityMode.REDUCED, "kext_management": USER}
INTEL: dict[str, Any] = {"architecture": Architecture.INTEL, "macos": Version.parse("12.7"), "security_mode": None}
MACS = pytest.mark.parametrize("mac", [SILICON, INTEL], ids=["apple-silicon", "intel"])
INSTALL, LOAD, APPROVE = Install("driver"), Load("driver"), Approve("driver")
APPROVED = (INSTALL, LOAD, APPROVE)
IN_RECOVERY, IN_MACOS = Boot(Environment.RECOVERYOS), Boot(Environment.MACOS)
SAFE_MODE, IN_1TR = Boot(Environment.SAFE_MODE), Boot(Environment.ONE_TRUE_RECOVERY)
CUT = PowerCut("rebuild")
WALK = Callable[..., Any]


def beside(**more: Any) -> Extension:
    return Extension("other", ExtensionKind.KEXT, OTHER, **{"team_id": "OTHER00001", **more})


@MACS
def test_kext_09_kext_10_kext_13_a_new_auxkc_and_its_receipt(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac=mac).do(*APPROVED, Restart())
    assert {"KEXT-10", "KEXT-13"} <= set(on.last.rules)
    assert ("KEXT-09" in on.last.rules) is (mac is SILICON)
    assert ("KEXT-14" in on.last.rules) is (mac is INTEL)
    assert on.last.open is False


@MACS
def test_kext_10_a_banned_kext_is_dropped_by_the_rebuild_and_refused_after_it(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac=mac, more=beside(banned=True)).do(*APPROVED, Install("other"), Load("other"))
    assert on.answers() == ["approval-required"]
    assert on.do(Approve("other")).answers() == ["approved"]
    assert on.do(Load("other")).answers() == ["restart-required"]
    on.do(Restart())
    state = on.situation.state
    assert (state.uakl, state.aux_kc, state.receipt, state.loaded_kexts) == ({DRIVER, OTHER}, HERE, HERE, HERE)
    assert on.last.open is False, "KEXT-23: never because of a banned one"
    assert (on.do(Load("other")).answers(), on.last.rules) == (["banned"], ("KEXT-10",))
    assert on.do(LOAD).answers() == ["loaded"]


def test_kext_10_a_rebuild_on_request_drops_it_too(walk: WALK) -> None:
    """Nothing else is there to be built, and whether kmutil counts a kext that it drops, no rule says."""
    on = walk(mac=INTEL, banned=True).do(*APPROVED, Rebuild())
    assert (on.answers(), on.last.open) == (["restart-required", "unchanged"], False)
    assert all(one.situation.dropped == HERE for one in on.last.outcomes)
    assert on.do(LOAD).answers() == ["banned"]
    assert on.do(Rebuild()).answers() == ["unchanged", "restart-required"]
    assert on.do(Remove("driver"), Rebuild()).answers() == ["unchanged"]


def test_kext_10_a_rebuild_for_the_others_is_one_whatever_is_banned(walk: WALK) -> None:
    on = walk(mac=INTEL, more=beside(banned=True)).do(*APPROVED, Install("other"), Load("other"), Approve("other"))
    assert on.do(Rebuild()).answers() == ["restart-required"]
    assert on.do(Restart(), Rebuild()).answers() == ["unchanged", "restart-required"]


def test_kext_10_another_version_is_asked_for_anew(walk: WALK) -> None:
    on = walk(mac=INTEL, banned=True).do(*APPROVED, Restart(), Replace("driver", "2.0"), LOAD)
    assert on.answers() == ["restart-required"]


def test_kext_11_after_a_rebuild_the_older_one_does_not_start(walk: WALK) -> None:
    on = walk(mac=SILICON).do(*APPROVED, Restart(), Remove("driver"), Rebuild())
    before = on.situation
    on.do(Restart())
    assert (on.situation.state.aux_kc, "KEXT-11" in on.last.rules) == (NOTHING, True)
    replayed = policy.predict(before, Restart(), without=frozenset({"KEXT-11"})).outcomes[0].state
    assert replayed.aux_kc == HERE


@MACS
def test_kext_12_kext_19_the_old_one_or_the_new_one(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac=mac).do(*APPROVED, CUT)
    assert {"KEXT-19", "KEXT-12"} <= set(on.last.rules)
    assert ([one.state.aux_kc for one in on.last.outcomes], on.last.open) == ([NOTHING, HERE], False)
    assert all(one.state.aux_kc == one.state.receipt == one.state.loaded_kexts for one in on.last.outcomes)
    assert {one.state.boot for one in on.last.outcomes} == {Environment.MACOS}
    assert on.do(LOAD).answers() == ["restart-required"]
    assert on.do(Restart(), LOAD).answers() == ["loaded"]


@pytest.mark.parametrize("before", [(), (*APPROVED, IN_RECOVERY), (*APPROVED, Restart())], ids=["new", "away", "built"])
def test_kext_19_where_nothing_is_built_it_is_a_power_cut_like_any_other(walk: WALK, before: tuple[Any, ...]) -> None:
    on = walk(mac=INTEL).do(*before)
    idle = policy.predict(on.situation, PowerCut())
    assert policy.predict(on.situation, CUT).outcomes == idle.outcomes
    assert len(idle.outcomes) == 1


@MACS
def test_kext_18_panic_medic_drops_it_all_at_the_next_boot(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac=mac).do(*APPROVED, Restart(), PanicMedic())
    assert (on.answers(), on.last.rules) == (["wrong-environment"], ("KEXT-18",))
    on.do(IN_RECOVERY, PanicMedic())
    assert (on.answers(), on.situation.state.uakl, on.situation.state.aux_kc) == (["changed"], HERE, HERE)
    on.do(IN_MACOS)
    state = on.situation.state
    assert (state.uakl, state.aux_kc, state.receipt, state.loaded_kexts) == (NOTHING, NOTHING, NOTHING, NOTHING)
    assert "KEXT-18" in on.last.rules
    assert on.do(LOAD).answers() == ["approval-required"]
    assert on.do(APPROVE, Restart()).situation.state.loaded_kexts == HERE


@pytest.mark.parametrize("here", [IN_MACOS, SAFE_MODE], ids=["macos", "safe-mode"])
def test_kext_18_only_in_a_recovery(walk: WALK, here: Boot) -> None:
    assert walk(mac=SILICON).do(here, PanicMedic()).answers() == ["wrong-environment"]


ANYBODY = Profile("anybody", KernelPolicy(allow_user_overrides=True, allow_non_admin_user_approvals=True))
OVERRIDES = Profile("overrides", KernelPolicy(allow_user_overrides=True))


@MACS
@pytest.mark.parametrize(
    ("profiles", "answer"),
    [((), "not-admin"), ((OVERRIDES,), "not-admin"), ((ANYBODY,), "approved"), ((OVERRIDES, ANYBODY), "approved")],
    ids=["none", "silent", "anybody", "united"],
)
def test_kext_20_a_standard_user(walk: WALK, mac: dict[str, Any], profiles: Any, answer: str) -> None:
    enrolled = {**mac, "enrollment": Enrollment.DEVICE}
    on = walk(mac=enrolled, profiles=profiles).do(INSTALL, LOAD, Approve("driver", Credential.STANDARD))
    assert on.answers() == [answer]
    assert "KEXT-20" in on.last.rules
    assert on.situation.state.uakl == (HERE if answer == "approved" else NOTHING)


@pytest.mark.parametrize(
    ("mac", "slices", "answer"),
    [
        (SILICON, {"x86_64"}, "architecture"),
        (SILICON, {"arm64", "x86_64"}, "architecture"),
        (SILICON, {"arm64e"}, "approval-required"),
        (INTEL, {"arm64e"}, "architecture"),
        (INTEL, {"i386"}, "architecture"),
        (INTEL, {"x86_64"}, "approval-required"),
        (
            {**INTEL, "architecture": Architecture.INTEL_T2, "security_mode": SecurityMode.FULL},
            {"arm64e"},
            "architecture",
        ),
        ({**INTEL, "macos": Version.parse("10.15.7")}, {"arm64e"}, "architecture"),
    ],
)
def test_kext_21_a_slice_for_this_mac(walk: WALK, mac: dict[str, Any], slices: set[str], answer: str) -> None:
    on = walk(mac=mac, architectures=frozenset(slices), signature=Signature.DEVELOPER_ID).do(INSTALL, LOAD)
    assert on.answers() == [answer]
    assert ("KEXT-21" in on.last.rules) is (answer == "architecture")


def test_kext_21_comes_before_the_signature_and_the_security_mode(walk: WALK) -> None:
    assert walk(architectures=frozenset({"x86_64"}), signature=Signature.NONE).do(INSTALL, LOAD).answers() == [
        "architecture"
    ]


@pytest.mark.parametrize(
    ("more", "first"),
    [({"signature": Signature.BROKEN}, "signature"), ({}, "approval-required"), ({"notarized": False}, "notarization")],
    ids=["broken", "not approved", "not notarized"],
)
def test_kext_23_a_bad_or_unapproved_kext_may_block_the_others(walk: WALK, more: dict[str, Any], first: str) -> None:
    on = walk(mac=INTEL, more=beside(**more)).do(Install("other"), Load("other"))
    assert on.answers() == [first]
    on.do(*APPROVED, Restart())
    assert ([one.state.aux_kc for one in on.last.outcomes], on.last.open) == ([HERE, NOTHING], True)
    assert "KEXT-23" in on.last.rules
    on.situation = on.last.outcomes[1].situation
    assert on.do(LOAD).answers() == ["restart-required"]


def test_kext_23_one_that_nobody_asked_for_blocks_nothing(walk: WALK) -> None:
    on = walk(mac=INTEL, more=beside(signature=Signature.NONE)).do(Install("other"), *APPROVED, Restart())
    assert (on.situation.state.aux_kc, on.last.open) == (HERE, False)


def test_kext_02_a_new_version_takes_a_restart(walk: WALK) -> None:
    on = walk(mac=INTEL).do(*APPROVED, Restart(), Replace("driver", "2.0"))
    assert (on.answers(), on.situation.state.loaded_kexts) == (["done"], HERE)
    on.do(LOAD)
    assert (on.answers(), on.last.open, on.last.rules[0]) == (["restart-required"], False, "KEXT-02")
    assert on.situation.state.loaded_kexts == HERE
    on.do(Restart())
    assert "KEXT-05" in on.last.rules
    assert on.do(LOAD).answers() == ["loaded"]


def test_kext_02_on_apple_silicon_approval_may_be_asked_again(walk: WALK) -> None:
    on = walk(mac=SILICON).do(*APPROVED, Restart(), Replace("driver", "2.0"), LOAD)
    assert (on.answers(), on.last.open) == (["restart-required", "approval-required"], True)
    on.situation = on.last.outcomes[1].situation
    assert on.do(APPROVE, Restart(), LOAD).answers() == ["loaded"]


def test_kext_02_a_new_version_that_a_profile_allows_asks_nobody(walk: WALK) -> None:
    remote = {**SILICON, "kext_management": frozenset({KextManagement.REMOTE}), "enrollment": Enrollment.DEVICE}
    allow = Profile("allow", KernelPolicy(frozenset({"KXTRL00001"})))
    on = walk(mac=remote, profiles=[allow]).do(INSTALL, LOAD, Restart(), Replace("driver", "2.0"), LOAD)
    assert (on.answers(), on.last.open) == (["restart-required"], False)


def test_kext_05_the_same_version_again_changes_nothing(walk: WALK) -> None:
    assert walk(mac=INTEL).do(*APPROVED, Restart(), Replace("driver", "1.0"), LOAD).answers() == ["loaded"]


def test_kext_05_a_restart_builds_in_no_version_that_nobody_asked_for(walk: WALK) -> None:
    on = walk(mac=INTEL).do(*APPROVED, Restart(), Replace("driver", "2.0"), Restart(), Rebuild())
    assert on.answers() == ["restart-required"]
    assert on.do(Restart(), LOAD).answers() == ["loaded"]


@MACS
def test_boot_13_safe_mode_has_no_kexts_and_the_next_boot_has_them_back(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac=mac).do(*APPROVED, Restart(), SAFE_MODE)
    state = on.situation.state
    assert (on.answers(), state.boot, state.loaded_kexts) == (["booted"], Environment.SAFE_MODE, NOTHING)
    assert (state.aux_kc, state.receipt, state.uakl) == (HERE, HERE, HERE)
    for action in (LOAD, Unload("driver"), APPROVE, INSTALL, Rebuild()):
        assert on.do(action).answers() == ["wrong-environment"]
    assert on.do(IN_MACOS).situation.state.loaded_kexts == HERE


def test_boot_13_safe_mode_builds_nothing_in(walk: WALK) -> None:
    on = walk(mac=SILICON).do(*APPROVED, SAFE_MODE)
    assert on.situation.state.aux_kc == NOTHING
    assert on.do(Restart()).situation.state.loaded_kexts == HERE


def test_boot_11_a_policy_comes_into_force_in_safe_mode_too(walk: WALK) -> None:
    on = walk().do(IN_1TR, SetSecurity(SecurityMode.REDUCED, USER), SAFE_MODE)
    assert (on.situation.in_force.mode, "BOOT-11" in on.last.rules) == (SecurityMode.REDUCED, True)


@pytest.mark.parametrize(
    "into", [Environment.ONE_TRUE_RECOVERY, Environment.RECOVERYOS, Environment.FALLBACK_RECOVERYOS]
)
def test_boot_14_a_lowered_macos_does_not_lower_its_recovery(walk: WALK, into: Environment) -> None:
    on = walk(mac=SILICON).do(*APPROVED, Restart(), Boot(into))
    assert (on.situation.state.loaded_kexts, "BOOT-14" in on.last.rules) == (NOTHING, True)
    assert "BOOT-14" not in walk().do(Boot(into)).last.rules
