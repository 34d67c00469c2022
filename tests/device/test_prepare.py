"""The starting state: compared with what is observed first, reached by one visit to 1TR, and looked at afterwards."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.observe import observe
from kextrel.device.performed import Performed
from kextrel.device.prepare import prepare
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import (
    Architecture,
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
    Start,
    Version,
)

preparing = importlib.import_module("kextrel.device.prepare")

ID = "com.example.kextrel.driver"
DRIVER = {"driver": Extension("driver", ExtensionKind.KEXT, ID)}


def silicon(**changes: Any) -> Mac:
    return Mac(**{"architecture": Architecture.APPLE_SILICON, "macos": Version(14, 5), **changes})


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch, world: Any, rig: Rig) -> list[str]:
    """Flows that do at once what they should, and say so."""
    steps: list[str] = []
    world.shell_up, world.screen = True, "Finder File Edit View Go Window Help"
    world.commands["stat -f"] = "admin\n"

    def security(rig: Rig, action: Any, *, deadline: Deadline) -> Performed:
        steps.append(f"{action.mode} {sorted(map(str, action.allow))}")
        if action.using != "bputil":
            steps[-1] += " in the utility"
            world.policy.level = {"full": "%02", "medium": "%01", "none": "%00"}[str(action.mode)]
            return Performed(Outcome.CHANGED, sighting=observe(rig, deadline=deadline))
        world.policy.mode = str(action.mode).capitalize()
        world.policy.kexts, world.policy.sip = bool(action.allow), True
        return Performed(Outcome.CHANGED, sighting=observe(rig, deadline=deadline))

    def sip(rig: Rig, action: Any, *, deadline: Deadline) -> None:
        steps.append(f"sip {action.enabled}")
        world.policy.sip, world.policy.word = action.enabled, "" if action.enabled else "%7f%08%00%00"

    def forget(rig: Rig, *, deadline: Deadline) -> tuple[int, str]:
        steps.append("panic medic")
        world.policy.approved, world.policy.aux = (), ()
        return 0, ""

    monkeypatch.setattr(preparing.recovery, "enter", lambda rig, deadline: steps.append("1tr"))
    monkeypatch.setattr(preparing.recovery, "leave", lambda rig, deadline: steps.append("macos"))
    monkeypatch.setattr(preparing, "set_security", security)
    monkeypatch.setattr(preparing, "set_sip", sip)
    monkeypatch.setattr(preparing, "forget_approvals", forget)
    monkeypatch.setattr(preparing, "to_macos", lambda rig, deadline: steps.append("restart"))
    return steps


def test_a_mac_that_is_so_already_is_left_alone(world: Any, rig: Rig, deadline: Deadline, walked: list[str]) -> None:
    prepare(rig, Start(silicon(), extensions=DRIVER), deadline=deadline)
    assert walked == []


def test_reduced_with_kexts_is_one_visit(world: Any, rig: Rig, deadline: Deadline, walked: list[str]) -> None:
    mac = silicon(security_mode=SecurityMode.REDUCED, kext_management=frozenset({KextManagement.USER}))
    prepare(rig, Start(mac, extensions=DRIVER), deadline=deadline)
    assert walked == ["1tr", "reduced ['user']", "macos"]


def test_sip_off_means_permissive(world: Any, rig: Rig, deadline: Deadline, walked: list[str]) -> None:
    prepare(rig, Start(silicon(sip=False), extensions=DRIVER), deadline=deadline)
    assert walked == ["1tr", "permissive []", "sip False", "macos"]


def test_full_is_set_from_macos_without_a_walk(world: Any, rig: Rig, deadline: Deadline, walked: list[str]) -> None:
    world.policy.mode, world.policy.kexts = "Reduced", True
    prepare(rig, Start(silicon(), extensions=DRIVER), deadline=deadline)
    assert walked == ["full []", "restart"]


def test_sip_that_is_off_is_put_back_by_a_fresh_policy(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str]
) -> None:
    world.policy.mode, world.policy.sip = "Permissive", False
    prepare(rig, Start(silicon(security_mode=SecurityMode.PERMISSIVE)), deadline=deadline)
    assert walked == ["1tr", "permissive []", "macos"]


def test_a_t2s_level_is_chosen_in_the_utility_and_sip_by_itself(
    world: Any, t2: Rig, deadline: Deadline, walked: list[str]
) -> None:
    mac = Mac(Architecture.INTEL_T2, Version(13, 6), security_mode=SecurityMode.MEDIUM, sip=False)
    prepare(t2, Start(mac, extensions=DRIVER), deadline=deadline)
    assert walked == ["1tr", "medium [] in the utility", "sip False", "macos"]


def test_a_t2_that_is_at_its_level_is_left_alone(world: Any, t2: Rig, deadline: Deadline, walked: list[str]) -> None:
    prepare(t2, Start(Mac(Architecture.INTEL_T2, Version(13, 6)), extensions=DRIVER), deadline=deadline)
    assert walked == []


@pytest.mark.parametrize("sip", [True, False])
def test_an_intel_mac_has_sip_and_approvals_only(
    world: Any, intel: Rig, deadline: Deadline, walked: list[str], sip: bool
) -> None:
    world.policy.word, world.policy.approved = "%7f%08%00%00" if sip else "", (ID,)
    mac = Mac(Architecture.INTEL, Version(12, 7), security_mode=None, sip=sip)
    prepare(intel, Start(mac, extensions=DRIVER), deadline=deadline)
    assert walked == ["1tr", f"sip {sip}", "panic medic", "macos"]


def test_an_earlier_approval_is_forgotten_on_the_same_visit(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str]
) -> None:
    world.policy.mode, world.policy.kexts, world.policy.approved = "Reduced", True, (ID,)
    prepare(rig, Start(silicon(), extensions=DRIVER), deadline=deadline)
    assert walked == ["1tr", "full []", "panic medic", "macos"]


def test_a_mac_that_will_not_go_there_is_said(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "set_sip", lambda rig, action, deadline: None)
    with pytest.raises(NotPossible, match="did not go to permissive, SIP off"):
        prepare(rig, Start(silicon(sip=False)), deadline=deadline)


@pytest.mark.parametrize(
    "start",
    [
        Start(silicon(macos=Version(15))),
        Start(silicon(enrollment=Enrollment.DEVICE)),
        Start(silicon(architecture=Architecture.INTEL)),
    ],
)
def test_a_requirement_is_never_made(rig: Rig, deadline: Deadline, walked: list[str], start: Start) -> None:
    with pytest.raises(NotPossible, match="the scenario needs"):
        prepare(rig, start, deadline=deadline)
    assert walked == []


def test_a_mac_that_reaches_apple_is_none_for_a_scenario_that_is_offline(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str]
) -> None:
    with pytest.raises(NotPossible, match="is online true, and the scenario needs false"):
        prepare(rig, Start(silicon(online=False)), deadline=deadline)
    assert world.log == []
    rig.facts = replace(rig.facts, online=False)
    prepare(rig, Start(silicon(online=False)), deadline=deadline)
    assert walked == []


def test_nobody_is_logged_in_where_the_scenario_says_so(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str], screens: dict[str, str]
) -> None:
    def ended() -> str:
        world.commands["stat -f %Su"], world.screen = "root\n", screens["login"]
        return ""

    front = {"stat -f %Su": "admin\n", "stat -f %u": "501\n", "launchctl bootout": ended}
    world.commands = {**front, **world.commands}
    prepare(rig, Start(silicon(logged_in=False)), deadline=deadline)
    assert "run sudo -n launchctl bootout gui/501" in world.log
    assert walked == []


def test_what_an_older_macos_left_is_there_before_the_first_step(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str]
) -> None:
    world.commands["mktemp"] = "/private/tmp/kextrel.123456\n"
    old = replace(DRIVER["driver"], installed_before=Version(10, 12))
    prepare(rig, Start(silicon(), extensions={"driver": old}), deadline=deadline)
    assert [remote for _, remote in world.uploads]


VETERAN = replace(DRIVER["driver"], installed_before=Version(10, 12))


@pytest.fixture
def catalina(world: Any, intel: Rig, walked: list[str]) -> Rig:
    """A Mac that is meant for 10.15.7; what it runs, and what it has approved, is for each test to say."""
    intel.facts = replace(intel.facts, macos=Version(10, 15, 7), upgrades=True)
    world.commands |= {"mktemp": "/private/tmp/kextrel.123456\n", "sqlite3 -readonly": "0\n"}
    world.commands["kext-consent"] = "Kernel Extension User Consent: ENABLED\nAllowed Team Identifiers:\n"
    return intel


def test_what_was_there_before_consent_is_put_there_and_the_mac_upgraded(
    world: Any, catalina: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def upgrade(rig: Rig, action: Any, *, deadline: Deadline) -> None:
        steps.append(f"{len(world.uploads)} there, then {action.macos}")
        world.policy.macos = str(action.macos)
        world.policy.approved = (VETERAN.bundle_id,)

    monkeypatch.setattr(preparing.upgrading, "upgrade", upgrade)
    monkeypatch.setattr(preparing.upgrading, "running", lambda rig, deadline: Version(10, 12, 6))
    mac = Mac(Architecture.INTEL, Version(10, 15, 7), security_mode=None)
    prepare(catalina, Start(mac, extensions={"driver": VETERAN}), deadline=deadline)
    assert steps == ["1 there, then 10.15.7"]


def test_a_mac_that_never_had_it_is_no_start(
    world: Any, catalina: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing.upgrading, "running", lambda rig, deadline: Version(10, 15, 7))
    mac = Mac(Architecture.INTEL, Version(10, 15, 7), security_mode=None)
    with pytest.raises(NotPossible, match="was not on mini when it ran"):
        prepare(catalina, Start(mac, extensions={"driver": VETERAN}), deadline=deadline)
    assert world.uploads == []


def test_a_policy_that_cannot_be_read_is_no_start(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(world.policy), "_bputil", lambda self: "bputil must be run as root\n")
    with pytest.raises(NotPossible, match="cannot be read"):
        prepare(rig, Start(silicon()), deadline=deadline)
    assert walked == []


ALLOW = Profile("allow", KernelPolicy(frozenset({"KXTRL00001"})))
OURS = "com.example.kextrel.profile."


def automated(**changes: Any) -> Mac:
    return silicon(enrollment=Enrollment.AUTOMATED_DEVICE, **changes)


def test_profiles_are_there_before_the_first_step_and_no_others_of_ours(
    managed: Rig, mdm: Any, deadline: Deadline, walked: list[str]
) -> None:
    mdm.profiles |= {OURS + "old": [], OURS + "allow": []}
    prepare(managed, Start(automated(), profiles=(ALLOW,)), deadline=deadline)
    assert [name for name in mdm.profiles if name.startswith(OURS)] == [OURS + "allow"]
    assert mdm.profiles[OURS + "allow"] == ["com.apple.syspolicy.kernel-extension-policy"]
    assert walked == []


def test_our_profiles_are_gone_before_the_policy_is_reached(
    managed: Rig, mdm: Any, deadline: Deadline, walked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mdm.profiles[OURS + "old"] = []
    left: list[list[str]] = []
    monkeypatch.setattr(
        preparing.recovery, "enter", lambda rig, deadline: left.append([n for n in mdm.profiles if n.startswith(OURS)])
    )
    prepare(managed, Start(automated(security_mode=SecurityMode.REDUCED)), deadline=deadline)
    assert left == [[]]


def test_a_profile_that_the_mac_does_not_take_is_no_start(
    managed: Rig, mdm: Any, deadline: Deadline, walked: list[str]
) -> None:
    mdm.answers["InstallProfile"] = [{"Status": "Error", "ErrorChain": [{"ErrorDomain": "X", "ErrorCode": 1}]}]
    with pytest.raises(NotPossible, match="does not install 'allow': Error: X 1"):
        prepare(managed, Start(automated(), profiles=(ALLOW,)), deadline=deadline)


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (
            {"profiles status": "Enrolled via DEP: No\nMDM enrollment: No\n"},
            "MDM enrollment false, by DEP false; enroll",
        ),
        ({"profiles status": "Enrolled via DEP: No\nMDM enrollment: Yes (User Approved)\n"}, "by DEP false"),
        ({"-type bootstraptoken": "profiles: Bootstrap Token escrowed to server: NO\n"}, "has not given its bootstrap"),
    ],
)
def test_a_mac_that_is_not_what_its_profile_says_is_no_start(
    world: Any, managed: Rig, mdm: Any, deadline: Deadline, walked: list[str], said: dict[str, str], match: str
) -> None:
    world.commands |= said
    with pytest.raises(NotPossible, match=match):
        prepare(managed, Start(automated()), deadline=deadline)
    assert (walked, mdm.sent) == ([], [])


def test_safe_mode_is_left_before_the_start(
    world: Any, rig: Rig, deadline: Deadline, walked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.policy.safe = True
    monkeypatch.setattr(preparing, "to_macos", lambda rig, deadline: setattr(world.policy, "safe", False))
    assert prepare(rig, Start(silicon()), deadline=deadline).state.boot is Environment.MACOS
    assert walked == []


def test_a_mac_that_runs_another_macos_is_no_start(world: Any, rig: Rig, deadline: Deadline, walked: list[str]) -> None:
    """As one that an earlier run upgraded, and nobody erased: all that is predicted would be of the wrong macOS."""
    world.policy.macos = "15.1"
    with pytest.raises(NotPossible, match=r"mini runs macOS 15\.1, and its profile says 14\.5; erase it"):
        prepare(rig, Start(silicon()), deadline=deadline)
    assert walked == []


def test_a_bootstrap_token_is_a_requirement_of_managed_macs_only(
    managed: Rig, rig: Rig, deadline: Deadline, walked: list[str]
) -> None:
    with pytest.raises(NotPossible, match="is bootstrap_token true, and the scenario needs false"):
        prepare(managed, Start(automated(bootstrap_token=False)), deadline=deadline)
    rig.facts = replace(rig.facts, enrollment=Enrollment.NONE, bootstrap_token=False)
    prepare(rig, Start(silicon()), deadline=deadline)
    assert walked == []


def test_a_managed_mac_that_remembers_a_request_forgets_it_first(
    world: Any, managed: Rig, rig: Rig, deadline: Deadline, walked: list[str]
) -> None:
    world.policy.asked = (ID,)
    prepare(managed, Start(automated(), extensions=DRIVER), deadline=deadline)
    assert walked == ["1tr", "panic medic", "macos"]
    walked.clear()
    rig.facts = replace(rig.facts, enrollment=Enrollment.NONE)
    prepare(rig, Start(silicon(), extensions=DRIVER), deadline=deadline)
    assert walked == []
