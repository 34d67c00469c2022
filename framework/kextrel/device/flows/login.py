"""Somebody at the desktop: Settings, dialogues and `open` need a session at the console, and an unlocked screen."""

from __future__ import annotations

import shlex

from kextrel.device.flows.place import blame_or
from kextrel.device.flows.rest import what_rests
from kextrel.device.flows.screens import Shown, has, shown, shows
from kextrel.device.remote import answered, exists, look, run
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible, UnreadableAnswer
from kextrel.macos import commands
from kextrel.timing import Deadline

__all__ = ["arrived_user", "console_user", "ensure", "log_out", "stay_out"]

# Gone with the next boot, as the login window that we asked for is.
_LEFT = "/private/tmp/kextrel.logged-out"
_ENDING = (0, 36)  # launchctl: the session ends, or is about to (EINPROGRESS)
_NOBODY = frozenset({"", "root", "_windowserver", "loginwindow"})


def console_user(rig: Rig, *, deadline: Deadline) -> str | None:
    """The short name of who is logged in at the console, or None at the login window."""
    name = answered(look(rig, "stat -f %Su /dev/console", deadline=deadline), 0).out.strip()
    return None if name in _NOBODY else name


def arrived_user(rig: Rig, *, deadline: Deadline) -> str | None:
    """As `console_user`, but a login that is still on its way after a start is waited for: an automatic one, or that of
    who has unlocked FileVault; whether there is one is seen on the screen then."""
    user = console_user(rig, deadline=deadline)
    if user is None and rig.wires.screen is not None and (_by_itself(rig) or rig.facts.filevault):
        ends = (Shown.DESKTOP,) if _by_itself(rig) else (Shown.DESKTOP, Shown.LOGIN)
        if not _left(rig, deadline):
            rig.sees(shows(*ends), rig.timeouts.login, deadline=deadline, what="the desktop")
            user = console_user(rig, deadline=deadline)
    return user


def ensure(rig: Rig, *, automatic: bool = True, deadline: Deadline) -> str:
    """Logs the administrator in, or unlocks the screen, where that is needed; the console user's short name.

    `automatic`: whether this boot logs somebody in by itself, where the Mac does; in safe mode it does not.
    """
    user = (arrived_user if automatic else console_user)(rig, deadline=deadline)
    if rig.wires.screen is None:
        if user is None:
            raise NotPossible("nobody is logged in at the console and there is no screen wire to log in by (PREP-05)")
        return user
    if user is None and automatic and _by_itself(rig) and not _left(rig, deadline):
        how = "switch it on, or say automatic_login: false in the profile, to have the bench log in by the keyboard"
        raise NotPossible(f"nobody was logged in at the console by automatic login (PREP-05); {how}")
    first = rig.screen.text(deadline=deadline).strip()
    text = first or _awake(rig, deadline)
    if user is not None and (not first or shown(text) is Shown.LOGIN):
        _refuse_rest(rig, deadline)
    if user is None or shown(text) is Shown.LOGIN:
        _log_in(rig, deadline)
        user = console_user(rig, deadline=deadline)
    if user is None:
        raise NotPossible("the desktop came, but nobody is logged in at the console")
    return user


def log_out(rig: Rig, *, deadline: Deadline) -> None:
    """Nobody at the screen, at the login window; until the next boot, where the Mac logs somebody in by itself."""
    if arrived_user(rig, deadline=deadline) is None:
        return
    answered(run(rig, shlex.join(["touch", _LEFT]), deadline=deadline), 0)
    uid = answered(look(rig, "stat -f %u /dev/console", deadline=deadline), 0).out.strip()
    answered(run(rig, commands.end_session(uid), deadline=deadline), *_ENDING)
    if rig.wires.screen is not None:
        rig.sees(shows(Shown.LOGIN), rig.timeouts.login, deadline=deadline, what="the login window")
    user = console_user(rig, deadline=deadline)
    if user is not None:
        raise NotPossible(f"{user} stays logged in on {rig.name}, whatever launchctl is told; log them out")


def stay_out(rig: Rig, *, deadline: Deadline) -> None:
    """Where the scenario says that nobody is logged in, nobody is: a boot since may have let somebody in by itself."""
    if rig.start is not None and not rig.start.logged_in:
        log_out(rig, deadline=deadline)


def _by_itself(rig: Rig) -> bool:
    """Whether a start logs somebody in; with FileVault macOS offers no such login."""
    return rig.facts.automatic_login and not rig.facts.filevault


def _left(rig: Rig, deadline: Deadline) -> bool:
    """Whether it was us who logged somebody out in this boot."""
    return exists(rig, _LEFT, deadline=deadline)


def _refuse_rest(rig: Rig, deadline: Deadline) -> None:
    """A screen that somebody locked by hand is unlocked; one that locks or sleeps by itself would do it again, in the
    middle of what is typed."""
    try:
        found = what_rests(rig, deadline=deadline)
    except UnreadableAnswer as error:
        rig.note(f"it is not known whether the screen locks by itself: {error}")
        return
    if found:
        how = "run `kextrel lab prepare`"
        raise NotPossible(f"{', '.join(found)} on {rig.name}, and keys go to the lock screen (PREP-06); {how}")


def _awake(rig: Rig, deadline: Deadline) -> str:
    """What a dark screen shows by and by. A sleeping display (PREP-06) takes the first key for itself: it wakes, and no
    window gets it; a modifier is tried first, since a window would do nothing with it."""

    def any_word() -> str | None:
        return rig.sees(lambda t: bool(t.strip()), rig.timeouts.settle, deadline=deadline, what="any word")

    text = any_word()
    for key in ("shift", "escape"):
        if not text:
            rig.keyboard.press(key, deadline=deadline)
            text = rig.screen.text(deadline=deadline).strip() or any_word()
    if not text:
        hint = "does its display sleep (PREP-06), and does the keyboard wake it?"
        raise blame_or(rig, rig.screen.name, "shows nothing while macOS runs", deadline=deadline, hint=hint)
    return text


def _log_in(rig: Rig, deadline: Deadline) -> None:
    admin = rig.accounts.admin
    with rig.screen.private():
        window = rig.screen.wait(
            shows(Shown.LOGIN), deadline=deadline.within(rig.timeouts.login), what="the login window"
        )
        if not has(window, admin.full_name):
            raise NotPossible(f"the login window does not show {admin.full_name!r} (PREP-05)")
        rig.keyboard.type_secret(admin.password, deadline=deadline)
        rig.keyboard.press("return", deadline=deadline)
        came = rig.sees(_is_past_login, rig.timeouts.login, deadline=deadline, what="the desktop")
        if came is None:  # the password may be where it can be read
            raise blame_or(rig, rig.keyboard.name, "typed the password and no desktop came", deadline=deadline)


def _is_past_login(text: str) -> bool:
    """Behind a lock screen there may be any window."""
    return bool(text.strip()) and shown(text) is not Shown.LOGIN
