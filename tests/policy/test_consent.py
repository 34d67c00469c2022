"""UAK: each test cites its rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kextrel.vocabulary import (
    Architecture,
    Credential,
    Enrollment,
    Environment,
    Extension,
    ExtensionKind,
    KernelPolicy,
    Profile,
    Signature,
    Version,
)
from kextrel.vocabulary.actions import (
    Approve,
    Boot,
    Install,
    KextConsent,
    Load,
    PanicMedic,
    Rebuild,
    Remove,
    Replace,
    Restart,
    SetSip,
    Unload,
    Upgrade,
    Wait,
)

HERE, NOTHING = frozenset({"com.example.kextrel.driver"}), frozenset[str]()
INSTALL, LOAD, APPROVE, UNLOAD = Install("driver"), Load("driver"), Approve("driver"), Unload("driver")
ASKED = (INSTALL, LOAD)
CONSENTED = (*ASKED, APPROVE)
IN_RECOVERY, IN_MACOS = Boot(Environment.RECOVERYOS), Boot(Environment.MACOS)
WALK = Callable[..., Any]


def on(walk: WALK, macos: str, *, mac: dict[str, Any] | None = None, **more: Any) -> Any:
    values = {"architecture": Architecture.INTEL, "security_mode": None, "macos": Version.parse(macos), **(mac or {})}
    return walk(mac=values, **more)


OLD = pytest.mark.parametrize("macos", ["10.13", "10.13.6", "10.14.4", "10.14.6"])


@OLD
def test_uak_01_uak_07_consent_then_loaded_at_once(walk: WALK, macos: str) -> None:
    mac = on(walk, macos).do(*ASKED)
    assert (mac.answers(), mac.last.rules, mac.last.open) == (["approval-required"], ("UAK-01",), False)
    mac.do(APPROVE)
    assert (mac.answers(), mac.situation.state.loaded_kexts, mac.situation.state.uakl) == (
        ["approved"],
        NOTHING,
        NOTHING,
    )
    mac.do(LOAD)
    assert (mac.answers(), mac.last.rules, mac.last.open) == (["loaded"], ("UAK-07",), False)
    state = mac.situation.state
    assert (state.loaded_kexts, state.uakl, state.aux_kc, state.receipt) == (HERE, NOTHING, NOTHING, NOTHING)


def test_uak_07_on_catalina_at_once_or_after_a_restart(walk: WALK) -> None:
    mac = on(walk, "10.15.7").do(*CONSENTED, LOAD)
    assert (mac.answers(), mac.last.open) == (["loaded", "restart-required"], True)
    assert [one.state.loaded_kexts for one in mac.last.outcomes] == [HERE, NOTHING]
    mac.situation = mac.last.outcomes[1].situation
    assert mac.do(Restart(), LOAD).answers() == ["loaded"]
    assert mac.last.open is False


def test_what_is_loaded_is_loaded_until_a_boot_or_an_unload(walk: WALK) -> None:
    mac = on(walk, "10.14").do(*CONSENTED, LOAD, UNLOAD)
    assert (mac.answers(), mac.last.rules, mac.situation.state.loaded_kexts) == (["unloaded"], (), NOTHING)
    assert mac.do(UNLOAD).answers() == ["not-installed"]
    assert mac.do(LOAD, Restart()).situation.state.loaded_kexts == NOTHING
    assert mac.do(LOAD, IN_RECOVERY).situation.state.loaded_kexts == NOTHING
    assert mac.do(IN_MACOS, LOAD, Boot(Environment.SAFE_MODE)).situation.state.loaded_kexts == NOTHING


@pytest.mark.parametrize(
    ("before", "answer"), [("10.12", "loaded"), ("10.11.6", "loaded"), ("10.13", "approval-required")]
)
def test_uak_02_installed_before(walk: WALK, before: str, answer: str) -> None:
    mac = on(walk, "10.14.6", installed_before=Version.parse(before)).do(LOAD)
    assert mac.answers() == [answer]
    assert ("UAK-02" in mac.last.rules) is (answer == "loaded")


def test_uak_02_one_that_was_removed_and_put_back_came_with_this_macos(walk: WALK) -> None:
    mac = on(walk, "10.14.6", installed_before=Version.parse("10.12"))
    mac.do(Remove("driver"), INSTALL, LOAD)
    # TN2459 has it approved when 10.13 came, so a Mac may spare it (UAK-03); no rule says that it may not ask.
    assert (mac.answers(), mac.last.open, mac.last.rules) == (["approval-required", "loaded"], False, ("UAK-01",))


def test_uak_02_what_was_gone_before_10_13_came_was_never_approved(walk: WALK) -> None:
    mac = on(walk, "10.12.6").do(INSTALL, Remove("driver"), Upgrade(Version.parse("10.13.6")), *ASKED)
    assert mac.answers() == ["approval-required"]


@pytest.mark.parametrize(
    ("team", "path", "answers"),
    [
        ("KXTRL00001", "/Library/Extensions", ["approval-required", "loaded"]),
        ("KXTRL00002", "/Library/Extensions", ["approval-required"]),
        ("KXTRL00001", "/Library/Application Support/Other", ["approval-required"]),
    ],
)
def test_uak_06_a_newcomer_beside_one_that_was_there(walk: WALK, team: str, path: str, answers: list[str]) -> None:
    newcomer = Extension("newcomer", ExtensionKind.KEXT, "com.example.newcomer", team_id=team, path=path)
    mac = on(walk, "10.13.6", more=newcomer, installed_before=Version.parse("10.12"))
    assert mac.do(Install("newcomer"), Load("newcomer")).answers() == answers


def test_uak_07_whether_the_approval_itself_loads_it_is_not_settled(walk: WALK) -> None:
    mac = on(walk, "10.14.6").do(*CONSENTED)
    (approved,) = mac.last.outcomes
    assert (approved.unsettled, approved.state.loaded_kexts) == ({"loaded_kexts"}, NOTHING)
    mac.situation = mac.situation.observed(replace(mac.situation.state, loaded_kexts=HERE))
    assert mac.do(LOAD).answers() == ["loaded"]


def test_uak_03_a_new_version_of_an_approved_kext(walk: WALK) -> None:
    mac = on(walk, "10.15.7").do(*CONSENTED, Replace("driver", "2.0"), LOAD)
    assert (mac.answers(), mac.last.rules, mac.last.open) == (["loaded"], ("UAK-03",), False)


def test_uak_03_while_the_old_version_runs_a_kernel_may_refuse_the_new_one(walk: WALK) -> None:
    mac = on(walk, "10.14.6").do(*CONSENTED, LOAD, Replace("driver", "2.0"), LOAD)
    assert [str(one.outcome) for one in mac.last.outcomes] == ["loaded", "refused"]
    assert mac.last.open is False
    assert mac.do(LOAD).answers() == ["loaded"]
    assert mac.do(Replace("driver", "3.0"), Restart(), LOAD).answers() == ["loaded"]


def test_uak_03_another_bundle_of_the_same_team_and_identifier(walk: WALK) -> None:
    newer = Extension("newer", ExtensionKind.KEXT, "com.example.kextrel.driver", version="2.0", path="/opt")
    mac = on(walk, "10.14", more=newer).do(*CONSENTED, Remove("driver"), Install("newer"), Load("newer"))
    assert (mac.answers(), mac.last.rules) == (["loaded"], ("UAK-03",))


def test_uak_04_a_team_from_recoveryos_only(walk: WALK) -> None:
    mac = on(walk, "10.14").do(KextConsent(add="KXTRL00001"))
    assert (mac.answers(), mac.last.rules) == (["wrong-environment"], ("UAK-04",))
    mac.do(IN_RECOVERY, KextConsent(add="KXTRL00001"))
    assert (mac.answers(), mac.last.rules) == (["changed"], ("UAK-04",))
    assert mac.do(IN_MACOS, *ASKED).answers() == ["loaded"]
    assert "UAK-04" in mac.last.rules


@pytest.mark.parametrize("here", [IN_MACOS, IN_RECOVERY, Boot(Environment.SAFE_MODE)], ids=lambda boot: str(boot.into))
@pytest.mark.parametrize("asked", [KextConsent(add="KXTRL00001"), KextConsent(enabled=False)], ids=["add", "disable"])
@pytest.mark.parametrize("macos", ["10.12.6", "11.0", "14.5"])
def test_uak_04_no_such_command_before_10_13_and_from_11(walk: WALK, here: Any, asked: Any, macos: str) -> None:
    assert on(walk, macos).do(here, asked).answers() == ["unsupported-version"]


ALLOWED = (Profile("allow", KernelPolicy(frozenset({"KXTRL00001"}))),)
FORBIDDEN = (Profile("others", KernelPolicy(frozenset({"OTHER00001"}))),)
OVERRIDES = (Profile("others", KernelPolicy(frozenset({"OTHER00001"}), allow_user_overrides=True)),)


@pytest.mark.parametrize(
    ("macos", "enrollment", "profiles", "answers"),
    [
        ("10.13.4", Enrollment.DEVICE, ALLOWED, ["loaded"]),
        ("10.15.7", Enrollment.AUTOMATED_DEVICE, ALLOWED, ["loaded"]),
        ("10.13.2", Enrollment.DEVICE, ALLOWED, ["loaded"]),
        ("10.14", Enrollment.DEVICE, FORBIDDEN, ["approval-forbidden"]),
        ("10.14", Enrollment.DEVICE, OVERRIDES, ["approval-required"]),
        ("10.14", Enrollment.DEVICE, (), ["approval-required"]),
        ("10.13", Enrollment.DEVICE, (), ["loaded"]),  # UAK-11
        ("10.13.1", Enrollment.USER, (), ["loaded"]),
        ("10.13.1", Enrollment.NONE, (), ["approval-required"]),
        ("10.13.2", Enrollment.DEVICE, (), ["loaded", "approval-required"]),  # open from here on
        ("10.13.3", Enrollment.DEVICE, FORBIDDEN, ["loaded", "approval-forbidden"]),
        ("10.13.4", Enrollment.DEVICE, (), ["approval-required"]),
        ("10.12.6", Enrollment.DEVICE, (), ["loaded"]),
    ],
)
def test_uak_05_uak_11_with_an_mdm(
    walk: WALK, macos: str, enrollment: Enrollment, profiles: Any, answers: list[str]
) -> None:
    mac = on(walk, macos, mac={"enrollment": enrollment}, profiles=profiles).do(*ASKED)
    assert (mac.answers(), mac.last.open) == (answers, len(answers) > 1)


def other(name: str, path: str, team: str = "KXTRL00001", **more: Any) -> Extension:
    return Extension(name, ExtensionKind.KEXT, f"com.example.{name}", team_id=team, path=path, **more)


@pytest.mark.parametrize(
    ("ours", "theirs", "answer"),
    [
        ("/Library/Extensions", "/Library/Extensions", "loaded"),
        ("/Library/Extensions", "/Library/Extensions/other.kext", "loaded"),
        ("/Applications/A.app/Contents/Library", "/Applications/A.app/Contents/PlugIns", "loaded"),
        ("/Applications/A.app/Contents/Library", "/Applications/B.app/Contents/Library", "approval-required"),
        ("/Library/Application Support/A", "/Library/Application Support/A/deep", "loaded"),
        ("/Library/Application Support/A", "/Library/Application Support/B", "approval-required"),
        ("/Library/Extensions", "/Library/Application Support/A", "approval-required"),
        ("/opt/kexts", "/opt/kexts", "approval-required"),
    ],
)
def test_uak_06_the_same_team_in_the_same_place(walk: WALK, ours: str, theirs: str, answer: str) -> None:
    mac = on(walk, "10.14", more=other("other", theirs), path=ours)
    assert mac.do(*CONSENTED, Install("other"), Load("other")).answers() == [answer]
    assert ("UAK-06" in mac.last.rules) is (answer == "loaded")


@pytest.mark.parametrize(
    "stranger", [{"team": "OTHER00001"}, {"signature": Signature.NONE}], ids=["another team", "no team"]
)
def test_uak_06_covers_nobody_else(walk: WALK, stranger: dict[str, Any]) -> None:
    mac = on(walk, "10.14", mac={"sip": False}, more=other("other", "/Library/Extensions", **stranger))
    assert mac.do(*CONSENTED, Install("other"), Load("other")).answers() == ["approval-required"]


def test_uak_06_what_waits_beside_it_waits_no_more(walk: WALK) -> None:
    mac = on(walk, "10.14", more=other("other", "/Library/Extensions"))
    mac.do(*ASKED, Install("other"), Load("other"), APPROVE, Approve("other"))
    assert mac.answers() == ["not-offered"]
    assert mac.do(Load("other")).answers() == ["loaded"]


@pytest.mark.parametrize(
    ("waits", "answer"),
    [((29,), "approved"), ((30,), "not-offered"), ((20, 20), "not-offered"), ((10, 10), "approved")],
)
def test_uak_08_for_thirty_minutes(walk: WALK, waits: tuple[int, ...], answer: str) -> None:
    mac = on(walk, "10.13.6").do(*ASKED, *(Wait(minutes) for minutes in waits), APPROVE)
    assert mac.answers() == [answer]
    if answer == "not-offered":
        assert mac.last.rules == ("UAK-08",)
        assert (mac.do(LOAD).answers(), mac.last.rules) == (["approval-required"], ("UAK-01", "UAK-08"))
        assert mac.do(Wait(29), APPROVE).answers() == ["approved"]


@pytest.mark.parametrize("macos", ["10.13.6", "10.15.7", "14.5"])
def test_uak_09_a_synthetic_click_does_not_count(walk: WALK, macos: str) -> None:
    mac = on(walk, macos).do(*ASKED, Approve("driver", input="synthetic"))
    assert (mac.answers(), mac.last.rules) == (["not-physical"], ("UAK-09",))
    assert mac.do(APPROVE).answers() == ["approved"]


def test_uak_09_comes_before_the_rank_and_after_the_offer(walk: WALK) -> None:
    synthetic = Approve("driver", Credential.STANDARD, "synthetic")
    mac = on(walk, "12.7").do(INSTALL, synthetic)
    assert mac.answers() == ["not-offered"]
    assert mac.do(LOAD, synthetic).answers() == ["not-physical"]
    assert mac.do(Approve("driver", Credential.STANDARD)).answers() == ["not-admin"]


def test_uak_10_off_and_on_again(walk: WALK) -> None:
    mac = on(walk, "10.14", more=other("unsigned", "/opt", signature=Signature.NONE))
    assert mac.do(KextConsent(enabled=False)).answers() == ["wrong-environment"]
    mac.do(IN_RECOVERY, KextConsent(enabled=False), IN_MACOS, *ASKED)
    assert (mac.answers(), mac.last.rules) == (["loaded"], ("UAK-10",))
    assert mac.do(Install("unsigned"), Load("unsigned")).answers() == ["signature"]
    mac.do(IN_RECOVERY, KextConsent(enabled=True), IN_MACOS, LOAD)
    assert mac.answers() == ["approval-required"]


def test_uak_11_sierra_has_no_consent(walk: WALK) -> None:
    mac = on(walk, "10.12.6").do(*ASKED)
    assert (mac.answers(), mac.last.rules) == (["loaded"], ("UAK-11",))
    assert (mac.do(APPROVE).answers(), mac.last.rules) == (["not-offered"], ("UAK-11",))


def test_uak_12_a_standard_user_is_open(walk: WALK) -> None:
    mac = on(walk, "10.14").do(*ASKED, Approve("driver", Credential.STANDARD))
    assert (mac.answers(), mac.last.open) == (["not-admin", "approved"], True)
    assert "UAK-12" in mac.last.rules


def test_sig_01_sig_02_before_macos_11(walk: WALK) -> None:
    mac = on(walk, "10.14", signature=Signature.AD_HOC).do(*ASKED)
    assert (mac.answers(), mac.last.rules) == (["signature"], ("SIG-01",))
    assert mac.do(IN_RECOVERY, SetSip(False), IN_MACOS, LOAD).answers() == ["approval-required"]


@pytest.mark.parametrize(
    ("macos", "answer"),
    [
        ("10.14.4", "approval-required"),
        ("10.14.5", "notarization"),
        ("10.15", "notarization"),
        ("14.5", "notarization"),
    ],
)
def test_sig_04_notarized_from_10_14_5(walk: WALK, macos: str, answer: str) -> None:
    assert on(walk, macos, notarized=False).do(*ASKED).answers() == [answer]


def test_sig_04_open_for_a_kext_that_a_profile_allows(walk: WALK) -> None:
    mac = on(walk, "10.15", mac={"enrollment": Enrollment.DEVICE}, profiles=ALLOWED, notarized=False).do(*ASKED)
    assert (mac.answers(), mac.last.open, mac.last.rules[0]) == (["notarization", "loaded"], True, "SIG-04")


@pytest.mark.parametrize("macos", ["10.12.6", "10.15.7"])
def test_what_came_with_macos_11_is_an_unsupported_version_before(walk: WALK, macos: str) -> None:
    mac = on(walk, macos)
    assert mac.do(Rebuild()).answers() == mac.do(IN_RECOVERY, PanicMedic()).answers() == ["unsupported-version"]


def test_from_sierra_to_sequoia(walk: WALK) -> None:
    mac = on(walk, "10.12.6", more=other("later", "/opt")).do(INSTALL, Upgrade(Version.parse("10.13.6")))
    assert (mac.answers(), mac.situation.mac.macos) == (["done"], Version.parse("10.13.6"))
    assert (mac.do(LOAD).answers(), mac.last.rules) == (["loaded"], ("UAK-02",))
    mac.do(Install("later"), Load("later"), Approve("later"), Upgrade(Version.parse("10.15.7")), Load("later"))
    assert (mac.answers(), mac.last.open) == (["loaded"], False)
    mac.do(Upgrade(Version.parse("11.6.4")))
    state = mac.situation.state
    assert (state.uakl, state.aux_kc, state.loaded_kexts) == ({"com.example.later"}, NOTHING, NOTHING)
    assert mac.do(Load("later")).answers() == ["restart-required"]
    assert mac.do(LOAD).answers() == ["approval-required"]
    assert mac.do(Restart(), Upgrade(Version.parse("26.3.1"))).answers() == ["done"]
    assert mac.situation.state.loaded_kexts == {"com.example.later"}
    assert mac.do(Load("later")).answers() == ["loaded"]


@pytest.mark.parametrize("asked", [True, False])
def test_onto_macos_11_with_a_profile(walk: WALK, asked: bool) -> None:
    """What a profile allows is in the UAKL once loading was asked for, on whatever macOS that was."""
    managed = {"enrollment": Enrollment.DEVICE, "user_approved_mdm": True}
    mac = on(walk, "10.14.6", mac=managed, profiles=ALLOWED).do(INSTALL, *([LOAD] if asked else []))
    mac.do(Upgrade(Version.parse("12.7.1")))
    assert mac.situation.state.uakl == (HERE if asked else NOTHING)
    assert ("MDM-02" in mac.last.rules) is asked
    assert mac.do(Restart()).situation.state.loaded_kexts == (HERE if asked else NOTHING)


def test_onto_macos_11_what_nobody_approved_by_name_is_not_settled(walk: WALK) -> None:
    mac = on(walk, "10.14.6", installed_before=Version.parse("10.12")).do(LOAD, Upgrade(Version.parse("11.6.4")))
    assert [one.unsettled for one in mac.last.outcomes] == [{"uakl"}]
    mac = on(walk, "10.14.6").do(*CONSENTED, Upgrade(Version.parse("11.6.4")))
    assert [one.unsettled for one in mac.last.outcomes] == [frozenset()]


@pytest.mark.parametrize("macos", ["10.14.6", "10.14.5", "10.13"])
def test_an_upgrade_goes_up_only(walk: WALK, macos: str) -> None:
    mac = on(walk, "10.14.6").do(Upgrade(Version.parse(macos)))
    assert (mac.answers(), mac.situation.mac.macos) == (["unsupported-version"], Version.parse("10.14.6"))
