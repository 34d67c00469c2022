"""Boot policy verbs: changed only if the policy reads otherwise, and refused for the first reason that applies."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.flows.terminal import Talk
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible, UnreadableAnswer
from kextrel.timing import Deadline
from kextrel.vocabulary import Credential, KextManagement, Outcome, Reason, SecurityMode, Version
from kextrel.vocabulary.actions import PanicMedic, SetSecurity, SetSip

USER = frozenset({KextManagement.USER})
ALLOW = SetSecurity(allow=USER)


def recovery(
    world: Any,
    screens: dict[str, str],
    *,
    code: int = 0,
    says: str = "",
    change: Any = None,
    prompts: tuple[str, ...] = ("Enter username: ", "Enter password: "),
) -> None:
    """Recovery whose tool asks for a name and a password, does `change`, prints `says` and ends with `code`."""
    lines = iter(prompts)

    def seen() -> bytes:
        token = re.search(r"observe ([0-9a-f]{32}) ", world.offered[-1])
        assert token is not None
        return world.policy.frames(token[1])

    def word() -> str:
        return world.offered[-1].split("echo 'begin ")[1].split("'")[0]

    def key(pressed: str) -> None:
        if pressed.startswith("curl"):
            world.reports.append(seen())
        elif pressed == "return" and "begin " not in world.screen:
            world.screen += f"\nbegin {word()}\n" + next(lines)
        elif pressed == "return":
            following = next(lines, None)
            if following is None:
                if change:
                    change()
                world.reports += [str(code).encode(), seen()]
            world.screen += "\n" + (following or f"{says}\nend {word()}\n-bash-3.2# ")

    world.screen, world.on_key = screens["terminal"], key
    if world.policy.os_type == "macOS":
        world.policy.os_type = "one true recoveryOS"


def lower(world: Any) -> None:
    world.policy.mode, world.policy.kexts = "Reduced", True


def test_changed_is_what_the_policy_says(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    recovery(world, screens, change=lambda: lower(world))
    assert perform(rig, ALLOW, deadline=deadline).outcome is Outcome.CHANGED
    assert "\nbputil -k\n" in world.offered[-1]
    assert world.log.count("type a secret") == 1


def test_exit_0_with_the_policy_already_there_is_unchanged(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    lower(world)
    recovery(world, screens)
    assert perform(rig, ALLOW, deadline=deadline).outcome is Outcome.UNCHANGED


def test_exit_0_that_changes_nothing_is_refused_without_a_reason(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    recovery(world, screens)
    done = perform(rig, ALLOW, deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, None)


def test_a_lowering_that_is_taken_outside_1tr_is_told_as_it_is_seen(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    """The defect of BOOT-02: the outcome is what the policy says, whatever ought to have been."""
    world.policy.os_type = "fallback recoveryOS"
    recovery(world, screens, change=lambda: lower(world))
    assert perform(rig, ALLOW, deadline=deadline).outcome is Outcome.CHANGED


@pytest.mark.parametrize("credential", [Credential.ADMIN, Credential.WRONG_PASSWORD])
def test_a_right_password_that_was_refused_once_was_perhaps_not_typed(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], monkeypatch: pytest.MonkeyPatch, credential: Any
) -> None:
    """A keyboard that loses one key of a password: nobody sees it, and the Mac is not to blame."""
    world.screen, world.policy.os_type, talks = screens["terminal"], "one true recoveryOS", []

    def converse(_: Rig, command: str, answers: Any, *, observe: str, deadline: Deadline) -> Talk:
        token = observe.rpartition("observe ")[2][:32]
        before = world.policy.frames(token)
        talks.append(command)
        if len(talks) == 1:
            return Talk(1, "Failed to authenticate", before, before)
        lower(world)
        return Talk(0, "", before, world.policy.frames(token))

    monkeypatch.setattr("kextrel.device.flows.terminal.converse", converse)
    done = perform(rig, SetSecurity(allow=USER, as_=credential), deadline=deadline)
    asked_again = credential is Credential.ADMIN
    assert done.outcome is (Outcome.CHANGED if asked_again else Outcome.REFUSED)
    assert len(talks) == 1 + asked_again


def test_a_report_of_another_run_is_not_believed(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery(world, screens)
    frames = world.policy.frames
    monkeypatch.setattr(world.policy, "frames", lambda _: frames("f" * 32))
    with pytest.raises(UnreadableAnswer, match="did not answer"):
        perform(rig, ALLOW, deadline=deadline)


def test_what_was_not_read_on_one_side_has_not_changed(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery(world, screens)
    sections, looks = world.policy._sections, []

    def cut() -> dict[str, str]:
        looks.append(1)
        said = dict(sections())
        if len(looks) == 1:
            said["bputil"] = "".join(row for row in said["bputil"].splitlines(True) if "smb2" not in row)
        return said

    monkeypatch.setattr(world.policy, "_sections", cut)
    with pytest.raises(NotPossible, match="could not be read"):
        perform(rig, ALLOW, deadline=deadline)


def test_a_killed_tool_refused_nothing(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    recovery(world, screens, code=137)
    with pytest.raises(UnreadableAnswer):
        perform(rig, ALLOW, deadline=deadline)


@pytest.mark.parametrize("report", [b"", b"cut off in the mid"])
def test_panic_medic_without_its_exit_code_is_no_answer(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], report: bytes
) -> None:
    world.screen, world.reports = screens["terminal"], [report]
    with pytest.raises(UnreadableAnswer):
        perform(rig, PanicMedic(), deadline=deadline)


@pytest.mark.parametrize("os_type", ["fallback recoveryOS", "ordinary (software-launched) recoveryOS"])
def test_another_recovery_is_the_wrong_environment(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], os_type: str
) -> None:
    world.policy.os_type = os_type
    recovery(world, screens, code=1, says="Failed to create local policy, com.apple.bootpolicy Code=17 pairing (17)")
    done = perform(rig, ALLOW, deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)


@pytest.mark.parametrize(
    ("credential", "says", "reason"),
    [
        (Credential.WRONG_PASSWORD, "Failed to authenticate", Reason.AUTHENTICATION),
        (Credential.STANDARD, "Failed to authenticate", Reason.NOT_ADMIN),
        (Credential.ADMIN, "Code=17 pairing (17)", Reason.NOT_PAIRED),
        (Credential.ADMIN, "something nobody has seen", None),
    ],
)
def test_in_1tr_the_text_and_the_credential_give_the_reason(
    world: Any,
    rig: Rig,
    deadline: Deadline,
    screens: dict[str, str],
    credential: Credential,
    says: str,
    reason: Reason | None,
) -> None:
    recovery(world, screens, code=1, says=says)
    done = perform(rig, SetSecurity(allow=USER, as_=credential), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)


def test_a_signing_server_out_of_reach_is_the_benchs_preparation(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    recovery(world, screens, code=1, says="you are not connected to the Internet")
    with pytest.raises(NotPossible, match="PREP-11"):
        perform(rig, SetSecurity(allow=USER), deadline=deadline)


def test_a_mac_that_is_offline_by_its_profile_is_refused(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    rig.facts = replace(rig.facts, online=False)
    recovery(world, screens, code=1, says="you are not connected to the Internet")
    done = perform(rig, SetSecurity(allow=USER), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NETWORK)


def test_from_macos_the_password_goes_to_stdin_and_the_environment_is_wrong(
    world: Any, rig: Rig, deadline: Deadline
) -> None:
    world.shell_up, world.commands["bputil -k"] = True, (1, "", "Failed to create local policy")
    done = perform(rig, ALLOW, deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)
    assert b"admin\ncorrect-horse\n" in world.inputs
    assert not any("correct-horse" in line for line in world.log)


@pytest.mark.parametrize(
    ("system", "reason"),
    [("one true recoveryOS", Reason.NOT_OFFERED), ("fallback recoveryOS", Reason.WRONG_ENVIRONMENT)],
)
def test_full_and_an_allowance_exclude_each_other_where_allowing_is_possible_at_all(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], system: str, reason: Reason
) -> None:
    world.policy.os_type = system
    recovery(world, screens, code=1)
    assert perform(rig, SetSecurity(SecurityMode.FULL, USER), deadline=deadline).reason is reason


def test_nothing_asked_for_is_unchanged(rig: Rig, deadline: Deadline) -> None:
    assert perform(rig, SetSecurity(), deadline=deadline).outcome is Outcome.UNCHANGED


def test_without_a_second_macos_no_recovery_is_unpaired(rig: Rig, deadline: Deadline) -> None:
    with pytest.raises(NotPossible, match="mini has no second macOS"):
        perform(rig, SetSecurity(SecurityMode.REDUCED, paired=False), deadline=deadline)


def test_the_utility_of_another_recovery_is_not_taken_for_ours(world: Any, rig: Rig, deadline: Deadline) -> None:
    utility = SetSecurity(SecurityMode.REDUCED, using="startup-security-utility", paired=False)
    with pytest.raises(NotPossible, match="not implemented"):
        perform(rig, utility, deadline=deadline)
    assert world.log == []


def test_csrutil_of_a_mac_with_two_macos_is_not_asked(world: Any, rig: Rig, deadline: Deadline) -> None:
    rig.facts = replace(rig.facts, other_macos="Second HD")
    with pytest.raises(NotPossible, match="asks which macOS is meant"):
        perform(rig, SetSip(False), deadline=deadline)
    assert world.log == []


def test_csrutil_of_an_intel_mac_with_two_macos_asks_nothing(world: Any, intel: Rig, deadline: Deadline) -> None:
    world.shell_up, intel.facts = True, replace(intel.facts, other_macos="Second HD")
    world.commands["csrutil disable"] = (0, "", "csrutil: This tool needs to be executed from Recovery OS.")
    done = perform(intel, SetSip(False), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)
    assert intel.volume_group is None


def test_sip_in_1tr(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    def off() -> None:
        world.policy.sip, world.policy.mode = False, "Permissive"

    recovery(world, screens, change=off)
    assert perform(rig, SetSip(enabled=False), deadline=deadline).outcome is Outcome.CHANGED


def test_sip_from_macos_needs_recovery_whatever_the_exit_code(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    world.commands["csrutil disable"] = (0, "", "csrutil: This tool needs to be executed from Recovery OS.")
    done = perform(rig, SetSip(enabled=False), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)


@pytest.mark.parametrize(("report", "outcome"), [(b"exit 0\n", Outcome.CHANGED), (b"no\nexit 1\n", Outcome.REFUSED)])
def test_panic_medic_in_recovery(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str], report: bytes, outcome: Outcome
) -> None:
    world.screen, world.reports = screens["terminal"], [report]
    assert perform(rig, PanicMedic(), deadline=deadline).outcome is outcome


def test_panic_medic_from_macos_is_the_wrong_environment(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.commands["trigger-panic-medic"] = True, (1, "", "only in Recovery")
    assert perform(rig, PanicMedic(), deadline=deadline).reason is Reason.WRONG_ENVIRONMENT


def test_a_prompt_for_somebody_else_is_left_unanswered(
    world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    """csrutil of early 15.x asks for the owner's password, whoever stands before it."""
    rig.facts = replace(rig.facts, macos=Version(15, 1))
    recovery(world, screens, prompts=("Enter password for user admin: ",))
    with pytest.raises(NotPossible, match="student"):
        perform(rig, SetSip(enabled=False, as_=Credential.STANDARD), deadline=deadline)
    assert "press control+c" in world.log
    assert "type a secret" not in world.log
