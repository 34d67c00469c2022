"""Startup Security Utility: what the policy reads decides, whatever keys were pressed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from kextrel.device.actions import perform
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Credential, KextManagement, Outcome, Reason, SecurityMode
from kextrel.vocabulary.actions import SetSecurity, SetSip

UTILITY = "startup-security-utility"
USER, REMOTE = frozenset({KextManagement.USER}), frozenset({KextManagement.REMOTE})
BAR = "Recovery  File  Edit  Utilities  Window\n"
VERIFY = BAR + "macOS needs to verify a user to continue\nEnter macOS Password…\n"
PICKER = BAR + "Select a user you know the password for.\nLab Owner    Lab Admin\n"
FIELD = BAR + "Enter the password for the user “Lab Admin”.\n"
WRONG = FIELD + "The password you entered is incorrect.\n"
LEVELS = (
    BAR + "Startup Security Utility\nSecure Boot\nFull Security\nMedium Security\nNo Security\nAllowed Boot Media\n"
    "Disallow booting from external or removable media\nAllow booting from external or removable media\n"
)
VOLUMES = BAR + "Startup Security Utility\nMacintosh HD\nSecurity Policy…\n"
SHEET = (
    VOLUMES + "Security Policy\nFull Security\nReduced Security\n"
    "Allow user management of kernel extensions from identified developers\n"
    "Allow remote management of kernel extensions and automatic software updates\nCancel  OK\n"
)


class Utility:
    """A Mac in recovery, its Terminal open, whose utility does as the field notes say.

    `lost` are presses of arrows that never arrive; `stored` is called with the policy when it is written.
    """

    def __init__(self, world: Any, screens: dict[str, str], *, password: str = "correct-horse") -> None:
        self.world, self.screens, self.password = world, screens, password
        self.typed, self.at, self.user, self.lost, self.opened = "", 0, 0, 0, 0
        self.boxes: list[bool] = []
        self.focus = -1
        world.screen, world.on_key = screens["terminal"], self.key

    @property
    def policy(self) -> Any:
        return self.world.policy

    def key(self, pressed: str) -> None:
        if pressed.startswith("curl"):
            self.report()
        elif pressed == "return" and self.world.screen.startswith("Terminal"):
            self.world.screen = self.screens["terminal"]
        elif pressed == "command+q":
            self.world.screen = self.screens["main"]
        elif pressed == "command+shift+t" and self.world.screen == self.screens["main"]:
            self.world.screen = self.screens["terminal"]
        elif pressed == "escape":
            self.world.screen = self.screens["main"]
        elif pressed in ("up", "down") and self.lost and self.world.screen in (LEVELS, SHEET):
            self.lost -= 1
        else:
            self.press(pressed)

    def report(self) -> None:
        token = re.search(r"observe ([0-9a-f]{32}) ", self.world.offered[-1])
        assert token is not None
        self.world.reports.append(self.policy.frames(token[1]))

    def press(self, pressed: str) -> None:
        here = self.world.screen
        if here == self.screens["main"] and pressed == "down":
            self.world.screen = here + "Startup Security Utility\nTerminal\n"
        elif here.endswith("Utility\nTerminal\n") and pressed == "return":
            self.opened += 1
            self.world.screen = VERIFY if self.policy.intel else VOLUMES
        elif here == VERIFY and pressed == "return":
            self.world.screen, self.user = PICKER, 0
        elif here == PICKER:
            self.user += pressed == "right"
            self.world.screen = FIELD if pressed == "return" and self.user == 1 else here
        elif here in (FIELD, WRONG) and pressed == "return":
            self.verified() if self.typed == self.password else self.refused()
        elif here in (FIELD, WRONG):
            self.typed = pressed
        elif here == LEVELS and pressed in ("up", "down"):
            self.at = int(self.policy.level[1:]) + (1 if pressed == "up" else -1)
            self.policy.level = f"%0{self.at}"
        elif here == VOLUMES and pressed == "return":
            self.world.screen, self.focus = SHEET, -1
            self.at = ("Full", "Reduced").index(self.policy.mode)
            self.boxes = [self.policy.kexts and self.at == 1, False]
        elif here == SHEET:
            self.on_sheet(pressed)

    def on_sheet(self, pressed: str) -> None:
        if pressed in ("up", "down"):
            self.at += 1 if pressed == "down" else -1
        elif pressed == "tab":
            self.focus += 1
        elif pressed == "space":
            self.boxes[self.focus] = not self.boxes[self.focus]
        elif pressed == "return":
            self.world.screen = FIELD

    def refused(self) -> None:
        self.world.screen = WRONG

    def verified(self) -> None:
        if self.policy.intel:
            self.world.screen = LEVELS
            return
        self.policy.mode, self.policy.kexts = ("Full", "Reduced")[self.at], self.boxes[0] and self.at == 1
        self.world.screen = VOLUMES


@pytest.fixture
def on_t2(world: Any, t2: Rig, screens: dict[str, str]) -> Utility:
    world.policy.recovery = True
    return Utility(world, screens)


@pytest.fixture
def in_1tr(world: Any, rig: Rig, screens: dict[str, str]) -> Utility:
    world.policy.os_type = "one true recoveryOS"
    return Utility(world, screens)


def choose(rig: Rig, deadline: Deadline, *args: Any, **more: Any) -> Any:
    return perform(rig, SetSecurity(*args, using=UTILITY, **more), deadline=deadline)


@pytest.mark.parametrize(
    ("before", "mode", "after", "outcome"),
    [
        ("%02", SecurityMode.MEDIUM, "%01", Outcome.CHANGED),
        ("%02", SecurityMode.NONE, "%00", Outcome.CHANGED),
        ("%00", SecurityMode.FULL, "%02", Outcome.CHANGED),
        ("%01", SecurityMode.MEDIUM, "%01", Outcome.UNCHANGED),
    ],
)
def test_a_t2s_level_is_chosen_by_arrows_from_the_one_that_is(
    world: Any, t2: Rig, deadline: Deadline, on_t2: Utility, before: str, mode: Any, after: str, outcome: Outcome
) -> None:
    world.policy.level = before
    assert choose(t2, deadline, mode).outcome is outcome
    assert world.policy.level == after
    assert world.log.count("type a secret") == 1


def test_a_lost_arrow_is_made_up_for(world: Any, t2: Rig, deadline: Deadline, on_t2: Utility) -> None:
    on_t2.lost = 1
    assert choose(t2, deadline, SecurityMode.NONE).outcome is Outcome.CHANGED
    assert (world.policy.level, on_t2.opened) == ("%00", 2)


def test_arrows_that_never_arrive_are_the_keyboards_failure(
    world: Any, t2: Rig, deadline: Deadline, on_t2: Utility
) -> None:
    on_t2.lost = 99
    with pytest.raises(BenchError, match="Startup Security Utility") as failed:
        choose(t2, deadline, SecurityMode.NONE)
    assert failed.value.wire == "mini.keyboard"


@pytest.mark.parametrize(
    ("as_", "reason"),
    [(Credential.STANDARD, Reason.NOT_ADMIN), (Credential.WRONG_PASSWORD, Reason.AUTHENTICATION)],
)
def test_who_may_not_change_a_t2s_level(
    world: Any, t2: Rig, deadline: Deadline, on_t2: Utility, as_: Credential, reason: Reason
) -> None:
    done = choose(t2, deadline, SecurityMode.NONE, as_=as_)
    assert (done.outcome, done.reason, world.policy.level) == (Outcome.REFUSED, reason, "%02")
    assert world.private == 0


def test_what_a_t2_does_not_offer(t2: Rig, deadline: Deadline, on_t2: Utility) -> None:
    assert choose(t2, deadline, SecurityMode.REDUCED).reason is Reason.NOT_OFFERED
    assert choose(t2, deadline, SecurityMode.MEDIUM, USER).reason is Reason.NOT_OFFERED


def test_the_utility_is_in_recovery_only(world: Any, t2: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    assert choose(t2, deadline, SecurityMode.MEDIUM).reason is Reason.WRONG_ENVIRONMENT
    assert not any(line.startswith("press") for line in world.log)


@pytest.mark.parametrize("using", [UTILITY, "bputil"])
def test_no_intel_mac_without_a_t2_has_a_security_mode(world: Any, intel: Rig, deadline: Deadline, using: Any) -> None:
    world.shell_up = True
    done = perform(intel, SetSecurity(SecurityMode.FULL, using=using), deadline=deadline)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.UNSUPPORTED_HARDWARE)
    assert world.log == []


def test_no_intel_mac_has_bputil(world: Any, t2: Rig, deadline: Deadline) -> None:
    assert perform(t2, SetSecurity(SecurityMode.FULL), deadline=deadline).reason is Reason.UNSUPPORTED_HARDWARE
    assert world.log == []


def test_apple_silicons_boxes_are_ticked_under_reduced(
    world: Any, rig: Rig, deadline: Deadline, in_1tr: Utility
) -> None:
    assert choose(rig, deadline, SecurityMode.REDUCED, USER).outcome is Outcome.CHANGED
    assert (world.policy.mode, world.policy.kexts) == ("Reduced", True)
    assert in_1tr.boxes == [True, False]


def test_a_box_that_is_ticked_is_left_alone(world: Any, rig: Rig, deadline: Deadline, in_1tr: Utility) -> None:
    world.policy.mode, world.policy.kexts = "Reduced", True
    assert choose(rig, deadline, None, USER).outcome is Outcome.UNCHANGED
    assert "press space" not in world.log


def test_a_box_that_is_not_asked_for_is_taken_away(world: Any, rig: Rig, deadline: Deadline, in_1tr: Utility) -> None:
    world.policy.mode, world.policy.kexts = "Reduced", True
    assert choose(rig, deadline, SecurityMode.REDUCED).outcome is Outcome.CHANGED
    assert (world.policy.mode, world.policy.kexts) == ("Reduced", False)


def test_an_allowance_alone_turns_full_into_reduced(world: Any, rig: Rig, deadline: Deadline, in_1tr: Utility) -> None:
    assert choose(rig, deadline, None, USER).outcome is Outcome.CHANGED
    assert (world.policy.mode, world.policy.kexts) == ("Reduced", True)


def test_permissive_is_not_on_the_sheet(world: Any, rig: Rig, deadline: Deadline, in_1tr: Utility) -> None:
    done = choose(rig, deadline, SecurityMode.PERMISSIVE)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_OFFERED)
    assert world.log.count("type a secret") == 0
    assert in_1tr.opened == 1


def test_full_and_an_allowance_exclude_each_other(rig: Rig, deadline: Deadline, in_1tr: Utility) -> None:
    assert choose(rig, deadline, SecurityMode.FULL, USER).reason is Reason.NOT_OFFERED


@pytest.mark.parametrize(
    ("as_", "reason"),
    [(Credential.STANDARD, Reason.NOT_ADMIN), (Credential.WRONG_PASSWORD, Reason.AUTHENTICATION)],
)
def test_who_may_not_lower_apple_silicon(
    world: Any, rig: Rig, deadline: Deadline, in_1tr: Utility, as_: Credential, reason: Reason
) -> None:
    done = choose(rig, deadline, SecurityMode.REDUCED, USER, as_=as_)
    assert (done.outcome, done.reason, world.policy.mode) == (Outcome.REFUSED, reason, "Full")


def test_a_refusal_outside_1tr_is_that_of_the_environment(
    world: Any, rig: Rig, deadline: Deadline, in_1tr: Utility, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.policy.os_type = "fallback recoveryOS"
    monkeypatch.setattr(in_1tr, "verified", lambda: setattr(world, "screen", VOLUMES))
    assert choose(rig, deadline, SecurityMode.REDUCED, USER).reason is Reason.WRONG_ENVIRONMENT


def csrutil(world: Any, screens: dict[str, str], says: str, change: Callable[[], None]) -> None:
    """Recovery of an Intel Mac, whose csrutil asks nothing."""
    helper = Utility(world, screens)
    world.policy.recovery = True

    def key(pressed: str) -> None:
        if pressed.startswith("curl"):
            helper.report()
        elif pressed == "return" and "echo 'begin " in world.offered[-1]:
            word = world.offered[-1].split("echo 'begin ")[1].split("'")[0]
            change()
            world.reports.append(b"0")
            helper.report()
            world.screen += f"\nbegin {word}\n{says}\nend {word}\n-bash-3.2# "

    world.on_key = key


@pytest.mark.parametrize(
    ("before", "enabled", "after", "outcome"),
    [
        ("", False, "%7f%08%00%00", Outcome.CHANGED),
        ("%7f%08%00%00", True, "", Outcome.CHANGED),
        ("", True, "", Outcome.UNCHANGED),
    ],
)
def test_sip_of_an_intel_mac_is_the_word_in_nvram(
    world: Any,
    intel: Rig,
    deadline: Deadline,
    screens: dict[str, str],
    before: str,
    enabled: bool,
    after: str,
    outcome: Any,
) -> None:
    world.policy.word = before
    csrutil(world, screens, "Please restart the machine.", lambda: setattr(world.policy, "word", after))
    assert perform(intel, SetSip(enabled), deadline=deadline).outcome is outcome
    assert "type a secret" not in world.log


def test_sip_of_an_intel_mac_cannot_be_set_from_macos(world: Any, t2: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    world.commands["csrutil disable"] = (1, "", "csrutil: This tool needs to be executed from Recovery OS.")
    assert perform(t2, SetSip(enabled=False), deadline=deadline).reason is Reason.WRONG_ENVIRONMENT


def test_a_level_that_cannot_be_read_cannot_be_chosen(world: Any, t2: Rig, deadline: Deadline, on_t2: Utility) -> None:
    world.policy.level = ""
    with pytest.raises(NotPossible, match="could not be read"):
        choose(t2, deadline, SecurityMode.MEDIUM)
