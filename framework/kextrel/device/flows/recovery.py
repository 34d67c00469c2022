"""Recovery: from the startup options through the user picker to a root prompt in Terminal, and out again.

Each screen has one thing that is done on it, and it is done only when that screen has been seen.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping

from kextrel.device.flows import filevault, power
from kextrel.device.flows.place import Place, arrive, blame_or, find
from kextrel.device.flows.screens import Shown, at_prompt, fold, has, shown, shows
from kextrel.device.flows.typing import type_line
from kextrel.device.flows.walks import TO_UTILITIES, Chord, Way, walk_for
from kextrel.device.remote import run
from kextrel.device.rig import Account, Rig
from kextrel.errors import BenchError, NotPossible
from kextrel.macos import commands
from kextrel.timing import Deadline
from kextrel.vocabulary import Architecture

__all__ = [
    "choose_user",
    "choose_utility",
    "enter",
    "enter_by_software",
    "leave",
    "main_window",
    "open_terminal",
    "press_all",
]

_STEPS = 12  # screens between the startup options and Terminal, with room for a page or two that we do not know
_KEY_TRIES = 3
_KEY_STARTS = 2
# What stands in the Utilities menu, from top to bottom; which of them depends on the Mac.
_UTILITIES = ("Startup Security Utility", "Firmware Password Utility", "Network Utility", "Terminal")


def enter(rig: Rig, *, fallback: bool = False, deadline: Deadline) -> None:
    """To a root prompt in the recovery that the held button enters; `fallback`: pressed, then held.

    On Intel to the only recovery that there is, by Command-R held from the start.
    """
    if rig.facts.architecture is not Architecture.APPLE_SILICON:
        _enter_by_keys(rig, deadline)
        return
    power.shut_down(rig, deadline=deadline)
    power.startup_options(rig, fallback=fallback, deadline=deadline)
    open_terminal(rig, deadline=deadline)


def _enter_by_keys(rig: Rig, deadline: Deadline) -> None:
    """Where the keys came too late or not at all, once more; then by nvram, which takes it with SIP off only."""
    for attempt in range(_KEY_STARTS):
        power.start_holding(rig, "command", "r", deadline=deadline)
        if find(rig, deadline=deadline) is Place.RECOVERY:
            open_terminal(rig, deadline=deadline)
            return
        rig.note(f"Command-R was held from the start (try {attempt + 1} of {_KEY_STARTS}) and no recovery came")
    if not enter_by_software(rig, deadline=deadline):
        what = f"held Command-R from the start {_KEY_STARTS} times and macOS came up"
        raise blame_or(rig, rig.keyboard.name, what, deadline=deadline)


def enter_by_software(rig: Rig, *, deadline: Deadline) -> bool:
    """To a root prompt in ordinary recovery, asked for by nvram and a restart. False where the Mac came up in macOS.

    The variable is contested by model and release (macos-facts section 3), so it is looked where the Mac ended up.
    """
    _to_macos(rig, deadline)
    asked = run(rig, commands.boot_into_recovery_once(), deadline=deadline)
    if asked.exit_code != 0:
        rig.note(f"nvram refused recovery-boot-mode: {asked.err.strip()[:200]}")
        return False
    before = rig.shell.boot_id(deadline=deadline.within(rig.timeouts.command))
    power.go_down(rig, commands.restart(), deadline=deadline)
    if arrive(rig, before, deadline=deadline) is Place.MACOS:
        rig.note("recovery-boot-mode was set and the Mac came up in macOS")
        return False
    open_terminal(rig, deadline=deadline)
    return True


def leave(rig: Rig, *, deadline: Deadline) -> None:
    """From recovery or the startup options to an answering macOS."""
    place = find(rig, deadline=deadline)
    if place is Place.OFF:
        power.start_macos(rig, deadline=deadline)
    elif place is Place.STARTUP_OPTIONS:
        power.force_off(rig, deadline=deadline)
        power.start_macos(rig, deadline=deadline)
    elif place is Place.RECOVERY:
        _reboot(rig, deadline)


def open_terminal(rig: Rig, *, deadline: Deadline) -> None:
    """From any screen of recovery, or the startup options, to a prompt. Does nothing where the prompt is already."""
    _walk_to(rig, Shown.TERMINAL, _ON_SCREEN, deadline)


def main_window(rig: Rig, *, deadline: Deadline) -> None:
    """From any screen of recovery, or the startup options, to recovery's main window; Terminal is quit."""
    _walk_to(rig, Shown.RECOVERY, {**_ON_SCREEN, Shown.TERMINAL: _quit}, deadline)


def choose_utility(rig: Rig, name: str, *, deadline: Deadline) -> bool:
    """Chooses `name` in the Utilities menu of recovery's main window. False: the menu has no such entry."""
    press_all(rig, TO_UTILITIES, deadline)
    menu = rig.sees(lambda t: has(t, "Terminal"), rig.timeouts.settle, deadline=deadline, what="the Utilities menu")
    entries = [entry for entry in _UTILITIES if has(menu or "", entry)]
    if name not in entries:
        press_all(rig, (("escape",), ("escape",)), deadline)
        return False
    press_all(rig, (("down",),) * entries.index(name) + (("return",),), deadline)
    return True


_Steps = Mapping[Shown, Callable[[Rig, Deadline], None]]


def _walk_to(rig: Rig, goal: Shown, steps: _Steps, deadline: Deadline) -> None:
    """Does what each screen is for until `goal` is on the screen."""
    if shown(rig.screen.text(deadline=deadline)) is goal:
        return
    for _ in range(_STEPS):
        expected = (goal, Shown.NO_MOUSE, *steps)
        text = rig.sees(shows(*expected), rig.timeouts.recovery, deadline=deadline, what="a screen of recovery")
        if text is None:
            raise blame_or(rig, rig.screen.name, "shows no screen of recovery", deadline=deadline)
        screen = shown(text)
        if screen is goal:
            return
        if screen is Shown.NO_MOUSE:
            raise BenchError("is no mouse, and recovery asks for one (PREP-08)", wire=rig.keyboard.name)
        steps[screen](rig, deadline)
    raise blame_or(rig, rig.keyboard.name, f"led through {_STEPS} screens and not to {goal}", deadline=deadline)


def _to_macos(rig: Rig, deadline: Deadline) -> None:
    if find(rig, deadline=deadline) is not Place.MACOS:
        leave(rig, deadline=deadline)


def _reboot(rig: Rig, deadline: Deadline) -> None:
    """By Terminal where it is open, else by the button: a user picker cannot restart the Mac by keyboard alone."""
    if shown(rig.screen.text(deadline=deadline)) is not Shown.TERMINAL:
        power.force_off(rig, deadline=deadline)
        power.start_macos(rig, deadline=deadline)
        return
    if not at_prompt(rig.screen.text(deadline=deadline)):
        # A run that was killed may have left a tool here, which would take the line for a name or a password.
        rig.keyboard.press("control", "c", deadline=deadline)
    type_line(rig, "reboot", deadline=deadline)
    left = rig.sees(
        lambda text: shown(text) is not Shown.TERMINAL, rig.timeouts.shutdown, deadline=deadline, what="the restart"
    )
    if left is None:
        raise blame_or(rig, rig.keyboard.name, "typed `reboot` and Terminal stayed", deadline=deadline)
    filevault.await_macos(rig, deadline=deadline.within(rig.timeouts.boot, "macOS after recovery"))


def _press_until_left(rig: Rig, screen: Shown, keys: Callable[[], None], deadline: Deadline, wait: float) -> None:
    """Does `keys` until `screen` is gone; the keyboard is to blame when it stays."""
    for _ in range(_KEY_TRIES):
        keys()
        if rig.sees(lambda text: shown(text) is not screen, wait, deadline=deadline, what=f"an end of {screen}"):
            return
        if shown(rig.screen.text(deadline=deadline)) is not screen:
            return
    what = f"pressed its keys {_KEY_TRIES} times and {screen} stayed"
    raise blame_or(rig, rig.keyboard.name, what, deadline=deadline)


def press_all(rig: Rig, chords: tuple[Chord, ...], deadline: Deadline) -> None:
    """One chord after the other."""
    for chord in chords:
        rig.keyboard.press(*chord, deadline=deadline)


def _choose_options(rig: Rig, deadline: Deadline) -> None:
    """Right arrows to Options, "Continue" seen under it, Return."""
    rights = walk_for(rig.facts.macos).rights_to_options + bool(rig.facts.other_macos)

    def choose() -> None:
        now = rig.screen.text(deadline=deadline)
        _refuse_unknown(rig, now)
        if not has(now, "Continue"):
            press_all(rig, (("right",),) * rights, deadline)
            rig.sees(lambda t: has(t, "Continue"), rig.timeouts.screen, deadline=deadline, what="Continue")
        rig.keyboard.press("return", deadline=deadline)

    _press_until_left(rig, Shown.STARTUP_OPTIONS, choose, deadline, rig.timeouts.screen)


def _refuse_unknown(rig: Rig, text: str) -> None:
    """With a macOS among the startup options that we know nothing of, the arrows would lead to another volume, and
    Return would start it."""
    row = next((line for line in text.splitlines() if has(line, "Options") and not has(line, "startup options")), "")
    names = [name for name in re.split(r"\s{2,}", row.strip()) if name and not has(name, "Options")]
    if len(names) > 1 + bool(rig.facts.other_macos):
        raise NotPossible(
            f"{rig.name} has {len(names)} startup disks ({', '.join(names)}); leave one macOS on it (PREP-10), or"
            " say other_macos in the profile"
        )


def _next_page(rig: Rig, deadline: Deadline) -> None:
    _press_until_left(
        rig, Shown.LANGUAGE, lambda: rig.keyboard.press("return", deadline=deadline), deadline, rig.timeouts.screen
    )


def choose_user(rig: Rig, account: Account, *, deadline: Deadline) -> None:
    """Right arrows to `account`, who is looked for among the names of a user picker; Return."""

    def choose() -> None:
        rights = _users_before(rig.screen.text(deadline=deadline), account)
        press_all(rig, (("right",),) * rights + (("return",),), deadline)

    _press_until_left(rig, Shown.USER_PICKER, choose, deadline, rig.timeouts.screen)


def _choose_admin(rig: Rig, deadline: Deadline) -> None:
    choose_user(rig, rig.accounts.admin, deadline=deadline)


def _users_before(text: str, account: Account) -> int:
    """How many other names stand before that of `account`."""
    name = account.full_name
    if not has(text, name):
        raise NotPossible(
            f"recovery does not offer {name!r}: the user needs a secure token and must own the volume (PREP-04)"
        )
    between = text[: _position(text, name)]
    lines = [line for line in between.splitlines() if line.strip()]
    start = next((n for n, line in enumerate(lines) if has(line, "you know the password for")), len(lines))
    names = [part for line in lines[start + 1 :] for part in line.split("  ") if part.strip()]
    return len(names)


def _position(text: str, name: str) -> int:
    """Where a name begins, as OCR may have read it."""
    return next(i for i in range(len(text)) if fold(text[i:]).startswith(fold(name)) and not text[i].isspace())


def _give_password(rig: Rig, deadline: Deadline) -> None:
    """The field of our administrator; what it says of a wrong password is the Mac's word on PREP-04."""
    admin = rig.accounts.admin
    if not has(rig.screen.text(deadline=deadline), admin.full_name):
        rig.keyboard.press("escape", deadline=deadline)
        rig.sees(shows(Shown.USER_PICKER), rig.timeouts.screen, deadline=deadline, what="the user picker")
        return
    with rig.screen.private():
        rig.screen.wait(shows(Shown.USER_PASSWORD), deadline=deadline.within(rig.timeouts.screen), what="its field")
        rig.keyboard.type_secret(admin.password, deadline=deadline)
        rig.keyboard.press("return", deadline=deadline)
        after = rig.sees(_password_judged, rig.timeouts.screen, deadline=deadline, what="an end of the password field")
        if after is None:
            raise blame_or(
                rig, rig.keyboard.name, "typed the password and recovery's password field stayed", deadline=deadline
            )
    if shown(after) is Shown.USER_PASSWORD:
        raise NotPossible(f"recovery refuses the password of {admin.name} (PREP-04)")


def _password_judged(text: str) -> bool:
    return shown(text) is not Shown.USER_PASSWORD or has(text, "password you entered is incorrect")


def _open_from_main_window(rig: Rig, deadline: Deadline) -> None:
    """Terminal, by the first of the release's ways that opens it."""
    for way in walk_for(rig.facts.macos).ways_to_terminal:
        if way is Way.MENU:
            choose_utility(rig, "Terminal", deadline=deadline)
        else:
            rig.keyboard.press("command", "shift", "t", deadline=deadline)
        if rig.sees(shows(Shown.TERMINAL), rig.timeouts.settle, deadline=deadline, what="Terminal"):
            return
        rig.keyboard.press("escape", deadline=deadline)
    raise blame_or(rig, rig.keyboard.name, "pressed all known ways to Terminal and none opened it", deadline=deadline)


def _quit(rig: Rig, deadline: Deadline) -> None:
    """Ends what lies over the main window: Terminal, or Startup Security Utility. A sheet of that goes by Escape first;
    Command-Q is for a program only: in the main window it would offer to restart the Mac."""
    screen = shown(rig.screen.text(deadline=deadline))
    keys = itertools.cycle((("command", "q"), ("escape",)))
    if screen is not Shown.TERMINAL:
        next(keys)
    _press_until_left(
        rig, screen, lambda: rig.keyboard.press(*next(keys), deadline=deadline), deadline, rig.timeouts.settle
    )


_ON_SCREEN: _Steps = {
    Shown.STARTUP_OPTIONS: _choose_options,
    Shown.LANGUAGE: _next_page,
    Shown.USER_PICKER: _choose_admin,
    Shown.USER_PASSWORD: _give_password,
    Shown.RECOVERY: _open_from_main_window,
    **dict.fromkeys((Shown.SECURITY_USER, Shown.SECURITY_LEVELS, Shown.SECURITY_VOLUMES, Shown.SECURITY_POLICY), _quit),
}
