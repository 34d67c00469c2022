"""Kext verbs: what kmutil answered becomes an outcome, and exit 27 is looked into."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible, UnreadableAnswer, UsageError
from kextrel.timing import Deadline
from kextrel.vocabulary import Credential, Extension, ExtensionKind, Outcome, Reason
from kextrel.vocabulary.actions import Approve, Load, Rebuild, Unload

ID = "com.example.kextrel.driver"
NOT_APPROVED = (
    27,
    "",
    f'Error Domain=KMErrorDomain Code=27 "Extension with identifiers {ID} not approved to load. '
    'Please approve using System Settings."\n',
)
REBOOT = (28, "", f'Error Domain=KMErrorDomain Code=28 "Loading extension(s): {ID} requires a reboot"\n')
UNSIGNED = (
    29,
    "",
    'Error Domain=KMErrorDomain Code=29 "Authenticating extension failed: Bad code signature"\n',
)
PANE = "Privacy & Security\nSecurity\nAllow applications downloaded from\n"
BLOCKED = "System software from developer “Kextrel” was blocked from loading.\n"

SIGNED = f"Identifier={ID}\nAuthority=Developer ID Application: Kextrel (KXTRL00001)\nTeamIdentifier=KXTRL00001\n"


@pytest.fixture
def driven(world: Any, rig: Rig) -> Rig:
    rig.catalog.learn({"driver": Extension("driver", ExtensionKind.KEXT, ID)})
    world.shell_up, world.screen = True, "Finder File Edit View Go Window Help"
    world.commands["stat -f"] = "admin\n"
    world.commands["codesign"] = (0, "", SIGNED)
    return rig


def pane(world: Any, button: str) -> None:
    world.commands["open "] = lambda: setattr(world, "screen", PANE + BLOCKED + button) or ""


@pytest.mark.parametrize("code", [126, 127, 137])
def test_a_tool_that_was_killed_or_is_not_there_refused_nothing(
    world: Any, driven: Rig, deadline: Deadline, code: int
) -> None:
    world.commands["kmutil load"] = (code, "", "sh: kmutil: not found")
    with pytest.raises(UnreadableAnswer):
        perform(driven, Load("driver"), deadline=deadline)


def test_a_rebuild_that_wants_a_person_cannot_be_asked_of_this_mac(world: Any, driven: Rig, deadline: Deadline) -> None:
    """The exit code is kmutil's own: seen on 15.7.3."""
    said = 'com.apple.LocalAuthentication Code=-6 "Biometry is not available on this device"'
    world.commands["kmutil rebuild"] = (250, "", said)
    with pytest.raises(NotPossible, match="asks for a person"):
        perform(driven, Rebuild(), deadline=deadline)


@pytest.mark.parametrize(
    ("tool", "answer"),
    [
        ("showloaded", (1, "", "the kernel does not answer")),
        ("showloaded", (0, "garbage on the wire\n", "")),
    ],
)
def test_a_list_that_cannot_be_read_is_not_an_empty_one(
    world: Any, driven: Rig, deadline: Deadline, tool: str, answer: Any
) -> None:
    world.commands[tool] = answer
    with pytest.raises(UnreadableAnswer):
        perform(driven, Load("driver"), deadline=deadline)


def test_a_longer_identifier_is_another_kext(world: Any, driven: Rig, deadline: Deadline) -> None:
    world.commands["showloaded"] = f"  200    0 0xfffffe0007a46000 0x4000 0x4000 {ID}.other (1.0) UUID <1>\n"
    assert perform(driven, Load("driver"), deadline=deadline).outcome is Outcome.REFUSED


@pytest.mark.parametrize("tool", ["test -e", "kern.safeboot", "stat -f"])
def test_a_question_that_fails_is_no_answer(world: Any, driven: Rig, deadline: Deadline, tool: str) -> None:
    world.commands |= {"kmutil load": NOT_APPROVED, tool: (137, "", "")}
    with pytest.raises(UnreadableAnswer):
        perform(driven, Load("driver"), deadline=deadline)


def test_exit_27_under_a_policy_that_nobody_can_read_is_not_known(
    world: Any, driven: Rig, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.commands |= {"kmutil load": NOT_APPROVED}
    monkeypatch.setattr(type(world.policy), "_bputil", lambda _: "bputil: an error nobody has seen\n")
    driven.wires = replace(driven.wires, screen=None)
    with pytest.raises(NotPossible, match="exit 27"):
        perform(driven, Load("driver"), deadline=deadline)


@pytest.mark.parametrize("report", [b"", b"27", b"0", b"kmut"])
def test_a_load_in_recovery_is_judged_by_an_exit_code_only(
    world: Any, driven: Rig, deadline: Deadline, screens: dict[str, str], report: bytes
) -> None:
    world.shell_up, world.screen, world.reports = False, screens["terminal"], [report]
    if report.isdigit():
        wanted = Outcome.LOADED if report == b"0" else Outcome.REFUSED
        assert perform(driven, Load("driver"), deadline=deadline).outcome is wanted
    else:
        with pytest.raises(UnreadableAnswer):
            perform(driven, Load("driver"), deadline=deadline)


def test_loaded_is_what_the_kernel_lists(world: Any, driven: Rig, deadline: Deadline) -> None:
    world.commands["showloaded"] = f"  200    0 0xfffffe0007a46000 0x4000 0x4000 {ID} (1.0) UUID <1>\n"
    assert perform(driven, Load("driver"), deadline=deadline).outcome is Outcome.LOADED
    assert not any("kmutil load" in command for command in world.repeatable)
    assert any("showloaded" in command for command in world.repeatable)


def test_exit_0_without_a_listing_is_not_loaded(world: Any, driven: Rig, deadline: Deadline) -> None:
    done = perform(driven, Load("driver"), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, None)
    assert "does not list" in done.note


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [(REBOOT, Outcome.RESTART_REQUIRED, None), (UNSIGNED, Outcome.REFUSED, Reason.SIGNATURE)],
)
def test_exit_codes_become_outcomes(
    world: Any, driven: Rig, deadline: Deadline, answer: Any, outcome: Outcome, reason: Reason | None
) -> None:
    world.commands["kmutil load"] = answer
    done = perform(driven, Load("driver"), deadline=deadline)
    assert (done.outcome, done.reason) == (outcome, reason)


UNBOUND = (
    "Failed to bind '_sflt_attach' in '{}' (at offset 0x0 in __DATA) as could not find a kext which exports this symbol"
)
UNRESOLVED = "Unable to resolve dependencies: '{}' names a dependency on '{}', which was not found."


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param((31, "", UNBOUND.format(ID)), Reason.UNSUPPORTED_KPI, id="symbol"),
        pytest.param((31, "", UNBOUND.format("com.example.other")), None, id="symbol-of-another"),
        pytest.param(
            (71, "", UNRESOLVED.format(ID, "com.apple.iokit.IOUSBFamily")), Reason.UNSUPPORTED_KPI, id="apples-library"
        ),
        pytest.param((71, "", UNRESOLVED.format(ID, "com.example.library")), None, id="library-of-others"),
    ],
)
def test_a_kext_that_cannot_be_linked_uses_what_macos_has_not(
    world: Any, driven: Rig, deadline: Deadline, said: tuple[int, str, str], reason: Reason | None
) -> None:
    world.commands["kmutil load"] = said
    done = perform(driven, Load("driver"), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)


def test_27_with_allow_waits_for_its_approval(world: Any, driven: Rig, deadline: Deadline) -> None:
    world.commands["kmutil load"] = NOT_APPROVED
    pane(world, "Allow\n")
    assert perform(driven, Load("driver"), deadline=deadline).outcome is Outcome.APPROVAL_REQUIRED
    assert any("osascript" in line for line in world.log)


@pytest.mark.parametrize(("mode", "reason"), [("Full", Reason.SECURITY_MODE), ("Reduced", Reason.KEXTS_NOT_ALLOWED)])
def test_27_that_sends_to_recovery_is_refused_by_the_policy(
    world: Any, driven: Rig, deadline: Deadline, mode: str, reason: Reason
) -> None:
    world.commands["kmutil load"], world.policy.mode = NOT_APPROVED, mode
    pane(world, "Enable System Extensions…\n")
    done = perform(driven, Load("driver"), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)


def test_allow_under_full_is_told_as_it_is_seen(world: Any, driven: Rig, deadline: Deadline) -> None:
    """A Mac that breaks the rule must not be read as one that keeps it."""
    world.commands["kmutil load"], world.policy.mode = NOT_APPROVED, "Full"
    pane(world, "Allow\n")
    assert perform(driven, Load("driver"), deadline=deadline).outcome is Outcome.APPROVAL_REQUIRED


def test_27_without_a_screen_is_told_by_the_policy_and_says_so(world: Any, driven: Rig, deadline: Deadline) -> None:
    world.commands["kmutil load"], world.policy.mode = NOT_APPROVED, "Full"
    driven.wires = replace(driven.wires, screen=None)
    done = perform(driven, Load("driver"), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.SECURITY_MODE)
    assert "policy alone" in done.note


def test_a_kext_that_is_not_there_is_not_installed(world: Any, driven: Rig, deadline: Deadline) -> None:
    world.commands |= {"kmutil load": NOT_APPROVED, "test -e": (1, "", "")}
    assert perform(driven, Load("driver"), deadline=deadline).reason is Reason.NOT_INSTALLED


def test_safe_mode_is_the_wrong_environment(world: Any, driven: Rig, deadline: Deadline) -> None:
    world.commands |= {"kmutil load": NOT_APPROVED, "kern.safeboot": "1\n"}
    assert perform(driven, Load("driver"), deadline=deadline).reason is Reason.WRONG_ENVIRONMENT


def test_a_load_in_recovery_is_the_wrong_environment(
    world: Any, driven: Rig, deadline: Deadline, screens: dict[str, str]
) -> None:
    world.shell_up, world.screen, world.reports = False, screens["terminal"], [b"71\n"]
    assert perform(driven, Load("driver"), deadline=deadline).reason is Reason.WRONG_ENVIRONMENT


def test_unload_is_what_is_no_longer_listed(world: Any, driven: Rig, deadline: Deadline) -> None:
    assert perform(driven, Unload("driver"), deadline=deadline).outcome is Outcome.UNLOADED
    world.commands["kmutil unload"] = (3, "", "not loaded")
    assert perform(driven, Unload("driver"), deadline=deadline).reason is Reason.NOT_INSTALLED


@pytest.mark.parametrize(
    ("button", "reason"),
    [("", Reason.APPROVAL_FORBIDDEN), ("Enable System Extensions…\n", Reason.NOT_OFFERED)],
)
def test_what_is_not_offered_is_not_approved(
    world: Any, driven: Rig, deadline: Deadline, button: str, reason: Reason
) -> None:
    pane(world, button)
    done = perform(driven, Approve("driver"), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)
    assert "type a secret" not in world.log


def test_a_kext_that_is_gone_is_not_approved_though_settings_offers_it(
    world: Any, driven: Rig, deadline: Deadline
) -> None:
    settings(world, takes=True)
    world.commands["test -e"] = (1, "", "")
    assert perform(driven, Approve("driver"), deadline=deadline).reason is Reason.NOT_INSTALLED
    assert world.policy.approved == ()


def test_the_button_of_one_of_several_developers_is_not_pressed_blindly(
    world: Any, driven: Rig, deadline: Deadline
) -> None:
    settings(world, takes=True)
    pane(world, 'Allow\nSystem software from developer "Other" was blocked from loading.  Allow\n')
    world.commands["codesign"] = (0, "", SIGNED.replace("Kextrel (", "Kextrol ("))
    with pytest.raises(NotPossible, match=r"Kextrel.*Other.*which row is ours, of Kextrol or Unidentified - com"):
        perform(driven, Approve("driver"), deadline=deadline)
    assert world.policy.approved == ()


def test_the_only_button_is_not_pressed_where_it_is_a_strangers(world: Any, driven: Rig, deadline: Deadline) -> None:
    settings(world, takes=True)
    world.commands["codesign"] = (0, "", SIGNED.replace("Kextrel (", "Somebody else ("))
    done = perform(driven, Approve("driver"), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_OFFERED)
    assert "Settings says System software from developer “Kextrel”" in done.note
    assert (world.policy.approved, "press space" in world.log) == ((), False)


def test_a_programme_clicks_no_first_button_of_several(world: Any, driven: Rig, deadline: Deadline) -> None:
    settings(world, takes=True)
    pane(world, 'Allow\nSystem software from developer "Other" was blocked from loading.  Allow\n')
    with pytest.raises(NotPossible, match="several developers"):
        perform(driven, Approve("driver", input="synthetic"), deadline=deadline)


def settings(world: Any, *, takes: bool) -> None:
    """Three Tabs, Space, the sheet; Return is taken or not."""
    pane(world, "Allow\n")

    def key(pressed: str) -> None:
        if pressed == "space":
            world.screen = PANE + "Enter your password to allow this.\nLab Admin\n"
        elif pressed == "return" and takes:
            world.screen, world.policy.approved = PANE + "A restart is required before new system extensions", (ID,)
        elif pressed == "qyxz":
            world.screen = world.screen.replace("Lab Admin", pressed)
        elif pressed == "escape":
            world.screen = PANE

    world.on_key = key


def test_approved_is_what_kext_policy_says(world: Any, driven: Rig, deadline: Deadline) -> None:
    settings(world, takes=True)
    assert perform(driven, Approve("driver"), deadline=deadline).outcome is Outcome.APPROVED


def test_a_standard_user_is_not_an_administrator(world: Any, driven: Rig, deadline: Deadline) -> None:
    settings(world, takes=False)
    done = perform(driven, Approve("driver", Credential.STANDARD), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_ADMIN)


def test_an_unknown_name_names_the_nearest(driven: Rig, deadline: Deadline) -> None:
    with pytest.raises(UsageError, match="did you mean 'driver'"):
        perform(driven, Load("drver"), deadline=deadline)
