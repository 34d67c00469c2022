"""Rows 5 to 8: somebody at the desktop, a screen that stays, and keys that arrive as they were pressed."""

from __future__ import annotations

from kextrel.device.flows import filevault
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
    """PREP-05: who owns the console; FileVault, which keeps SSH away after a restart unless the bench unlocks it."""
    rig = asking.rig
    on = system.read_filevault(asking.run(told.FILEVAULT).out).on
    lacking = _unlockable(asking) if on else "FileVault is off; take filevault: true out of the profile"
    if lacking and (on or rig.facts.filevault):
        return missing("PREP-05", lacking)
    user = console_user(rig, deadline=asking.deadline)
    vault = f"FileVault is unlocked {filevault.way(rig)} after a restart" if on else "FileVault is off"
    if user is not None:
        return ok("PREP-05", f"{user} is logged in at the console, and {vault}")
    by_hand = on or not rig.facts.automatic_login
    if by_hand and rig.wires.screen is not None and rig.wires.keyboard is not None:
        return ok("PREP-05", f"nobody is logged in, Kextrel does that by the keyboard, and {vault}")
    how = (
        "add keyboard and screen wires" if on else "switch automatic login on in Settings, Users & Groups, and restart"
    )
    return missing("PREP-05", f"nobody is logged in at the console, and {vault}; {how}")


def _unlockable(asking: Asking) -> str:
    """What is missing for this bench to unlock a FileVault that is on, and what to do; "" for nothing."""
    rig, off = asking.rig, "or turn it off in Settings"
    if not rig.facts.filevault:
        return f"FileVault is on, so no SSH comes back after a restart; say filevault: true in the profile, {off}"
    if not filevault.way(rig):
        what = "FileVault is on, and nothing here types its password after a restart"
        return f"{what}; add keyboard and screen wires, {off}"
    name = rig.accounts.admin.name
    listed = asking.root(told.FILEVAULT_USERS)
    if listed.exit_code != 0:
        raise UnreadableAnswer(listed.command, listed.err.strip())
    if name not in told.read_filevault_users(listed.out):
        return f"FileVault is on, and {name} may not unlock it; run `sudo fdesetup add -usertoadd {name}`, {off}"
    return ""


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
