"""What an MDM does to a Mac: answers are scripted, effects are looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.flows import mdm as flow
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, DeadlineExceeded, NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Enrollment, KernelPolicy, Outcome, Profile, Reason
from kextrel.vocabulary.actions import Enroll, InstallProfile, RemoveProfile, Restart, Unenroll

ALLOW = Profile("allow", KernelPolicy(frozenset({"KXTRL00001"})))
OURS = "com.example.kextrel.profile.allow"
THEIRS = "com.example.company.wifi"
YES = "Enrolled via DEP: Yes\nMDM enrollment: Yes (User Approved)\nMDM server: https://mdm.example.org/mdm\n"
NO = "Enrolled via DEP: No\nMDM enrollment: No\n"
NOTICE = "Finder File Edit View Go Window Help\nRestart Required\nYour organization requires this Mac to restart.\n"


def error(domain: str, code: int) -> dict[str, Any]:
    return {"Status": "Error", "ErrorChain": [{"ErrorDomain": domain, "ErrorCode": code}]}


def types(mdm: Any) -> list[str]:
    return [str(request["RequestType"]) for request in mdm.sent]


class TestProfiles:
    def test_it_is_installed_when_the_mac_lists_it(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        done = perform(managed, InstallProfile(ALLOW), deadline=deadline)
        assert (done.outcome, types(mdm)) == (Outcome.INSTALLED, ["InstallProfile", "ProfileList"])
        assert mdm.profiles[OURS] == ["com.apple.syspolicy.kernel-extension-policy"]

    def test_acknowledged_and_not_listed_is_not_installed(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        mdm.answers["InstallProfile"] = [{"Status": "Acknowledged"}]
        done = perform(managed, InstallProfile(ALLOW), deadline=deadline)
        assert (done.outcome, done.reason) == (Outcome.REFUSED, None)

    @pytest.mark.parametrize(
        ("enrollment", "domain", "reason"),
        [
            (Enrollment.AUTOMATED_DEVICE, "MCProfileErrorDomain", Reason.MALFORMED_PROFILE),
            (Enrollment.DEVICE, "MCPayloadErrorDomain", Reason.MALFORMED_PROFILE),
            (Enrollment.DEVICE, "ConfigProfilePluginDomain", None),
            (Enrollment.USER, "MCPayloadErrorDomain", Reason.ENROLLMENT),
        ],
    )
    def test_an_error_is_a_refusal_with_what_can_be_read_of_it(
        self, managed: Rig, mdm: Any, deadline: Deadline, enrollment: Enrollment, domain: str, reason: Reason | None
    ) -> None:
        managed.facts = replace(managed.facts, enrollment=enrollment)
        mdm.answers["InstallProfile"] = [error(domain, 2003)]
        done = perform(managed, InstallProfile(ALLOW), deadline=deadline)
        assert (done.outcome, done.reason, done.note) == (Outcome.REFUSED, reason, f"Error: {domain} 2003")

    def test_without_an_enrollment_nothing_is_sent(
        self, world: Any, managed: Rig, mdm: Any, deadline: Deadline
    ) -> None:
        world.commands["profiles status"] = NO
        managed.wires = replace(managed.wires, mdm=None)
        for action, reason in (
            (InstallProfile(ALLOW), Reason.ENROLLMENT),
            (RemoveProfile("allow"), Reason.NOT_INSTALLED),
            (Restart(by="mdm"), Reason.ENROLLMENT),
        ):
            done = perform(managed, action, deadline=deadline)
            assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)
        assert mdm.sent == []

    def test_by_hand_the_tool_refuses(self, world: Any, managed: Rig, deadline: Deadline) -> None:
        world.commands |= {
            "mktemp": "/private/tmp/kextrel.Xa1b2c\n",
            "profiles install": (1, "", "profiles tool no longer supports installs."),
            "profiles show": "There are no configuration profiles installed in the system domain\n",
        }
        done = perform(managed, InstallProfile(ALLOW, from_="hand"), deadline=deadline)
        assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_OFFERED)
        assert "no longer supports installs" in done.note
        assert world.uploads[0][1] == "/private/tmp/kextrel.Xa1b2c/profile.mobileconfig"
        assert "run rm -rf /private/tmp/kextrel.Xa1b2c" in world.log
        world.commands["profiles status"] = NO
        done = perform(managed, InstallProfile(ALLOW, from_="hand"), deadline=deadline)
        assert done.reason is Reason.ENROLLMENT

    def test_by_hand_on_an_old_macos_it_is_installed(self, world: Any, managed: Rig, deadline: Deadline) -> None:
        world.commands |= {
            "mktemp": "/private/tmp/kextrel.Xa1b2c\n",
            "profiles show": f"_computerlevel[1] attribute: profileIdentifier: {OURS}\n",
        }
        done = perform(managed, InstallProfile(ALLOW, from_="hand"), deadline=deadline)
        assert done.outcome is Outcome.INSTALLED

    def test_it_is_removed_when_the_mac_no_longer_lists_it(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        mdm.profiles[OURS] = []
        assert perform(managed, RemoveProfile("allow"), deadline=deadline).outcome is Outcome.REMOVED
        assert OURS not in mdm.profiles
        done = perform(managed, RemoveProfile("allow"), deadline=deadline)
        assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_INSTALLED)
        assert "12075" in done.note

    def test_still_listed_is_not_removed(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        mdm.profiles[OURS] = []
        mdm.answers["RemoveProfile"] = [{"Status": "Acknowledged"}]
        done = perform(managed, RemoveProfile("allow"), deadline=deadline)
        assert (done.outcome, done.reason) == (Outcome.REFUSED, None)

    def test_in_recovery_profiles_are_not_asked_for(
        self, world: Any, managed: Rig, deadline: Deadline, screens: dict[str, str]
    ) -> None:
        world.shell_up, world.screen = False, screens["main"]
        with pytest.raises(NotPossible, match="`install-profile` needs macOS, and the Mac is in recovery"):
            perform(managed, InstallProfile(ALLOW), deadline=deadline)


class TestAnswers:
    def test_not_now_is_waited_over(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        mdm.answers["ProfileList"] = [{"Status": "NotNow"}, {"Status": "NotNow"}]
        assert flow.has(managed, THEIRS, deadline=deadline)
        assert mdm.queued == []

    def test_not_now_for_ever_is_the_macs_preparation(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        mdm.answers["ProfileList"] = [{"Status": "NotNow"}, None]
        with pytest.raises(NotPossible, match=r"answers ProfileList with NotNow \(1 times\)"):
            flow.listed(managed, deadline=deadline)

    def test_silence_is_the_wires_failure(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        mdm.answers["ProfileList"] = [None]
        with pytest.raises(BenchError, match=r"mini\.mdm: the Mac did not answer"):
            flow.listed(managed, deadline=deadline)

    def test_a_refused_list_is_no_list(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        mdm.answers["ProfileList"] = [error("MCMDMErrorDomain", 12021)]
        with pytest.raises(NotPossible, match="does not list its profiles: Error: MCMDMErrorDomain 12021"):
            flow.listed(managed, deadline=deadline)


class TestRestart:
    def test_another_boot_is_the_proof_and_keys_are_as_asked(
        self, world: Any, managed: Rig, mdm: Any, deadline: Deadline
    ) -> None:
        mdm.on_restart = lambda: setattr(world, "boot", 2)
        action = Restart(by="mdm", rebuild_kernel_cache=True, kext_paths=("driver",))
        assert perform(managed, action, deadline=deadline).outcome is Outcome.RESTARTED
        assert mdm.sent[-1] == {
            "RequestType": "RestartDevice",
            "RebuildKernelCache": True,
            "KextPaths": ["/Library/Extensions/com.example.kextrel.driver.kext"],
        }

    def test_a_notification_and_no_restart_is_deferred(
        self, world: Any, managed: Rig, mdm: Any, deadline: Deadline, screens: dict[str, str]
    ) -> None:
        mdm.on_restart = lambda: setattr(world, "screen", NOTICE)
        world.on_key = lambda key: setattr(world, "screen", screens["desktop"])
        done = perform(managed, Restart(by="mdm", notify_user=True), deadline=deadline)
        assert (done.outcome, world.boot) == (Outcome.DEFERRED, 1)
        assert world.log[-1] == "press escape"
        assert mdm.sent[-1]["NotifyUser"] is True

    def test_at_the_login_window_it_restarts_all_the_same(
        self, world: Any, managed: Rig, mdm: Any, deadline: Deadline
    ) -> None:
        mdm.on_restart = lambda: setattr(world, "boot", 2)
        done = perform(managed, Restart(by="mdm", notify_user=True), deadline=deadline)
        assert done.outcome is Outcome.RESTARTED

    def test_a_notification_that_a_restart_follows_is_a_restart(
        self, world: Any, managed: Rig, mdm: Any, deadline: Deadline
    ) -> None:
        mdm.on_restart = lambda: setattr(world, "screen", NOTICE)
        world.on_look = lambda: setattr(world, "boot", 2)
        done = perform(managed, Restart(by="mdm", notify_user=True), deadline=deadline)
        assert done.outcome is Outcome.RESTARTED

    @pytest.mark.parametrize("notify", [True, False])
    def test_acknowledged_and_nothing_at_all_is_not_judged(
        self, managed: Rig, deadline: Deadline, notify: bool
    ) -> None:
        with pytest.raises(NotPossible, match="acknowledged RestartDevice, and neither restarts nor tells anybody"):
            perform(managed, Restart(by="mdm", notify_user=notify), deadline=deadline)

    def test_a_mac_that_does_not_come_back_is_the_wires_failure(
        self, world: Any, managed: Rig, mdm: Any, deadline: Deadline
    ) -> None:
        mdm.on_restart = lambda: setattr(world, "shell_up", False)
        with pytest.raises(BenchError, match="no shell in another boot"):
            perform(managed, Restart(by="mdm"), deadline=deadline)

    @pytest.mark.parametrize(
        ("enrollment", "reason"), [(Enrollment.USER, Reason.ENROLLMENT), (Enrollment.DEVICE, None)]
    )
    def test_an_error_is_a_refusal(
        self, managed: Rig, mdm: Any, deadline: Deadline, enrollment: Enrollment, reason: Reason | None
    ) -> None:
        managed.facts = replace(managed.facts, enrollment=enrollment)
        mdm.answers["RestartDevice"] = [error("MCMDMErrorDomain", 12021)]
        done = perform(managed, Restart(by="mdm"), deadline=deadline)
        assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)

    def test_in_recovery_it_waits_in_the_queue(
        self, world: Any, managed: Rig, mdm: Any, deadline: Deadline, screens: dict[str, str]
    ) -> None:
        world.shell_up, world.screen = False, screens["main"]
        done = perform(managed, Restart(by="mdm"), deadline=deadline)
        assert done.outcome is Outcome.DEFERRED
        assert mdm.queued == ["0"]
        managed.facts = replace(managed.facts, enrollment=Enrollment.NONE)
        assert perform(managed, Restart(by="mdm"), deadline=deadline).reason is Reason.ENROLLMENT


class TestEnrollment:
    def test_it_ends_by_its_profile_and_begins_again_by_renew(
        self, world: Any, managed: Rig, mdm: Any, deadline: Deadline
    ) -> None:
        assert perform(managed, Unenroll(), deadline=deadline).outcome is Outcome.DONE
        assert mdm.sent[-1] == {"RequestType": "RemoveProfile", "Identifier": "com.example.enroll"}
        states = iter([NO, YES])
        world.commands |= {"profiles status": lambda: next(states), "profiles renew": ""}
        done = perform(managed, Enroll(Enrollment.AUTOMATED_DEVICE), deadline=deadline)
        assert done.outcome is Outcome.DONE
        assert "run sudo -n profiles renew -type enrollment" in world.log

    def test_still_enrolled_is_a_refusal(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        mdm.answers["RemoveProfile"] = [error("MCMDMErrorDomain", 12021)]
        assert perform(managed, Unenroll(), deadline=deadline).outcome is Outcome.REFUSED

    def test_a_renewal_that_does_not_come_is_said(self, world: Any, managed: Rig, deadline: Deadline) -> None:
        world.commands |= {"profiles status": NO, "profiles renew": ""}
        managed.timeouts = replace(managed.timeouts, mdm=0.01)
        with pytest.raises(DeadlineExceeded, match=r"the enrollment was not done in time; .*is it assigned"):
            perform(managed, Enroll(Enrollment.AUTOMATED_DEVICE), deadline=deadline)

    @pytest.mark.parametrize("action", [Unenroll(), Enroll(Enrollment.DEVICE)])
    def test_what_only_a_person_can_do_is_not_done(self, managed: Rig, deadline: Deadline, action: Any) -> None:
        managed.facts = replace(managed.facts, enrollment=Enrollment.DEVICE)
        with pytest.raises(NotPossible, match="not implemented"):
            perform(managed, action, deadline=deadline)


class TestKeepingOnly:
    def test_ours_are_exchanged_and_others_left_alone(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        mdm.profiles["com.example.kextrel.profile.old"] = []
        flow.keep_only(managed, [ALLOW], deadline=deadline)
        assert mdm.profiles.keys() == {"com.example.enroll", THEIRS, OURS}
        flow.keep_only(managed, [], deadline=deadline)
        assert mdm.profiles.keys() == {"com.example.enroll", THEIRS}

    def test_a_mac_that_will_not_is_said(self, managed: Rig, mdm: Any, deadline: Deadline) -> None:
        mdm.answers["InstallProfile"] = [error("MCPayloadErrorDomain", 2003)]
        with pytest.raises(NotPossible, match="does not install 'allow': Error: MCPayloadErrorDomain 2003"):
            flow.keep_only(managed, [ALLOW], deadline=deadline)
        mdm.answers["InstallProfile"] = [{"Status": "Acknowledged"}]
        with pytest.raises(NotPossible, match=r"has the profiles \[\] and should have \['com"):
            flow.keep_only(managed, [ALLOW], deadline=deadline)

    def test_a_mac_that_is_not_managed_is_not_asked(
        self, world: Any, rig: Rig, managed: Rig, mdm: Any, deadline: Deadline
    ) -> None:
        managed.facts = replace(managed.facts, enrollment=Enrollment.NONE)
        flow.keep_only(managed, [], deadline=deadline)
        assert (mdm.sent, world.log) == ([], [])
        world.commands["profiles status"] = NO
        with pytest.raises(NotPossible, match="is not enrolled, and its profile says none"):
            flow.keep_only(managed, [ALLOW], deadline=deadline)
