"""Startup Security Utility, from recovery's main window: its users, its radio buttons, its check boxes, by keys alone.

On a T2 Mac a user is verified first, then each level chosen is stored at once. On Apple silicon the volume's sheet is
filled in first, and OK asks for the password of its owner. The screen's text shows no chosen button and no ticked box:
callers say how many keys lead from what the policy reads now to what they want, and read it again afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from kextrel.device.flows import recovery
from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import Shown, has, shown, shows
from kextrel.device.flows.walks import Chord
from kextrel.device.rig import Account, Rig
from kextrel.errors import NotPossible
from kextrel.timing import Deadline

__all__ = ["Taken", "choose_level", "choose_policy"]

_NAME = "Startup Security Utility"
_TRIES = 2  # nobody sees whether the keyboard lost a key of a password
_WRONG = "password you entered is incorrect"
_PASSED = (Shown.SECURITY_LEVELS, Shown.SECURITY_VOLUMES)


class Taken(StrEnum):
    """How far the utility went."""

    CHOSEN = "the choice was made"
    NOT_SHOWN = "the choice is not there"
    NO_UTILITY = "the Utilities menu has no Startup Security Utility"
    NO_SUCH_USER = "the user is not among those who may change this"
    WRONG_PASSWORD = "the password was refused"  # noqa: S105 - a description


def choose_level(rig: Rig, account: Account, keys: Sequence[Chord], *, deadline: Deadline) -> Taken:
    """A T2 Mac: verifies `account`, and presses `keys` on the levels; leaves recovery's main window on the screen."""
    if not _opened(rig, Shown.SECURITY_USER, deadline):
        return Taken.NO_UTILITY
    rig.keyboard.press("return", deadline=deadline)
    taken = _verify(rig, account, deadline)
    if taken is Taken.CHOSEN:
        recovery.press_all(rig, tuple(keys), deadline)
    recovery.main_window(rig, deadline=deadline)
    return taken


def choose_policy(rig: Rig, account: Account, keys: Sequence[Chord], *, words: str = "", deadline: Deadline) -> Taken:
    """Apple silicon: presses `keys` on the sheet of the volume, then OK, and authenticates as `account`.

    `words` must stand on the sheet, else nothing is pressed. Leaves recovery's main window on the screen.
    """
    if not _opened(rig, Shown.SECURITY_VOLUMES, deadline):
        return Taken.NO_UTILITY
    rig.keyboard.press("return", deadline=deadline)
    sheet = rig.sees(
        shows(Shown.SECURITY_POLICY), rig.timeouts.screen, deadline=deadline, what=f"the sheet of {rig.facts.volume}"
    )
    if sheet is None:
        raise blame_or(rig, rig.keyboard.name, "pressed Return and no security policy came", deadline=deadline)
    taken = Taken.NOT_SHOWN
    if has(sheet, words):
        recovery.press_all(rig, (*keys, ("return",)), deadline)
        taken = _verify(rig, account, deadline)
    recovery.main_window(rig, deadline=deadline)
    return taken


def _opened(rig: Rig, first: Shown, deadline: Deadline) -> bool:
    recovery.main_window(rig, deadline=deadline)
    for _ in range(_TRIES):
        if not recovery.choose_utility(rig, _NAME, deadline=deadline):
            return False
        if rig.sees(shows(first), rig.timeouts.screen, deadline=deadline, what=_NAME):
            return True
    raise blame_or(rig, rig.keyboard.name, f"chose {_NAME} and it did not come", deadline=deadline)


def _verify(rig: Rig, account: Account, deadline: Deadline) -> Taken:
    """The picker, where there is one, and the password field of `account`; a window without a question is past both."""

    asked = shows(Shown.USER_PICKER, Shown.USER_PASSWORD)
    text = rig.sees(asked, rig.timeouts.settle, deadline=deadline, what="a user to verify")
    text = text or rig.screen.text(deadline=deadline)
    if shown(text) is Shown.USER_PICKER:
        if not has(text, account.full_name):
            return _cancelled(rig, Taken.NO_SUCH_USER, deadline)
        recovery.choose_user(rig, account, deadline=deadline)
        text = rig.sees(shows(Shown.USER_PASSWORD), rig.timeouts.screen, deadline=deadline, what="its field") or ""
    if shown(text) in _PASSED:
        return Taken.CHOSEN
    if shown(text) is not Shown.USER_PASSWORD:
        raise blame_or(rig, rig.keyboard.name, "pressed Return and no user was asked for", deadline=deadline)
    if not has(text, account.full_name):
        return _cancelled(rig, Taken.NO_SUCH_USER, deadline)
    return _give_password(rig, account, deadline)


def _give_password(rig: Rig, account: Account, deadline: Deadline) -> Taken:
    """Twice, where it is refused. Nothing of the screen is kept before the field is gone."""
    with rig.screen.private():
        for _ in range(_TRIES):
            rig.screen.wait(shows(Shown.USER_PASSWORD), deadline=deadline.within(rig.timeouts.screen), what="its field")
            rig.keyboard.type_secret(account.password, deadline=deadline)
            rig.keyboard.press("return", deadline=deadline)
            if rig.sees(_gone, rig.timeouts.settle, deadline=deadline, what="an end of the password field"):
                return Taken.CHOSEN
        if not has(rig.screen.text(deadline=deadline), _WRONG):
            raise blame_or(rig, rig.keyboard.name, "typed the password and its field stayed", deadline=deadline)
        return _cancelled(rig, Taken.WRONG_PASSWORD, deadline)


def _cancelled(rig: Rig, taken: Taken, deadline: Deadline) -> Taken:
    """Escape, until nobody is asked for."""
    for _ in range(_TRIES + 1):
        rig.keyboard.press("escape", deadline=deadline)
        if rig.sees(_nobody_asked, rig.timeouts.settle, deadline=deadline, what="an end of the question"):
            return taken
    raise NotPossible(f"{_NAME} goes on asking for a user after Escape")


def _gone(text: str) -> bool:
    return shown(text) is not Shown.USER_PASSWORD


def _nobody_asked(text: str) -> bool:
    return shown(text) not in (Shown.USER_PICKER, Shown.USER_PASSWORD, Shown.SECURITY_USER)
