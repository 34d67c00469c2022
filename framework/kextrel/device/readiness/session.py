"""Rows 5 to 8: somebody at the desktop, a screen that stays, and keys that arrive as they were pressed."""

from __future__ import annotations

from kextrel.device.flows.login import console_user
from kextrel.device.flows.probe import Typed, typed
from kextrel.device.flows.rest import what_rests
from kextrel.device.flows.screens import LETTERS, Shown, shown
from kextrel.device.readiness.asking import Asking
from kextrel.device.readiness.finding import Finding, missing, ok, passed_over, unknown
from kextrel.errors import BenchError, UnreadableAnswer
from kextrel.macos import readiness as told
from kextrel.macos import system

__all__ = ["awake", "desktop", "injector", "navigation"]

_EVERY_CONTROL = ("2", "3")


def desktop(asking: Asking) -> Finding:
    """PREP-05: who owns the console; FileVault, which would keep SSH away after a restart."""
    rig = asking.rig
    if system.read_filevault(asking.run(told.FILEVAULT).out).on:
        return missing("PREP-05", "FileVault is on, so no SSH comes back after a restart; turn it off in Settings")
    user = console_user(rig, deadline=asking.deadline)
    if user is not None:
        return ok("PREP-05", f"{user} is logged in at the console, and FileVault is off")
    if not rig.facts.automatic_login and rig.wires.screen is not None and rig.wires.keyboard is not None:
        return ok("PREP-05", "nobody is logged in, and the profile says that Kextrel shall do it by the keyboard")
    how = "switch automatic login on in Settings, Users & Groups, and restart"
    return missing("PREP-05", f"nobody is logged in at the console; {how}")


def awake(asking: Asking) -> Finding:
    """PREP-06: the screen lock, and what pmset lets go to sleep."""
    problems = what_rests(asking.rig, deadline=asking.deadline)
    if not problems:
        return ok("PREP-06", "the screen does not lock, and nothing sleeps")
    how = "switch that off (pmset, sysadminctl -screenLock), or run `kextrel lab prepare`"
    return missing("PREP-06", f"{', '.join(problems)}, and then keys go to the lock screen; {how}")


def navigation(asking: Asking) -> Finding:
    """PREP-07: AppleKeyboardUIMode; a Mac on which nobody set it has none."""
    done = asking.run(told.KEYBOARD_MODE)
    if done.out.strip() in _EVERY_CONTROL:
        return ok("PREP-07", "Tab goes to every control")
    if done.exit_code not in (0, 1):
        raise UnreadableAnswer(done.command, done.err.strip())
    how = "run `defaults write -g AppleKeyboardUIMode -int 3`, or `kextrel lab prepare`"
    return missing("PREP-07", f"keyboard navigation is off, so Tab passes over buttons; {how}")


def injector(asking: Asking) -> Finding:
    """PREP-08: letters typed into the search field of Settings, and read back from the screen."""
    rig = asking.rig
    if rig.wires.keyboard is None or rig.wires.screen is None:
        return passed_over("PREP-08", "the profile has no keyboard and screen wires, so nothing is typed")
    if console_user(rig, deadline=asking.deadline) is None:
        return unknown("PREP-08", "nobody is logged in at the console (PREP-05), so there is nowhere to type")
    if shown(rig.screen.text(deadline=asking.deadline)) in (Shown.NOTHING, Shown.LOGIN) and what_rests(
        rig, deadline=asking.deadline
    ):
        return unknown("PREP-08", "the screen sleeps or is locked (PREP-06), so nothing was typed")
    try:
        came = typed(rig, deadline=asking.deadline)
    except BenchError as error:
        return unknown("PREP-08", f"nothing could be typed: {error}")
    if came is Typed.RIGHT:
        return ok("PREP-08", f"what was typed ({LETTERS}) came to the screen")
    what = {
        Typed.EXCHANGED: "y and z come exchanged: the Mac has another keyboard layout; set U.S.",
        Typed.OTHER: f"keys arrive as something else than {LETTERS}: the Mac has another keyboard layout; set U.S.",
        Typed.NOTHING: "no key comes to the Mac; allow the accessory, and look at the cable",
    }[came]
    how = "for every user and in Keyboard Setup Assistant, which asks before the login" if "layout" in what else ""
    return missing("PREP-08", f"{what} {how}".strip())
