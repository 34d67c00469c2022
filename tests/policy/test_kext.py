"""KEXT and SIG: each test cites its rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kextrel import policy
from kextrel.vocabulary import (
    UNKNOWN,
    Architecture,
    Credential,
    Enrollment,
    Environment,
    Extension,
    ExtensionKind,
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
    Rebuild,
    Remove,
    Restart,
    SetSecurity,
    SetSip,
    Unload,
    Wait,
)

DRIVER = "com.example.kextrel.driver"
IN_1TR, IN_MACOS = Boot(Environment.ONE_TRUE_RECOVERY), Boot(Environment.MACOS)
USER = frozenset({KextManagement.USER})
REDUCED = SetSecurity(SecurityMode.REDUCED, USER)
FULL = SetSecurity(SecurityMode.FULL)
LOWERED = (IN_1TR, REDUCED, IN_MACOS)
INSTALL, LOAD, APPROVE = Install("driver"), Load("driver"), Approve("driver")
TO_LOADED = (*LOWERED, INSTALL, LOAD, APPROVE, Restart())
WALK = Callable[..., Any]


def unseen(mac: Any) -> Any:
    """The walk on a Mac whose UAKL nobody could read."""
    mac.situation = mac.situation.observed(replace(mac.situation.state, uakl=UNKNOWN))
    return mac


def test_kext_06_full_security_refuses_and_no_restart_makes_it_load(walk: WALK) -> None:
    mac = walk().do(INSTALL, LOAD)
    assert (mac.answers(), mac.last.rules[0]) == (["security-mode"], "KEXT-06")
    mac.do(APPROVE)
    assert mac.answers() == ["not-offered"]
    mac.do(Restart())
    assert mac.situation.state.loaded_kexts == frozenset()
    assert "KEXT-06" in mac.last.rules


def test_kext_06_reduced_without_permission_is_kexts_not_allowed(walk: WALK) -> None:
    mac = walk().do(IN_1TR, SetSecurity(SecurityMode.REDUCED), IN_MACOS, INSTALL, LOAD)
    assert mac.answers() == ["kexts-not-allowed"]


def test_remote_management_alone_may_or_may_not_let_the_users_kexts_in(walk: WALK) -> None:
    remote = SetSecurity(SecurityMode.REDUCED, frozenset({KextManagement.REMOTE}))
    mac = walk(mac={"enrollment": Enrollment.DEVICE}).do(IN_1TR, remote, IN_MACOS, INSTALL, LOAD)
    assert (mac.answers(), mac.last.open) == (["kexts-not-allowed", "approval-required"], True)
    assert {"KEXT-06", "MDM-09", "KEXT-02"} <= set(mac.last.rules)
    mac.situation = mac.last.outcomes[1].situation
    assert mac.do(APPROVE).answers() == ["approved"]
    assert mac.do(Restart()).last.outcomes[0].unsettled == {"aux_kc", "receipt", "loaded_kexts"}


def test_the_whole_walk_kext_02_03_04_05_08(walk: WALK) -> None:
    mac = walk().do(*LOWERED, INSTALL, LOAD)
    assert (mac.answers(), mac.last.rules[0]) == (["approval-required"], "KEXT-02")
    mac.do(APPROVE)
    assert mac.answers() == ["approved"]
    assert (mac.situation.state.uakl, mac.situation.state.aux_kc) == (frozenset({DRIVER}), frozenset())
    mac.do(LOAD)
    assert (mac.answers(), mac.last.rules[0]) == (["restart-required"], "KEXT-03")
    assert mac.situation.state.loaded_kexts == frozenset()
    mac.do(Restart())
    assert {"KEXT-04", "KEXT-05"} <= set(mac.last.rules)
    state = mac.situation.state
    assert state.aux_kc == state.receipt == state.loaded_kexts == frozenset({DRIVER})
    assert mac.do(LOAD).answers() == ["loaded"]


def test_kext_08_not_approved_is_not_built_in(walk: WALK) -> None:
    mac = walk().do(*LOWERED, INSTALL, LOAD, Restart())
    assert mac.situation.state.aux_kc == frozenset()
    assert "KEXT-08" in mac.last.rules


def test_approval_is_not_offered_before_a_request_nor_twice(walk: WALK) -> None:
    mac = walk().do(*LOWERED, INSTALL, APPROVE)
    assert mac.answers() == ["not-offered"]
    assert mac.do(LOAD, APPROVE, APPROVE).answers() == ["not-offered"]


def test_kext_15_back_to_full_takes_it_away_and_leaves_open_what_is_remembered(walk: WALK) -> None:
    mac = walk().do(*TO_LOADED, FULL)
    assert mac.situation.state.loaded_kexts == frozenset({DRIVER})
    mac.do(Restart())
    assert mac.situation.state.loaded_kexts == mac.situation.state.aux_kc == frozenset()
    assert "KEXT-15" in mac.last.rules
    assert mac.last.open is True
    assert [one.state.uakl for one in mac.last.outcomes] == [frozenset({DRIVER}), frozenset()]
    assert unseen(mac).do(LOAD).answers() == ["security-mode"]
    mac.do(*LOWERED, LOAD)
    assert (mac.answers(), mac.last.open) == (["restart-required", "approval-required"], True)


def test_kext_15_written_afresh_without_kexts(walk: WALK) -> None:
    mac = walk().do(*TO_LOADED, IN_1TR, SetSecurity(SecurityMode.REDUCED), IN_MACOS)
    assert mac.situation.state.loaded_kexts == frozenset()
    assert "KEXT-15" in mac.last.rules


def test_in_recovery_nothing_is_loaded_and_the_record_stays(walk: WALK) -> None:
    mac = walk().do(*TO_LOADED, IN_1TR)
    state = mac.situation.state
    assert (state.loaded_kexts, state.aux_kc) == (frozenset(), frozenset({DRIVER}))
    assert mac.do(IN_MACOS).situation.state.loaded_kexts == frozenset({DRIVER})


@pytest.mark.parametrize("kind", [Signature.NONE, Signature.AD_HOC, Signature.BROKEN, Signature.REVOKED])
def test_sig_01_with_sip_a_bad_signature_is_refused(walk: WALK, kind: Signature) -> None:
    mac = walk(signature=kind).do(*LOWERED, INSTALL, LOAD)
    assert (mac.answers(), mac.last.rules) == (["signature"], ("SIG-01",))


def test_sig_01_comes_before_kext_06(walk: WALK) -> None:
    assert walk(signature=Signature.NONE).do(INSTALL, LOAD).answers() == ["signature"]


def test_sig_02_sig_03_the_permissive_flow_loads_an_unsigned_kext(walk: WALK) -> None:
    allow = SetSecurity(SecurityMode.PERMISSIVE, USER)
    mac = walk(signature=Signature.NONE).do(IN_1TR, allow, SetSip(False), IN_MACOS, INSTALL, LOAD)
    assert mac.answers() == ["approval-required"]
    assert {"SIG-02", "SIG-03"} <= set(mac.last.rules)
    mac.do(APPROVE, LOAD)
    assert mac.answers() == ["restart-required"]
    mac.do(Restart())
    assert mac.situation.state.loaded_kexts == frozenset({DRIVER})
    assert "SIG-03" in mac.last.rules


def test_sig_01_again_when_sip_is_back(walk: WALK) -> None:
    allow = SetSecurity(SecurityMode.PERMISSIVE, USER)
    mac = walk(signature=Signature.NONE).do(IN_1TR, allow, SetSip(False), IN_MACOS, INSTALL, LOAD, APPROVE, Restart())
    mac.do(IN_1TR, SetSip(True), IN_MACOS)
    assert mac.situation.state.loaded_kexts == frozenset()
    assert "SIG-01" in mac.last.rules
    assert mac.last.outcomes[0].unsettled == {"aux_kc", "receipt", "loaded_kexts"}, "the rule is about going in"


def test_kext_05_a_removal_needs_a_rebuild_and_a_restart(walk: WALK) -> None:
    mac = walk().do(*TO_LOADED, Remove("driver"), Restart())
    assert mac.situation.state.loaded_kexts == frozenset({DRIVER})
    mac.do(Rebuild())
    assert mac.answers() == ["restart-required"]
    assert mac.situation.state.loaded_kexts == frozenset({DRIVER})
    assert mac.do(Restart()).situation.state.loaded_kexts == frozenset()
    assert mac.do(Rebuild()).answers() == ["unchanged"]


def test_on_intel_no_security_mode_is_asked_for(walk: WALK) -> None:
    intel = {"architecture": Architecture.INTEL, "macos": Version.parse("12.7"), "security_mode": None}
    mac = walk(mac=intel).do(INSTALL, LOAD)
    assert mac.answers() == ["approval-required"]
    assert mac.do(APPROVE, Restart()).situation.state.loaded_kexts == frozenset({DRIVER})


def test_kext_actions_need_macos_and_a_bundle(walk: WALK) -> None:
    assert walk().do(IN_1TR, LOAD).answers() == ["wrong-environment"]
    assert walk().do(LOAD).answers() == ["not-installed"]


@pytest.mark.parametrize(
    ("without", "answer"), [("KEXT-01", "loaded"), ("KEXT-02", "restart-required"), ("KEXT-06", "approval-required")]
)
def test_a_rule_left_out_is_missed(walk: WALK, without: str, answer: str) -> None:
    steps = (INSTALL,) if without == "KEXT-06" else (*LOWERED, INSTALL)
    mac = walk().do(*steps)
    assert str(policy.predict(mac.situation, LOAD, without=frozenset({without})).outcomes[0].outcome) == answer


def test_kext_04_a_boot_loads_again_what_was_unloaded(walk: WALK) -> None:
    mac = walk().do(*LOWERED, INSTALL, LOAD, APPROVE, Restart(), Unload("driver"), Restart())
    assert (mac.situation.state.loaded_kexts, mac.last.rules) == (frozenset({DRIVER}), ("KEXT-04",))


@pytest.mark.parametrize(("minutes", "offered"), [(0, True), (29, True), (30, False), (600, False)])
def test_waiting_changes_nothing_that_is_seen(walk: WALK, minutes: float, offered: bool) -> None:
    mac = walk().do(*LOWERED, INSTALL, LOAD)
    before = mac.situation.state
    assert mac.do(Wait(minutes)).answers() == ["done"]
    assert (mac.situation.state, mac.last.rules) == (before, ())
    if offered:
        assert mac.do(APPROVE).answers() == ["approved"]
    else:
        # TN2459 takes the button away; KEXT-22 itself calls the kext pending, so one that shows it longer is right too.
        mac.do(APPROVE)
        assert (mac.answers(), mac.last.rules[0], mac.last.open) == (["not-offered", "approved"], "KEXT-22", False)
        assert mac.do(LOAD, APPROVE).answers() == ["approved"]


def test_kext_03_left_out_loads_what_is_approved_at_once(walk: WALK) -> None:
    mac = walk().do(*LOWERED, INSTALL, LOAD, APPROVE)
    seen = policy.predict(mac.situation, LOAD, without=frozenset({"KEXT-03"})).outcomes[0]
    assert (str(seen.outcome), seen.state.loaded_kexts) == ("loaded", frozenset({DRIVER}))


@pytest.mark.parametrize("more", [{"notarized": False}, {"libraries": frozenset({"com.apple.iokit.IOHIDFamily"})}])
def test_sig_01_a_bad_signature_comes_before_notarization_and_kpi(walk: WALK, more: dict[str, Any]) -> None:
    mac = walk(signature=Signature.NONE, **more).do(*LOWERED, INSTALL, LOAD)
    assert (mac.answers(), mac.last.rules) == (["signature"], ("SIG-01",))


@pytest.mark.parametrize("more", [{"notarized": False}, {"user_client": True}, {"symbols": frozenset({"_ipf_addv4"})}])
def test_sig_02_without_sip_neither_notarization_nor_kpi_is_asked(walk: WALK, more: dict[str, Any]) -> None:
    mac = walk(signature=Signature.NONE, **more).do(INSTALL, IN_1TR, SetSip(False), SetSecurity(allow=USER), IN_MACOS)
    assert mac.do(LOAD).answers() == ["approval-required"]
    assert mac.do(APPROVE, Restart(), LOAD).answers() == ["loaded"]


def test_kext_06_a_ban_is_not_seen_before_a_rebuild(walk: WALK) -> None:
    assert walk(banned=True).do(INSTALL, LOAD).answers() == ["security-mode"]


def test_kext_06_a_pending_kext_is_not_offered_once_the_policy_forbids_kexts(walk: WALK) -> None:
    mac = walk().do(*LOWERED, INSTALL, LOAD, FULL, Restart(), APPROVE)
    assert (mac.answers(), mac.last.rules) == (["not-offered"], ("KEXT-06", "KEXT-02"))


def test_kext_22_what_was_ignored_is_offered_again_when_it_is_asked_for_again(walk: WALK) -> None:
    mac = walk().do(*LOWERED, INSTALL, LOAD, Restart(), APPROVE)
    assert (mac.answers(), mac.last.rules[0]) == (["not-offered", "approved"], "KEXT-22")
    assert mac.do(Approve("driver", Credential.STANDARD)).answers() == ["not-offered", "not-admin"]
    assert (mac.do(LOAD).answers(), mac.last.rules[0]) == (["approval-required"], "KEXT-22")
    assert mac.do(APPROVE).answers() == ["approved"]


def test_kext_22_a_kext_that_was_removed_and_put_back_is_still_pending(walk: WALK) -> None:
    assert walk().do(*LOWERED, INSTALL, LOAD, Remove("driver"), INSTALL, APPROVE).answers() == ["approved"]


def test_one_button_a_developer_may_approve_what_else_is_pending(walk: WALK) -> None:
    mac = walk(more=Extension("other", ExtensionKind.KEXT, "com.example.other"))
    mac.do(*LOWERED, INSTALL, Install("other"), LOAD, Load("other"), APPROVE)
    expected = mac.last.outcomes[0]
    assert (expected.unsettled, expected.state.uakl) == ({"uakl"}, {DRIVER})
    mac.situation = mac.situation.observed(replace(expected.state, uakl=frozenset({DRIVER, "com.example.other"})))
    assert mac.do(Approve("other")).answers() == ["not-offered"]
    assert mac.do(Restart()).situation.state.aux_kc == {DRIVER, "com.example.other"}


def test_another_developers_pending_kext_is_not_approved_with_ours(walk: WALK) -> None:
    mac = walk(more=Extension("other", ExtensionKind.KEXT, "com.example.other", team_id="OTHERTEAM1"))
    mac.do(*LOWERED, INSTALL, Install("other"), LOAD, Load("other"), APPROVE)
    assert mac.last.outcomes[0].unsettled == frozenset()


def test_kext_15_leaves_open_whether_a_rebuild_finds_the_approval(walk: WALK) -> None:
    mac = unseen(walk().do(*TO_LOADED, FULL, Restart())).do(*LOWERED, Rebuild())
    assert (mac.answers(), mac.last.open) == (["restart-required", "unchanged"], True)
    assert "KEXT-15" in mac.last.rules


@pytest.mark.parametrize("before", [(FULL, Restart(), IN_1TR), (IN_1TR, FULL)], ids=["booted", "at once"])
def test_kext_15_leaves_open_what_is_built_of_approvals_from_before(walk: WALK, before: tuple[Any, ...]) -> None:
    mac = walk().do(*TO_LOADED, *before)
    mac = unseen(mac) if mac.situation.forgettable else mac
    mac.do(REDUCED, IN_MACOS)
    sure = mac.last.outcomes[0]
    assert mac.last.open or sure.unsettled == {"uakl", "aux_kc", "receipt", "loaded_kexts"}
    assert [one.state.uakl for one in mac.last.outcomes if not one.unsettled & {"uakl"}][1:] in ([], [frozenset()])
