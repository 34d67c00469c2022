"""The sheet on which macOS asks for an administrator: who types there, and whether macOS took it.

The same sheet stands over Settings, over the desktop and over Finder, under other titles. A password is
typed only while the sheet is seen and nothing of the screen is kept: whoever calls `fill` is inside `Screen.private`.
"""

from __future__ import annotations

from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import EXCHANGED, LETTERS, has
from kextrel.device.rig import Account, Rig
from kextrel.errors import BenchError
from kextrel.timing import Deadline

__all__ = ["answer", "cancel", "check_letters", "fill", "is_sheet"]

_TRIES = 2  # nobody sees whether the keyboard lost a key of a password


def is_sheet(text: str) -> bool:
    """Whether macOS asks for a password to allow something."""
    return has(text, "Enter your password to allow this")


def fill(rig: Rig, account: Account, *, deadline: Deadline) -> None:
    """Name and password; the name only where the sheet shows another. The focus begins in the password field."""
    text = rig.screen.wait(is_sheet, deadline=deadline.within(rig.timeouts.screen), what="the request for a password")
    if not has(text, account.full_name):
        rig.keyboard.press("shift", "tab", deadline=deadline)
        rig.keyboard.type(account.name, deadline=deadline)
        rig.keyboard.press("tab", deadline=deadline)
    rig.screen.wait(is_sheet, deadline=deadline.within(rig.timeouts.screen), what="the password field")
    rig.keyboard.type_secret(account.password, deadline=deadline)
    rig.keyboard.press("return", deadline=deadline)


def answer(rig: Rig, account: Account, *, deadline: Deadline) -> bool:
    """Answers the sheet that stands as `account`. Whether macOS took it: a sheet that stays, twice, is cancelled."""
    with rig.screen.private():
        for _ in range(_TRIES):
            fill(rig, account, deadline=deadline)
            if _gone(rig, rig.timeouts.settle, deadline):
                return True
        check_letters(rig, deadline=deadline)
        cancel(rig, deadline=deadline)
    return False


def check_letters(rig: Rig, *, deadline: Deadline) -> None:
    """Nobody sees what a password became on its way. So before macOS is said to have refused it, letters are typed into
    the field for the name, where they can be read. Raises BenchError, with the sheet cancelled, unless they stand there
    as they were typed."""
    rig.keyboard.press("shift", "tab", deadline=deadline)
    rig.keyboard.type(LETTERS, deadline=deadline)
    what = "letters in the field for the name"
    text = rig.sees(lambda t: has(t, LETTERS) or has(t, EXCHANGED), rig.timeouts.settle, deadline=deadline, what=what)
    if text is not None and has(text, LETTERS):
        return
    cancel(rig, deadline=deadline)
    hint = "set the keyboard layout of the Mac to U.S., and ask `kextrel lab doctor`"
    if text is not None:
        what = "types y for z, so no password is typed right (PREP-08)"
    else:
        what = "it cannot be read whether keys arrive as they were pressed (PREP-08), so no password counts as refused"
    raise BenchError(what, wire=rig.keyboard.name, hint=hint)


def cancel(rig: Rig, *, deadline: Deadline) -> None:
    """Escape, until the sheet is gone."""
    rig.keyboard.press("escape", deadline=deadline)
    if not _gone(rig, rig.timeouts.screen, deadline):
        raise blame_or(rig, rig.keyboard.name, "pressed Escape and the request stayed", deadline=deadline)


def _gone(rig: Rig, seconds: float, deadline: Deadline) -> bool:
    what = "an end of the request for a password"
    return rig.sees(lambda text: not is_sheet(text), seconds, deadline=deadline, what=what) is not None
