"""System extensions in Settings: the right row's Allow, the right switch, and no password without its sheet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kextrel.device.flows import switches
from kextrel.device.flows.switches import Came
from kextrel.device.rig import Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.timing import Deadline
from kextrel.vocabulary import Category, Extension, ExtensionKind, Version

ID = "com.example.kextrel.agent"
NAME = f"Kextrel-{ID}"
DESKTOP = "Finder  File  Edit  View  Go  Window  Help\n"
PANE = "System Settings  File\nPrivacy & Security\nSecurity\nAllow applications downloaded from    App Store\n"
OLD_PANE = "Security & Privacy\nGeneral  FileVault  Firewall  Privacy\nAllow apps downloaded from:\n"
LOCKED, OPEN = "Click the lock to make changes.\n", "Click the lock to prevent further changes.\n"
SHEET = "\nEnter your password to allow this.\nLab Admin\nCancel  Modify Settings\n"


def kext_row(button: str = "Allow") -> str:
    return f"System software from developer “Kextrel Sample” was blocked from loading.\nGeneral\n{button}\n"


def app_row(name: str = NAME, button: str = "Allow") -> str:
    return f"System software from application “{name}” was blocked from loading.\nGeneral\n{button}\nAppearance\n"


class Keys:
    """Settings' focus ring: Tabs are counted from the search field; Space on a button brings what it brings."""

    def __init__(self, world: Any, screen: str, buttons: dict[int, Any], password: str) -> None:
        self.world, self.at_rest, self.buttons, self.password = world, screen, buttons, password
        self.tabs, self.typed, self.done = 0, "", lambda: None
        world.commands |= {"open ": self.open, "osascript": self.quit, "stat -f": "admin\n", "AppleKeyboard": "3\n"}
        world.shell_up, world.screen, world.on_key = True, DESKTOP, self.key

    def open(self) -> str:
        self.tabs, self.world.screen = 0, self.at_rest
        return ""

    def quit(self) -> str:
        self.world.screen = DESKTOP
        return ""

    def key(self, pressed: str) -> None:
        if "Enter your password" in self.world.screen:
            self.on_sheet(pressed)
        elif pressed == "tab":
            self.tabs += 1
        elif pressed == "space" and self.tabs in self.buttons:
            self.done = self.buttons[self.tabs]
            if self.done is not None:
                self.world.screen = self.at_rest + SHEET
        elif pressed == "escape":
            self.world.screen = DESKTOP

    def on_sheet(self, pressed: str) -> None:
        if pressed == "return" and self.typed == self.password:
            self.world.screen = self.at_rest
            self.done()
        elif pressed == "escape":
            self.world.screen = self.at_rest
        elif pressed == "qyxz":
            self.world.screen = self.world.screen.replace("Lab Admin", pressed)
        self.typed = pressed


@pytest.fixture
def agent() -> Extension:
    return Extension("agent", ExtensionKind.SYSTEM_EXTENSION, ID, category=Category.ENDPOINT_SECURITY)


@pytest.mark.parametrize(
    ("rows", "tabs"),
    [
        (app_row(), 3),
        (kext_row() + app_row(), 4),
        (kext_row("Enable System Extensions…") + app_row(), 4),
        (kext_row("") + app_row(), 3),
        (app_row("Other") + app_row() + app_row("Third"), 4),
        (f"System software from application “{NAME}” was    Allow\nblocked from loading.\n", 3),
        (app_row(NAME.replace("l", "1")), 3),
    ],
    ids=["alone", "below a kext", "below a kext that needs recovery", "below no button", "of three", "wrapped", "OCR"],
)
def test_the_allow_of_our_row_is_pressed(world: Any, rig: Rig, deadline: Deadline, rows: str, tabs: int) -> None:
    took: list[str] = []
    keys = Keys(world, PANE + rows, {}, rig.accounts.admin.password)

    def allowed() -> None:
        took.append("allow")
        keys.at_rest = world.screen = PANE

    keys.buttons[tabs] = allowed
    assert switches.allow_application(rig, NAME, rig.accounts.admin, deadline=deadline) is Came.TAKEN
    assert took == ["allow"]


@pytest.mark.parametrize("rows", ["", app_row("Other"), app_row(f"{NAME}2"), kext_row(), app_row(button="")])
def test_what_is_not_there_is_not_offered_and_no_button_pressed(
    world: Any, rig: Rig, deadline: Deadline, rows: str
) -> None:
    Keys(world, PANE + rows, {}, rig.accounts.admin.password)
    assert switches.allow_application(rig, NAME, rig.accounts.admin, deadline=deadline) is Came.NOT_OFFERED
    assert "press space" not in world.log


def test_a_standard_user_is_denied(world: Any, rig: Rig, deadline: Deadline) -> None:
    took: list[str] = []
    Keys(world, PANE + app_row(), {3: lambda: took.append("allow")}, rig.accounts.admin.password)
    assert rig.accounts.standard is not None
    assert switches.allow_application(rig, NAME, rig.accounts.standard, deadline=deadline) is Came.DENIED
    assert took == []


def test_an_allow_that_does_nothing_is_the_keyboards_failure(world: Any, rig: Rig, deadline: Deadline) -> None:
    Keys(world, PANE + app_row(), {}, rig.accounts.admin.password)
    with pytest.raises(BenchError, match="nothing came of it"):
        switches.allow_application(rig, NAME, rig.accounts.admin, deadline=deadline)


def test_without_keyboard_navigation_it_is_the_preparation(world: Any, rig: Rig, deadline: Deadline) -> None:
    Keys(world, PANE + app_row(), {}, rig.accounts.admin.password)
    world.commands["AppleKeyboard"] = "0\n"
    with pytest.raises(NotPossible, match="PREP-07"):
        switches.allow_application(rig, NAME, rig.accounts.admin, deadline=deadline)


def test_system_preferences_are_unlocked_first(world: Any, rig: Rig, deadline: Deadline) -> None:
    rig.facts = replace(rig.facts, macos=Version(12, 7))
    keys = Keys(world, OLD_PANE + kext_row() + app_row() + LOCKED, {}, rig.accounts.admin.password)
    took: list[int] = []

    def unlocked() -> None:
        keys.at_rest = world.screen = OLD_PANE + kext_row() + app_row() + OPEN

    keys.buttons[2] = unlocked
    pressed = world.on_key

    def key(name: str) -> None:
        if name == "space" and OPEN in world.screen:
            took.append(keys.tabs)
            world.screen = OLD_PANE + kext_row() + OPEN
        pressed(name)

    world.on_key = key
    assert switches.allow_application(rig, NAME, rig.accounts.admin, deadline=deadline) is Came.TAKEN
    assert took == [4]


def test_a_lock_that_stays_denies(world: Any, rig: Rig, deadline: Deadline) -> None:
    rig.facts = replace(rig.facts, macos=Version(12, 7))
    Keys(world, OLD_PANE + app_row() + LOCKED, {2: lambda: None}, "another")
    assert switches.allow_application(rig, NAME, rig.accounts.admin, deadline=deadline) is Came.DENIED


def sheet_of(*names: str, title: str = "Endpoint Security Extensions") -> str:
    return f"{title}\n" + "".join(f"Kextrel-{name}\n{name}\n" for name in names) + "Done\n"


@pytest.mark.parametrize(
    ("names", "tabs"), [([ID], 0), (["com.example.other", ID], 1), ([f"{ID}.more", "com.example.other", ID], 2)]
)
def test_our_switch_is_found_among_those_above_it(
    world: Any, rig: Rig, deadline: Deadline, agent: Extension, names: list[str], tabs: int
) -> None:
    rig.facts = replace(rig.facts, macos=Version(15, 1))
    took: list[str] = []
    Keys(world, sheet_of(*names), {tabs: lambda: took.append("flip")}, rig.accounts.admin.password)
    assert switches.flip(rig, agent, names, rig.accounts.admin, deadline=deadline) is Came.TAKEN
    assert took == ["flip"]


@pytest.mark.parametrize(
    ("category", "title"), [(Category.NETWORK, "Network Extensions"), (Category.DRIVER, "Driver Extensions")]
)
def test_each_kind_has_its_own_sheet(
    world: Any, rig: Rig, deadline: Deadline, agent: Extension, category: Category, title: str
) -> None:
    Keys(world, sheet_of(ID, title=title), {0: lambda: None}, rig.accounts.admin.password)
    one = replace(agent, category=category)
    assert switches.flip(rig, one, [ID], rig.accounts.admin, deadline=deadline) is Came.TAKEN


def test_an_extension_without_a_switch_is_not_offered(
    world: Any, rig: Rig, deadline: Deadline, agent: Extension
) -> None:
    Keys(world, sheet_of("com.example.other"), {}, rig.accounts.admin.password)
    assert switches.flip(rig, agent, [ID], rig.accounts.admin, deadline=deadline) is Came.NOT_OFFERED
    assert "press space" not in world.log


def test_a_switch_that_does_not_move_is_told_from_keys_that_do_not_arrive(
    world: Any, rig: Rig, deadline: Deadline, agent: Extension
) -> None:
    Keys(world, sheet_of(ID), {0: None}, rig.accounts.admin.password)
    assert switches.flip(rig, agent, [ID], rig.accounts.admin, deadline=deadline) is Came.STUCK
    world.screen, world.on_key = DESKTOP, lambda _: None
    with pytest.raises(BenchError, match="nothing came of it"):
        switches.flip(rig, agent, [ID], rig.accounts.admin, deadline=deadline)


def test_a_lost_tab_that_reaches_another_row_is_the_keyboards_failure(world: Any, rig: Rig, deadline: Deadline) -> None:
    keys = Keys(world, PANE + app_row("Other") + app_row(), {}, rig.accounts.admin.password)

    def wrong() -> None:
        keys.at_rest = world.screen = PANE + app_row()

    keys.buttons[4] = wrong
    with pytest.raises(BenchError, match="another row"):
        switches.allow_application(rig, NAME, rig.accounts.admin, deadline=deadline)


def test_an_allow_that_took_the_password_and_changed_nothing_is_seen_so(
    world: Any, rig: Rig, deadline: Deadline
) -> None:
    Keys(world, PANE + kext_row() + app_row(), {4: lambda: None}, rig.accounts.admin.password)
    assert switches.allow_application(rig, NAME, rig.accounts.admin, deadline=deadline) is Came.TAKEN


def test_behind_an_open_lock_a_lost_key_is_pressed_again(world: Any, rig: Rig, deadline: Deadline) -> None:
    rig.facts = replace(rig.facts, macos=Version(12, 7))
    keys = Keys(world, OLD_PANE + app_row() + OPEN, {}, rig.accounts.admin.password)
    pressed, spaces = world.on_key, []

    def key(name: str) -> None:
        if name == "space":
            spaces.append(keys.tabs)
            if len(spaces) == 2:
                keys.at_rest = world.screen = OLD_PANE + OPEN
        pressed(name)

    world.on_key = key
    assert switches.allow_application(rig, NAME, rig.accounts.admin, deadline=deadline) is Came.TAKEN
    assert spaces == [3, 3]
