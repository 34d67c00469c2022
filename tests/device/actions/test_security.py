"""Boot policy verbs: changed only if the policy reads otherwise, and refused for the first reason that applies."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Credential, KextManagement, Outcome, Reason, SecurityMode
from kextrel.vocabulary.actions import PanicMedic, SetSecurity, SetSip

USER = frozenset({KextManagement.USER})
ALLOW = SetSecurity(allow=USER)


def recovery(world: Any, screens: dict[str, str], *, code: int = 0, says: str = "", change: Any = None) -> None:
    """Recovery whose tool asks for a name and a password, does `change`, prints `says` and ends with `code`."""
    lines = iter(["Enter username: ", "Enter password: "])

    def word() -> str:
        return world.offered[-1].split("echo 'begin ")[1].split("'")[0]

    def key(pressed: str) -> None:
        if pressed.startswith("curl"):
            world.reports.append(world.policy.frames("a" * 32))
        elif pressed == "return" and "begin " not in world.screen:
            world.screen += f"\nbegin {word()}\n" + next(lines)
        elif pressed == "return":
            following = next(lines, None)
            if following is None:
                if change:
                    change()
                world.reports += [str(code).encode(), world.policy.frames("a" * 32)]
            world.screen += "\n" + (following or f"{says}\nend {word()}\n-bash-3.2# ")

    world.screen, world.on_key = screens["terminal"], key
    if world.policy.os_type == "macOS":
        world.policy.os_type = "one true recoveryOS"


def lower(world: Any) -> None:
    world.policy.mode, world.policy.kexts = "Reduced", True


def test_changed_is_what_the_policy_says(world: Any, rig: Rig, deadline: Deadline, screens: dict[str, str]) -> None:
    recovery(world, screens, change=lambda: lower(world))
    assert perform(rig, ALLOW, deadline=deadline).outcome is Outcome.CHANGED
    assert "\nbputil -k\n" in world.offered[0]
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
        (Credential.ADMIN, "you are not connected to the Internet", Reason.NETWORK),
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


def test_from_macos_the_password_goes_to_stdin_and_the_environment_is_wrong(
    world: Any, rig: Rig, deadline: Deadline
) -> None:
    world.shell_up, world.commands["bputil -k"] = True, (1, "", "Failed to create local policy")
    done = perform(rig, ALLOW, deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.WRONG_ENVIRONMENT)
    assert b"admin\ncorrect-horse\n" in world.inputs
    assert not any("correct-horse" in line for line in world.log)


def test_full_and_an_allowance_exclude_each_other(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.commands["bputil -f -k"] = True, (1, "", "options exclude each other")
    done = perform(rig, SetSecurity(SecurityMode.FULL, USER), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_OFFERED)


def test_nothing_asked_for_is_unchanged(rig: Rig, deadline: Deadline) -> None:
    assert perform(rig, SetSecurity(), deadline=deadline).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("action", [SetSecurity(using="startup-security-utility"), SetSecurity(paired=False)])
def test_what_is_not_built_is_said(rig: Rig, deadline: Deadline, action: SetSecurity) -> None:
    with pytest.raises(NotPossible, match="not implemented"):
        perform(rig, action, deadline=deadline)


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
