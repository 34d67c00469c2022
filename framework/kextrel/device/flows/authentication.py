"""The sheet on which macOS asks for an administrator: who types there, and whether macOS took it.

The same sheet stands over Settings, over the desktop and over Finder, under other titles. Whoever calls `fill` and
`answer` keeps nothing of the screen: a password is typed only while the sheet is seen, inside `Screen.private`.
"""

from __future__ import annotations

from collections.abc import Callable

from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import has
from kextrel.device.rig import Account, Rig
from kextrel.timing import Deadline

__all__ = ["answer", "fill", "is_sheet"]

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


def answer(
    rig: Rig, account: Account | None, *, taken: Callable[[str], bool] | None = None, deadline: Deadline
) -> bool:
    """Answers the sheet that stands as `account`, or cancels it where that is None. Whether macOS took the answer.

    `taken` tells from the screen that it did; left out, the sheet is gone. A sheet that stayed, twice, is cancelled.
    """
    done = taken or (lambda text: not is_sheet(text))
    with rig.screen.private():
        for _ in range(_TRIES if account is not None else 0):
            assert account is not None
            fill(rig, account, deadline=deadline)
            if rig.sees(done, rig.timeouts.settle, deadline=deadline, what="an end of the request for a password"):
                return True
        _cancel(rig, deadline)
    return False


def _cancel(rig: Rig, deadline: Deadline) -> None:
    rig.keyboard.press("escape", deadline=deadline)
    gone = rig.sees(lambda t: not is_sheet(t), rig.timeouts.screen, deadline=deadline, what="no request for a password")
    if gone is None:
        raise blame_or(rig, rig.keyboard.name, "pressed Escape and the request stayed", deadline=deadline)
