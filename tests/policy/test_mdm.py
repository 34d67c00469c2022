"""MDM: each test cites its rule; the tables are read off the rules' words."""

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
    SystemPolicy,
    Version,
)
from kextrel.vocabulary.actions import (
    Approve,
    Boot,
    Enroll,
    Install,
    InstallProfile,
    Load,
    Rebuild,
    RemoveProfile,
    Restart,
    SetSecurity,
    SetSip,
    Unenroll,
)

WALK = Callable[..., Any]
DRIVER, TEAM = "com.example.kextrel.driver", "KXTRL00001"
HERE = frozenset({DRIVER})
NONE, USER, DEVICE, ADE = Enrollment
INTEL = {"architecture": Architecture.INTEL, "macos": Version.parse("12.7"), "security_mode": None}
ON_INTEL = {**INTEL, "enrollment": DEVICE}
STUDIO = {"enrollment": ADE, "macos": Version.parse("15.1")}
REMOTE, BY_USER = frozenset({KextManagement.REMOTE}), frozenset({KextManagement.USER})
INSTALL, LOAD, APPROVE = Install("driver"), Load("driver"), Approve("driver")
IN_1TR, IN_RECOVERY, IN_MACOS = (
    Boot(Environment.ONE_TRUE_RECOVERY),
    Boot(Environment.RECOVERYOS),
    Boot(Environment.MACOS),
)
BY_MDM = Restart("mdm", rebuild_kernel_cache=True)


def kexts(*teams: str, overrides: bool | None = None, id: str = "kexts", **bundles: Any) -> Profile:
    return Profile(id, KernelPolicy(frozenset(teams), bundles.get("bundles", {}), overrides))


ALLOWED = [kexts(TEAM)]


def managed(mode: str, *management: KextManagement, enrollment: Enrollment = DEVICE) -> dict[str, Any]:
    return {
        "enrollment": enrollment,
        "security_mode": SecurityMode(mode),
        "kext_management": frozenset(management),
    }


@pytest.mark.parametrize("mac", [INTEL, {**INTEL, "enrollment": USER}])
def test_mdm_01_the_user_approves_and_restarts(walk: WALK, mac: dict[str, Any]) -> None:
    on = walk(mac=mac).do(INSTALL, LOAD)
    assert (on.answers(), "MDM-01" in on.last.rules) == (["approval-required"], True)
    assert "MDM-01" in on.do(APPROVE).last.rules
    assert on.do(Restart()).situation.state.loaded_kexts == HERE
    assert "MDM-01" in on.last.rules


@pytest.mark.parametrize(("enrollment", "rule"), [(NONE, "MDM-01"), (USER, "MDM-06")])
def test_mdm_01_mdm_06_without_a_managed_device_no_restart_by_the_mdm(
    walk: WALK, enrollment: Enrollment, rule: str
) -> None:
    mac = walk(mac={"enrollment": enrollment}).do(Restart("mdm"))
    assert (mac.answers(), mac.last.rules) == (["enrollment"], (rule,))
    again = policy.predict(mac.situation, Restart("mdm"), without=frozenset({rule}))
    assert [str(one.outcome) for one in again.outcomes] == ["restarted"]


@pytest.mark.parametrize("mac", [ON_INTEL, {**INTEL, "enrollment": ADE}, managed("reduced", KextManagement.REMOTE)])
@pytest.mark.parametrize("restart", [BY_MDM, Restart()], ids=["mdm", "user"])
def test_mdm_02_a_profile_spares_the_approval(walk: WALK, mac: dict[str, Any], restart: Restart) -> None:
    on = walk(mac=mac, profiles=ALLOWED).do(INSTALL)
    assert on.situation.state.uakl == frozenset()
    on.do(LOAD)
    assert (on.answers(), on.situation.state.uakl) == (["restart-required"], HERE)
    assert {"MDM-02", "MDM-11", "KEXT-02"} <= set(on.last.rules)
    assert on.situation.state.loaded_kexts == frozenset()
    assert on.do(APPROVE).answers() == ["not-offered"]
    on.do(LOAD, restart)
    assert on.answers() == ["restarted"]
    state = on.situation.state
    assert state.aux_kc == state.receipt == state.loaded_kexts == state.uakl == HERE
    assert "MDM-02" in on.last.rules
    assert on.do(LOAD).answers() == ["loaded"]


def test_mdm_02_left_out_approval_is_asked(walk: WALK) -> None:
    mac = walk(mac=ON_INTEL, profiles=ALLOWED).do(INSTALL)
    outcomes = policy.predict(mac.situation, LOAD, without=frozenset({"MDM-02"})).outcomes
    assert [str(one.outcome) for one in outcomes] == ["approval-required"]


@pytest.mark.parametrize(
    ("mac", "answer"),
    [(ON_INTEL, "approval-required"), (managed("reduced", KextManagement.USER), "approval-required")],
)
def test_mdm_03_without_a_profile_the_mac_restarts_and_the_kext_is_not_in(
    walk: WALK, mac: dict[str, Any], answer: str
) -> None:
    on = walk(mac=mac).do(INSTALL, LOAD)
    assert on.answers() == [answer]
    on.do(BY_MDM)
    assert (on.answers(), on.situation.state.aux_kc) == (["restarted"], frozenset())
    assert "MDM-03" in on.last.rules


def test_mdm_03_under_full_security_nothing_is_lowered_for_it(walk: WALK) -> None:
    mac = walk(mac=STUDIO, profiles=[kexts("KXTRL00002")]).do(INSTALL, LOAD)
    assert mac.answers() == ["security-mode"]
    mac.do(BY_MDM)
    assert (mac.situation.state.security_mode, mac.situation.state.aux_kc) == (SecurityMode.FULL, frozenset())


@pytest.mark.parametrize(
    ("restart", "there"),
    [
        (Restart("mdm", rebuild_kernel_cache=True), False),
        (Restart("mdm", kext_paths=("driver",)), False),
        (Restart("mdm", rebuild_kernel_cache=True, kext_paths=("driver",)), True),
    ],
    ids=["not named", "not rebuilt", "named"],
)
def test_mdm_04_only_kext_paths_adds_what_was_never_discovered(walk: WALK, restart: Restart, there: bool) -> None:
    mac = walk(mac=ON_INTEL, profiles=ALLOWED, path="/opt").do(INSTALL, restart)
    assert (mac.answers(), mac.last.open, "MDM-04" in mac.last.rules) == (["restarted"], False, True)
    assert mac.situation.state.aux_kc == mac.situation.state.uakl == (HERE if there else frozenset())


def test_mdm_04_what_lies_in_library_extensions_may_be_discovered_by_itself(walk: WALK) -> None:
    mac = walk(mac=ON_INTEL, profiles=ALLOWED).do(INSTALL, BY_MDM)
    assert (mac.answers(), mac.last.open) == (["restarted", "restarted"], True)
    assert [one.state.aux_kc for one in mac.last.outcomes] == [frozenset(), HERE]


def test_mdm_04_a_refused_load_request_discovers_too(walk: WALK) -> None:
    mac = walk(mac=managed("full"), profiles=ALLOWED, path="/opt").do(INSTALL, LOAD, IN_1TR)
    mac.do(SetSecurity(SecurityMode.REDUCED, REMOTE), IN_MACOS, BY_MDM)
    assert mac.situation.state.aux_kc == HERE


def test_a_request_refused_for_its_signature_discovers_too(walk: WALK) -> None:
    unsigned = {"signature": Signature.NONE, "path": "/opt"}
    profile = [Profile("raw", KernelPolicy(allowed_kernel_extensions={"": frozenset({DRIVER})}))]
    mac = walk(mac=ON_INTEL, profiles=profile, **unsigned).do(INSTALL, LOAD)
    assert mac.answers() == ["signature"]
    assert "SIG-01" in walk(mac=ON_INTEL, profiles=profile, **unsigned).do(INSTALL, LOAD, BY_MDM).last.rules
    mac.do(Boot(Environment.RECOVERYOS), SetSip(enabled=False), IN_MACOS, BY_MDM)
    assert mac.situation.state.aux_kc == HERE


@pytest.mark.parametrize(
    ("enrollment", "macos", "answer", "rules"),
    [
        (USER, "10.15.7", "enrollment", ("MDM-06",)),
        (USER, "11.0", "enrollment", ("MDM-06",)),
        (NONE, "10.15.7", "enrollment", ()),
        (NONE, "11.0", "enrollment", ("MDM-01",)),
        (DEVICE, "10.15.7", "restarted", ("MDM-05",)),
        (ADE, "10.13.4", "restarted", ("MDM-05",)),
    ],
)
def test_mdm_06_and_mdm_05_hold_before_big_sur_too(
    walk: WALK, enrollment: Enrollment, macos: str, answer: str, rules: tuple[str, ...]
) -> None:
    mac = walk(mac={**EARLY, "macos": Version.parse(macos), "enrollment": enrollment})
    mac.do(Restart("mdm", notify_user=True))
    assert (mac.answers(), mac.last.rules) == ([answer], rules)


@pytest.mark.parametrize(
    ("macos", "logged_in", "answer"),
    [("11.2", True, "restarted"), ("11.3", True, "deferred"), ("11.3", False, "restarted"), ("12.7", True, "deferred")],
)
def test_mdm_05_the_user_is_told(walk: WALK, macos: str, logged_in: bool, answer: str) -> None:
    mac = walk(mac={**ON_INTEL, "macos": Version.parse(macos), "logged_in": logged_in}, profiles=ALLOWED)
    mac.do(INSTALL, LOAD, Restart("mdm", rebuild_kernel_cache=True, notify_user=True))
    assert (mac.answers(), "MDM-05" in mac.last.rules) == ([answer], True)
    assert mac.situation.state.loaded_kexts == (frozenset() if answer == "deferred" else HERE)
    assert mac.do(Restart()).situation.state.loaded_kexts == HERE


PROFILE, AGENTS = kexts(TEAM), Profile("agents", None, SystemPolicy(frozenset({TEAM})))
EARLY = {"architecture": Architecture.INTEL, "macos": Version.parse("10.15"), "security_mode": None}


@pytest.mark.parametrize("profile", [PROFILE, AGENTS])
@pytest.mark.parametrize(
    ("mac", "origin", "answer"),
    [
        ({"enrollment": NONE}, "mdm", "enrollment"),
        ({"enrollment": USER}, "mdm", "enrollment"),
        ({"enrollment": USER}, "hand", "enrollment"),
        ({"enrollment": DEVICE}, "mdm", "installed"),
        ({"enrollment": DEVICE}, "hand", "not-offered"),
        ({"enrollment": ADE}, "hand", "not-offered"),
        ({"enrollment": DEVICE, "user_approved_mdm": False}, "mdm", "installed"),
        ({**EARLY, "enrollment": DEVICE, "user_approved_mdm": False}, "mdm", "enrollment"),
        ({**EARLY, "enrollment": DEVICE}, "mdm", "installed"),
        ({**EARLY, "enrollment": ADE, "user_approved_mdm": False}, "mdm", "installed"),
    ],
)
def test_mdm_07_only_from_an_mdm_that_the_user_approved(
    walk: WALK, mac: dict[str, Any], origin: Any, answer: str, profile: Profile
) -> None:
    on = walk(mac=mac).do(InstallProfile(profile, origin))
    assert (on.answers(), on.last.rules) == ([answer], ("MDM-07",))
    assert bool(on.situation.profiles) is (answer == "installed")


def test_mdm_07_what_an_installed_profile_allows_counts_from_then_on(walk: WALK) -> None:
    mac = walk(mac=ON_INTEL).do(INSTALL, LOAD)
    assert mac.answers() == ["approval-required"]
    assert mac.do(InstallProfile(PROFILE), LOAD).answers() == ["restart-required"]
    assert mac.do(InstallProfile(kexts(id=PROFILE.id)), LOAD).answers() == ["approval-forbidden"]


@pytest.mark.parametrize(
    ("mac", "profiles", "answers"),
    [
        (managed("full"), ALLOWED, ["security-mode"]),
        (managed("full"), [], ["security-mode"]),
        (managed("reduced"), ALLOWED, ["kexts-not-allowed"]),
        (managed("reduced", KextManagement.REMOTE), ALLOWED, ["restart-required"]),
        (managed("reduced", *KextManagement), ALLOWED, ["restart-required"]),
        (managed("permissive", KextManagement.REMOTE), ALLOWED, ["restart-required"]),
        (managed("reduced", KextManagement.USER), ALLOWED, ["approval-required"]),
        (managed("reduced", KextManagement.USER), [], ["approval-required"]),
        (managed("reduced", KextManagement.USER), [kexts("OTHER")], ["approval-forbidden"]),
        (managed("reduced", KextManagement.REMOTE), [], ["kexts-not-allowed", "approval-required"]),
        (managed("reduced", KextManagement.REMOTE), [kexts("OTHER")], ["kexts-not-allowed", "approval-forbidden"]),
        (managed("reduced", *KextManagement), [], ["approval-required"]),
        ({**managed("full", enrollment=ADE), "bootstrap_token": False}, ALLOWED, ["security-mode"]),
        ({**managed("reduced", enrollment=ADE), "bootstrap_token": False}, ALLOWED, ["kexts-not-allowed"]),
        (managed("full", enrollment=ADE), ALLOWED, ["restart-required"]),
        (managed("full", enrollment=ADE), [], ["security-mode"]),
        (managed("full", enrollment=ADE), [kexts("OTHER")], ["security-mode"]),
        (managed("reduced", enrollment=ADE), ALLOWED, ["restart-required"]),
    ],
)
def test_mdm_09_mdm_10_what_a_load_request_answers(
    walk: WALK, mac: dict[str, Any], profiles: list[Profile], answers: list[str]
) -> None:
    on = walk(mac=mac, profiles=profiles).do(INSTALL, LOAD)
    assert (on.answers(), on.last.open) == (answers, len(answers) > 1)


def test_mdm_09_user_management_is_not_enough_for_restart_device(walk: WALK) -> None:
    mac = walk(mac=managed("reduced", KextManagement.USER), profiles=ALLOWED).do(INSTALL, LOAD)
    assert "MDM-09" in mac.last.rules
    mac.do(BY_MDM)
    assert (mac.situation.state.aux_kc, "MDM-09" in mac.last.rules) == (frozenset(), True)
    mac.do(LOAD, APPROVE, Restart())
    assert mac.situation.state.aux_kc == HERE


def test_mdm_09_the_walk_with_remote_management(walk: WALK) -> None:
    mac = walk(mac=managed("full"), profiles=ALLOWED).do(IN_1TR, SetSecurity(None, REMOTE))
    assert (mac.answers(), "MDM-09" in mac.last.rules) == (["changed"], True)
    mac.do(IN_MACOS, INSTALL, LOAD, BY_MDM)
    assert mac.situation.state.loaded_kexts == HERE


def test_mdm_10_the_mdm_lowers_by_itself(walk: WALK) -> None:
    mac = walk(mac=STUDIO, profiles=ALLOWED).do(INSTALL, LOAD)
    assert (mac.answers(), mac.last.open, "MDM-10" in mac.last.rules) == (["restart-required"], False, True)
    assert mac.situation.state.security_mode is SecurityMode.FULL
    mac.do(BY_MDM)
    state = mac.situation.state
    assert (mac.answers(), mac.last.open, mac.last.rules[0]) == (["restarted"], False, "MDM-10")
    assert (state.security_mode, state.kext_management, state.loaded_kexts) == (SecurityMode.REDUCED, REMOTE, HERE)
    assert mac.do(LOAD).answers() == ["loaded"]
    assert mac.do(Restart()).situation.state.loaded_kexts == HERE


def test_mdm_10_a_restart_by_the_user_instead_is_open(walk: WALK) -> None:
    mac = walk(mac=STUDIO, profiles=ALLOWED).do(INSTALL, LOAD, Restart())
    modes = [one.state.security_mode for one in mac.last.outcomes]
    assert modes == [SecurityMode.FULL, SecurityMode.REDUCED]
    assert [one.state.loaded_kexts for one in mac.last.outcomes] == [frozenset(), HERE]
    assert (mac.last.open, "MDM-10" in mac.last.rules) == (True, True)


def test_mdm_10_lowers_nothing_without_rebuild_kernel_cache(walk: WALK) -> None:
    mac = walk(mac=STUDIO, profiles=ALLOWED).do(INSTALL, LOAD, Restart("mdm"))
    state = mac.situation.state
    assert (mac.answers(), state.security_mode, state.loaded_kexts) == (["restarted"], SecurityMode.FULL, frozenset())


def test_mdm_10_keeps_what_the_user_allowed(walk: WALK) -> None:
    mac = walk(mac=managed("reduced", KextManagement.USER, enrollment=ADE), profiles=ALLOWED).do(INSTALL, LOAD, BY_MDM)
    assert mac.situation.state.kext_management == frozenset(KextManagement)


def test_mdm_14_without_its_profile_a_kext_goes_with_the_restart(walk: WALK) -> None:
    mac = walk(mac=ON_INTEL, profiles=ALLOWED).do(INSTALL, LOAD, Restart(), RemoveProfile("kexts"))
    assert (mac.answers(), mac.situation.state.loaded_kexts) == (["removed"], HERE)
    mac.do(Restart())
    state = mac.situation.state
    assert state.loaded_kexts == state.aux_kc == state.uakl == frozenset()
    assert "MDM-14" in mac.last.rules
    assert mac.do(LOAD).answers() == ["approval-required"]


def test_mdm_14_what_the_user_approved_too_is_open(walk: WALK) -> None:
    mac = walk(mac=ON_INTEL).do(INSTALL, LOAD, APPROVE, InstallProfile(PROFILE), LOAD, Restart())
    mac.do(RemoveProfile("kexts"), Restart())
    assert (mac.answers(), mac.last.open, "MDM-14" in mac.last.rules) == (["restarted", "restarted"], True, True)
    states = [one.state for one in mac.last.outcomes]
    assert [one.loaded_kexts for one in states] == [HERE, frozenset()]
    assert all(one.uakl == one.aux_kc == one.receipt == one.loaded_kexts for one in states)
    assert mac.do(LOAD).answers() == ["loaded"]
    forgotten = policy.predict(mac.situation.observed(states[1]), LOAD)
    assert [str(one.outcome) for one in forgotten.outcomes] == ["approval-required"]


def test_a_profile_that_is_not_there_cannot_be_removed(walk: WALK) -> None:
    assert walk(mac=ON_INTEL).do(RemoveProfile("kexts")).answers() == ["not-installed"]


@pytest.mark.parametrize("recovery", [IN_1TR, IN_RECOVERY])
def test_mdm_16_in_recovery_the_command_waits(walk: WALK, recovery: Boot) -> None:
    mac = walk(mac=STUDIO, profiles=ALLOWED).do(INSTALL, LOAD, recovery, BY_MDM)
    assert (mac.answers(), mac.last.rules) == (["deferred"], ("MDM-16",))
    mac.do(IN_MACOS)
    assert (mac.answers(), mac.situation.state.loaded_kexts, "MDM-16" in mac.last.rules) == (["booted"], HERE, True)


def test_enrolling_and_unenrolling(walk: WALK) -> None:
    mac = walk(mac=INTEL).do(Enroll(DEVICE), InstallProfile(PROFILE), INSTALL, LOAD)
    assert mac.answers() == ["restart-required"]
    mac.do(Restart(), Unenroll())
    assert (mac.answers(), mac.situation.profiles) == (["done"], ())
    assert mac.situation.state.loaded_kexts == HERE
    assert mac.do(Restart("mdm")).answers() == ["enrollment"]
    assert mac.do(Restart()).situation.state.loaded_kexts == frozenset()


def policy_for(**keys: Any) -> Profile:
    return Profile("agents", None, SystemPolicy(**keys))


NAMED = {TEAM: frozenset({"com.example.a"})}


@pytest.mark.parametrize(
    ("profile", "malformed"),
    [
        (policy_for(allowed_team_identifiers=frozenset({TEAM}), allowed_system_extensions=NAMED), True),
        (policy_for(allowed_team_identifiers=frozenset({"OTHER"}), allowed_system_extensions=NAMED), False),
        (policy_for(removable_system_extensions=NAMED, non_removable_system_extensions=NAMED), True),
        (
            policy_for(
                removable_system_extensions=NAMED, non_removable_system_extensions={TEAM: frozenset({"com.example.b"})}
            ),
            False,
        ),
        (policy_for(removable_system_extensions=NAMED, non_removable_system_extensions={"OTHER": NAMED[TEAM]}), False),
        (policy_for(removable_system_extensions=NAMED, non_removable_from_ui_system_extensions=NAMED), False),
    ],
    ids=["team twice", "two teams", "both", "two bundles", "bundle of two teams", "from the UI"],
)
def test_mdm_15_a_profile_that_contradicts_itself_is_not_installed(
    walk: WALK, profile: Profile, malformed: bool
) -> None:
    mac = walk(mac=ON_INTEL).do(InstallProfile(profile))
    expected = (["malformed-profile"], ("MDM-15",), ()) if malformed else (["installed"], ("MDM-07",), (profile,))
    assert (mac.answers(), mac.last.rules, mac.situation.profiles) == expected


def test_mdm_15_is_about_one_payload_and_comes_last(walk: WALK) -> None:
    twice = policy_for(allowed_team_identifiers=frozenset({TEAM}), allowed_system_extensions=NAMED)
    apart = Profile("others", None, SystemPolicy(frozenset({TEAM})))
    mac = walk(mac=ON_INTEL, profiles=[apart])
    assert mac.do(InstallProfile(policy_for(allowed_system_extensions=NAMED))).answers() == ["installed"]
    assert walk(mac=ON_INTEL).do(InstallProfile(twice, "hand")).answers() == ["not-offered"]
    assert walk(mac=INTEL).do(InstallProfile(twice, "hand")).answers() == ["enrollment"]
    outcomes = policy.predict(mac.situation, InstallProfile(twice), without=frozenset({"MDM-15"})).outcomes
    assert [str(one.outcome) for one in outcomes] == ["installed"]


@pytest.mark.parametrize(
    ("enrollment", "origin", "answer"),
    [(NONE, "mdm", "enrollment"), (NONE, "hand", "installed"), (USER, "mdm", "installed"), (ADE, "hand", "installed")],
)
def test_mdm_07_does_not_speak_of_a_profile_without_these_policies(
    walk: WALK, enrollment: Enrollment, origin: Any, answer: str
) -> None:
    mac = walk(mac={**INTEL, "enrollment": enrollment}).do(InstallProfile(Profile("empty"), origin))
    assert (mac.answers(), mac.last.rules) == ([answer], ())


@pytest.mark.parametrize(
    ("mac", "action", "answer"),
    [
        (ON_INTEL, Enroll(ADE), "enrollment"),
        (ON_INTEL, Enroll(NONE), "done"),
        (INTEL, Enroll(NONE), "enrollment"),
        (INTEL, Unenroll(), "enrollment"),
        ({**INTEL, "enrollment": USER}, Unenroll(), "done"),
        (INTEL, Enroll(USER), "done"),
    ],
)
def test_a_mac_has_one_enrollment(walk: WALK, mac: dict[str, Any], action: Any, answer: str) -> None:
    assert walk(mac=mac).do(action).answers() == [answer]


@pytest.mark.parametrize("action", [InstallProfile(PROFILE), RemoveProfile("kexts"), Enroll(ADE), Unenroll()])
def test_what_an_mdm_brings_needs_macos(walk: WALK, action: Any) -> None:
    mac = walk(mac=ON_INTEL, profiles=ALLOWED).do(IN_RECOVERY, action)
    assert (mac.answers(), mac.last.rules) == (["wrong-environment"], ())


def test_mdm_02_a_load_request_before_the_profile_is_approved_by_it(walk: WALK) -> None:
    mac = walk(mac=ON_INTEL, path="/opt").do(INSTALL, LOAD)
    assert mac.answers() == ["approval-required"]
    mac.do(InstallProfile(PROFILE))
    assert (mac.answers(), mac.situation.state.uakl, "MDM-02" in mac.last.rules) == (["installed"], HERE, True)
    assert mac.do(APPROVE).answers() == ["not-offered"]
    mac.do(Restart())
    assert mac.situation.state.loaded_kexts == mac.situation.state.receipt == HERE


def test_mdm_02_a_profile_alone_approves_nothing_that_never_asked(walk: WALK) -> None:
    assert walk(mac=ON_INTEL, path="/opt").do(INSTALL, InstallProfile(PROFILE)).situation.state.uakl == frozenset()
    unsigned = walk(mac=ON_INTEL, path="/opt", signature=Signature.AD_HOC).do(INSTALL, LOAD, InstallProfile(PROFILE))
    assert unsigned.situation.state.uakl == frozenset()


def test_mdm_10_a_profile_that_comes_after_the_refusal(walk: WALK) -> None:
    mac = walk(mac=STUDIO, path="/opt").do(INSTALL, LOAD)
    assert mac.answers() == ["security-mode"]
    mac.do(InstallProfile(PROFILE), BY_MDM)
    assert mac.situation.state.loaded_kexts == HERE


def test_mdm_12_a_kext_that_was_approved_before_a_profile_forbade_it(walk: WALK) -> None:
    mac = walk(mac=ON_INTEL).do(INSTALL, LOAD, APPROVE, InstallProfile(kexts("OTHER")), LOAD)
    assert (mac.answers(), mac.last.rules[0]) == (["approval-forbidden"], "MDM-12")


@pytest.mark.parametrize("profiles", [[], ALLOWED])
def test_a_rebuild_is_due_for_what_a_profile_let_in(walk: WALK, profiles: list[Profile]) -> None:
    mac = walk(mac=ON_INTEL, profiles=profiles, path="/opt").do(INSTALL, Rebuild())
    assert mac.answers() == ["unchanged"]
    assert mac.do(LOAD, Rebuild()).answers() == ["restart-required" if profiles else "unchanged"]


def test_two_kexts_of_which_a_profile_lets_in_one(walk: WALK) -> None:
    other = Extension("other", ExtensionKind.KEXT, "com.example.other", team_id="OTHER")
    mac = walk(mac=ON_INTEL, more=other, profiles=[kexts(TEAM, overrides=True)])
    mac.do(INSTALL, Install("other"), LOAD, Load("other"), BY_MDM)
    assert mac.situation.state.aux_kc == HERE
    assert {"MDM-02", "MDM-03"} <= set(mac.last.rules)


def test_credentials_do_not_matter_to_what_is_forbidden(walk: WALK) -> None:
    mac = walk(mac=ON_INTEL, profiles=[kexts("OTHER")]).do(INSTALL, LOAD)
    assert mac.do(Approve("driver", Credential.STANDARD)).answers() == ["approval-forbidden"]
