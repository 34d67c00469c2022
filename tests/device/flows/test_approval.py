"""The approval in Settings: what is offered, and no key without its screen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.flows import approval
from kextrel.device.flows.approval import Offer
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Version

PANE = "System Settings  File  Edit\nPrivacy & Security\nSecurity\nAllow applications downloaded from\nApp Store\n"
BLOCKED = "System software from developer “Kextrel” was blocked from loading.\n"
SHEET = (
    "Privacy & Security is trying to modify your system settings.\nEnter your password to allow this.\nLab Admin\n"
    "Cancel  Modify Settings\n"
)
RESTART = "A restart is required before new system extensions can be used.\nNot Now  Restart\n"


def desk(world: Any, pane: str) -> None:
    """Somebody is logged in, and `open` brings the pane."""
    world.shell_up, world.screen = True, "Finder File Edit View Go Window Help"
    world.commands |= {"stat -f": "admin\n", "open ": lambda: setattr(world, "screen", pane) or ""}
    world.commands["osascript"] = lambda: setattr(world, "screen", "Finder File Edit View Go Window Help") or ""


@pytest.mark.parametrize(
    ("pane", "offer"),
    [
        (PANE, Offer.NOTHING),
        (PANE + BLOCKED, Offer.NO_BUTTON),
        (PANE + BLOCKED + "Allow\n", Offer.ALLOW),
        (PANE + BLOCKED.strip() + "     A11ow\n", Offer.ALLOW),
        (PANE + BLOCKED + "Enable System Extensions…\n", Offer.ENABLE),
    ],
)
def test_what_the_pane_offers_is_read(world: Any, rig: Rig, deadline: Deadline, pane: str, offer: Offer) -> None:
    desk(world, pane)
    assert approval.look(rig, deadline=deadline) is offer


def test_a_dialogue_is_dismissed_first(world: Any, rig: Rig, deadline: Deadline) -> None:
    desk(world, PANE)
    world.screen = "System Extension Blocked\nOpen System Settings  OK"
    world.on_key = lambda key: key == "escape" and setattr(world, "screen", "Finder File Edit View Go Window Help")
    assert approval.look(rig, deadline=deadline) is Offer.NOTHING
    assert world.log.index("press escape") < next(n for n, line in enumerate(world.log) if line.startswith("run open"))


def reacting(world: Any, *, right_password: str, came: str = "qyxz") -> None:
    """Settings as the field notes have it: three Tabs, Space, the sheet, the request for a restart. `came` is what
    becomes of letters in the field for the name."""
    state = {"tabs": 0, "typed": ""}

    def key(pressed: str) -> None:
        if pressed == "tab":
            state["tabs"] += 1
        elif pressed == "space" and state["tabs"] == 3:
            world.screen = PANE + SHEET
        elif pressed == "return" and "Enter your password" in world.screen:
            world.screen = PANE + RESTART if state["typed"] == right_password else world.screen
        elif pressed == "escape":
            world.screen = PANE
        elif pressed == "qyxz":
            world.screen = world.screen.replace("Lab Admin", came)
        else:
            state["typed"] = pressed

    world.shell_up, world.screen, world.on_key = True, PANE + BLOCKED + "Allow\n", key


def test_an_administrator_is_taken(world: Any, rig: Rig, deadline: Deadline) -> None:
    reacting(world, right_password="correct-horse")
    assert approval.approve(rig, rig.accounts.admin, deadline=deadline) is True
    assert world.log == ["press tab"] * 3 + ["press space", "type a secret", "press return", "press escape"]


def test_another_user_is_typed_over_the_prefilled_one(world: Any, rig: Rig, deadline: Deadline) -> None:
    reacting(world, right_password="correct-horse")
    assert rig.accounts.standard is not None
    assert approval.approve(rig, rig.accounts.standard, deadline=deadline) is False
    assert world.log[4:7] == ["press shift+tab", "type student", "press tab"]
    assert world.log.count("type a secret") == 2
    assert world.screen == PANE


OLD = "Security & Privacy\nAllow apps downloaded from:\n"
OPEN = "Click the lock to prevent further changes.\n"
TWO = [f"System software from developer “{name}” was blocked from loading.\nAllow\n" for name in ("Maker A", "Maker B")]


def test_before_collections_the_row_that_goes_is_the_proof(world: Any, rig: Rig, deadline: Deadline) -> None:
    """Unlocked; of two developers the second one's Allow is one Tab further, and no restart is asked for."""
    rig.facts = replace(rig.facts, macos=Version(10, 14, 6))
    world.shell_up, world.screen = True, OLD + OPEN + "".join(TWO)
    world.on_key = lambda key: key == "space" and setattr(world, "screen", OLD + OPEN + TWO[0])
    assert approval.ours(rig, ["Maker B", "Unidentified - b"], deadline=deadline) == "Maker B"
    assert approval.approve(rig, rig.accounts.admin, "Maker B", deadline=deadline) is True
    assert world.log == ["press tab"] * 4 + ["press space"]


def sentence(name: str) -> str:
    return f"System software from developer “{name}” was blocked from loading.\nAllow\n"


@pytest.mark.parametrize(
    ("rows", "ours"),
    [
        (sentence("Kextrel Labs Inc."), "Kextrel Labs Inc."),
        (sentence("Kextre1 Labs lnc"), "Kextrel Labs Inc."),
        (sentence("Kextrel Lobs Inc."), "Kextrel Labs Inc."),
        (sentence("Unidentified - driver"), "Unidentified - driver"),
        (sentence("Other People GmbH") + sentence("Kextrel Labs Inc."), "Kextrel Labs Inc."),
        (sentence("Other People GmbH"), ""),
        (sentence("Other People GmbH") + sentence("Strangers"), ""),
    ],
)
def test_only_our_developers_row_is_ours(world: Any, rig: Rig, deadline: Deadline, rows: str, ours: str) -> None:
    desk(world, PANE)
    world.screen = PANE + rows
    assert approval.ours(rig, ["Kextrel Labs Inc.", "Unidentified - driver"], deadline=deadline) == ours


@pytest.mark.parametrize(
    "rows",
    [
        sentence("Kextrel Laps lmc"),
        sentence("Kextrel Lobs Inc.") + sentence("Other People GmbH"),
        "Syslem soflware from developer “Kextrel Labs Inc.” was blocked from loading.\nAllow\n",
        sentence("Kextrel Labs Inc.") + "Some of it was blocked from loading.\nAllow\n",
        "System software from developer “Kextrel Labs Inc.” wos blocked from loading.\nAllow\n",
    ],
)
def test_what_may_be_ours_and_may_be_anothers_is_not_pressed(
    world: Any, rig: Rig, deadline: Deadline, rows: str
) -> None:
    desk(world, PANE)
    world.screen = PANE + rows
    with pytest.raises(NotPossible, match=r"Settings says .*blocked from loading.*cannot be told which row is ours"):
        approval.ours(rig, ["Kextrel Labs Inc.", "Unidentified - driver"], deadline=deadline)


def test_a_row_that_went_meanwhile_is_not_taken_for_another(world: Any, rig: Rig, deadline: Deadline) -> None:
    desk(world, PANE)
    world.screen = PANE + "".join(TWO)
    with pytest.raises(NotPossible, match="by now: it cannot be told which row is Maker C's"):
        approval.approve(rig, rig.accounts.admin, "Maker C", deadline=deadline)
    assert world.log == []


@pytest.mark.parametrize(("after", "came"), [(TWO[0], False), ("", True)])
def test_a_click_of_a_programme_is_looked_at_for_its_effect(
    world: Any, rig: Rig, deadline: Deadline, after: str, came: bool
) -> None:
    rig.facts = replace(rig.facts, macos=Version(10, 14, 6))
    world.shell_up, world.screen = True, OLD + OPEN + TWO[0]
    world.commands["osascript"] = lambda: setattr(world, "screen", OLD + OPEN + after) or ""
    assert approval.approve_by_script(rig, rig.accounts.admin, deadline=deadline) is came


def test_where_programmes_may_not_click_nothing_was_tried(world: Any, rig: Rig, deadline: Deadline) -> None:
    world.shell_up, world.screen = True, PANE + BLOCKED + "Allow\n"
    world.commands["osascript"] = (1, "", "osascript is not allowed assistive access. (-25211)")
    with pytest.raises(NotPossible, match="Accessibility"):
        approval.approve_by_script(rig, rig.accounts.admin, deadline=deadline)


def test_a_key_lost_in_the_password_is_no_refusal(world: Any, rig: Rig, deadline: Deadline) -> None:
    reacting(world, right_password="correct-horse")
    inner, typed = world.on_key, []

    def key(pressed: str) -> None:
        typed.append(pressed)
        inner("correct-hrse" if typed.count("correct-horse") == 1 and pressed == "correct-horse" else pressed)

    world.on_key = key
    assert approval.approve(rig, rig.accounts.admin, deadline=deadline) is True
    assert world.log.count("type a secret") == 2


def test_nothing_is_kept_of_the_sheet_until_it_is_gone(world: Any, rig: Rig, deadline: Deadline) -> None:
    """A password that was typed into the wrong field can be read there."""
    reacting(world, right_password="another")
    inner, seen = world.on_key, []

    def key(pressed: str) -> None:
        seen.append((pressed, world.private))
        inner(pressed)

    world.on_key = key
    assert approval.approve(rig, rig.accounts.admin, deadline=deadline) is False
    assert seen[-1] == ("escape", 1)
    assert world.private == 0


def test_a_picture_of_settings_from_before_is_not_believed(world: Any, rig: Rig, deadline: Deadline) -> None:
    """A frozen screen: Settings was closed, and it is still there."""
    desk(world, PANE)
    world.screen = PANE + BLOCKED + "Allow\n"
    del world.commands["osascript"]
    with pytest.raises(BenchError, match="frozen") as failed:
        approval.look(rig, deadline=deadline)
    assert failed.value.wire == "mini.screen"


def test_a_pane_that_is_drawn_piece_by_piece_is_waited_for(world: Any, rig: Rig, deadline: Deadline) -> None:
    desk(world, PANE)
    pieces = iter([PANE + BLOCKED, PANE + BLOCKED + "Allow\n"])
    world.on_look = lambda: setattr(world, "screen", next(pieces, world.screen))
    assert approval.look(rig, deadline=deadline) is Offer.ALLOW


def test_a_dialogue_that_comes_late_is_dismissed(world: Any, rig: Rig, deadline: Deadline) -> None:
    desk(world, PANE + "System Extension Blocked\nOpen System Settings  OK\n")
    world.on_key = lambda key: key == "escape" and setattr(world, "screen", PANE + BLOCKED + "Allow\n")
    assert approval.look(rig, deadline=deadline) is Offer.ALLOW


def test_no_keyboard_navigation_is_the_macs_preparation(world: Any, rig: Rig, deadline: Deadline) -> None:
    desk(world, PANE + BLOCKED + "Allow\n")
    world.commands["defaults read"] = "0\n"
    world.screen = PANE
    with pytest.raises(NotPossible, match="PREP-07"):
        approval.approve(rig, rig.accounts.admin, deadline=deadline)
    assert "type a secret" not in world.log


def test_with_it_the_keyboard_is_to_blame(world: Any, rig: Rig, deadline: Deadline) -> None:
    desk(world, PANE + BLOCKED + "Allow\n")
    world.commands["defaults read"] = "3\n"
    world.screen = PANE
    with pytest.raises(BenchError) as failed:
        approval.approve(rig, rig.accounts.admin, deadline=deadline)
    assert failed.value.wire == "mini.keyboard"


def test_a_screen_that_is_dark_while_macos_runs_is_blamed(world: Any, rig: Rig, deadline: Deadline) -> None:
    desk(world, PANE)
    world.screen = ""
    with pytest.raises(BenchError) as failed:
        approval.look(rig, deadline=deadline)
    assert failed.value.wire == "mini.screen"


PREFERENCES = (
    "System Preferences  Edit  View  Window  Help\nSecurity & Privacy\nGeneral  FileVault  Firewall  Privacy\n"
    "Allow apps downloaded from:\nApp Store\n"
)
LOCKED, OPEN = "Click the lock to make changes.\n", "Click the lock to prevent further changes.\n"
UNLOCK = (
    "System Preferences is trying to unlock Security & Privacy preferences.\nEnter your password to allow this.\n"
    "Lab Admin\nCancel  Unlock\n"
)


def preferences(world: Any, *, locked: bool = True) -> None:
    """12.7: Tab 2 is the lock, Tab 3 Allow, which does nothing while locked."""
    state: dict[str, Any] = {"tabs": 0, "typed": "", "locked": locked}

    def pane() -> str:
        return PREFERENCES + BLOCKED + "Allow\n" + (LOCKED if state["locked"] else OPEN)

    def on_sheet(pressed: str) -> None:
        state["locked"] = not (pressed == "return" and state["typed"] == "correct-horse")
        world.screen = pane() if pressed == "escape" or not state["locked"] else world.screen
        if pressed == "qyxz":
            world.screen = world.screen.replace("Lab Admin", pressed)
        state["typed"] = pressed

    def key(pressed: str) -> None:
        if "Enter your password" in world.screen:
            on_sheet(pressed)
        elif pressed == "tab":
            state["tabs"] += 1
        elif pressed == "space":
            world.screen = pane() + {(2, True): UNLOCK, (3, False): RESTART}.get((state["tabs"], state["locked"]), "")
        elif pressed == "escape":
            world.screen = pane()

    def opened() -> str:
        state["tabs"], world.screen = 0, pane()
        return ""

    desk(world, "")
    world.commands["open "] = opened
    world.on_key = key


def test_on_12_the_lock_is_opened_before_allow(world: Any, intel: Rig, deadline: Deadline) -> None:
    preferences(world)
    assert approval.look(intel, deadline=deadline) is Offer.ALLOW
    assert approval.approve(intel, intel.accounts.admin, deadline=deadline) is True
    assert [line for line in world.log if line.startswith(("press", "type"))] == [
        *["press tab"] * 2,
        "press space",
        "type a secret",
        "press return",
        "press tab",
        "press space",
        "press escape",
    ]


def test_on_12_an_open_lock_is_left_alone(world: Any, intel: Rig, deadline: Deadline) -> None:
    preferences(world, locked=False)
    approval.look(intel, deadline=deadline)
    assert approval.approve(intel, intel.accounts.admin, deadline=deadline) is True
    assert world.log.count("press tab") == 3
    assert "type a secret" not in world.log


def test_on_12_a_standard_user_opens_no_lock(world: Any, intel: Rig, deadline: Deadline) -> None:
    preferences(world)
    approval.look(intel, deadline=deadline)
    assert intel.accounts.standard is not None
    assert approval.approve(intel, intel.accounts.standard, deadline=deadline) is False
    assert world.screen.endswith(LOCKED)


def test_on_12_it_is_system_preferences_that_is_closed(world: Any, intel: Rig, deadline: Deadline) -> None:
    world.shell_up = True
    approval.close_settings(intel, deadline=deadline)
    assert "System Preferences" in world.log[-1]


def test_on_15_the_popup_has_another_name(world: Any, rig: Rig, deadline: Deadline) -> None:
    rig.facts = replace(rig.facts, macos=Version(15, 1))
    desk(world, PANE.replace("downloaded from", "from") + BLOCKED + "Allow\n")
    assert approval.look(rig, deadline=deadline) is Offer.ALLOW


APPLICATION = "System software from application “Agent” was blocked from loading.\nAllow\n"


def test_a_row_of_an_application_is_none_of_a_kext(world: Any, rig: Rig, deadline: Deadline) -> None:
    desk(world, PANE + APPLICATION)
    assert approval.look(rig, deadline=deadline) is Offer.NOTHING
    world.screen = PANE + APPLICATION + BLOCKED + "Allow\n"
    assert approval.of_several(rig, deadline=deadline) is False


def test_the_button_below_an_applications_is_one_tab_further(world: Any, rig: Rig, deadline: Deadline) -> None:
    def key(pressed: str) -> None:
        if pressed == "space" and world.log.count("press tab") == 4:
            world.screen = PANE + SHEET
        elif pressed == "return":
            world.screen = PANE + RESTART
        elif pressed == "escape":
            world.screen = PANE

    desk(world, PANE)
    world.screen, world.on_key = PANE + APPLICATION + BLOCKED + "Allow\n", key
    assert approval.approve(rig, rig.accounts.admin, deadline=deadline) is True


@pytest.mark.parametrize(
    ("came", "why"),
    [("qzxy", "types y for z"), ("ayxw", "it cannot be read"), ("Lab Admin", "it cannot be read")],
    ids=["german", "french", "lost"],
)
def test_keys_that_do_not_come_as_they_were_pressed_are_no_refusal(
    world: Any, rig: Rig, deadline: Deadline, came: str, why: str
) -> None:
    reacting(world, right_password="something else", came=came)
    with pytest.raises(BenchError, match=rf"{why}.*PREP-08") as failed:
        approval.approve(rig, rig.accounts.admin, deadline=deadline)
    assert failed.value.wire == "mini.keyboard"
    assert "Enter your password" not in world.screen


def test_a_password_that_is_wrong_is_a_refusal(world: Any, rig: Rig, deadline: Deadline) -> None:
    reacting(world, right_password="something else")
    assert approval.approve(rig, rig.accounts.admin, deadline=deadline) is False
