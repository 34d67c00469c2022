"""The approval of a kext, in Settings: what is offered there, and the walk to Modify Settings and back.

Settings is opened over the shell and operated by the keyboard only: to macOS the injector is a physical one.
"""

from __future__ import annotations

from enum import StrEnum

from kextrel.device.flows import authentication, login
from kextrel.device.flows.authentication import is_sheet
from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import fold, has
from kextrel.device.flows.walks import walk_for
from kextrel.device.remote import run
from kextrel.device.rig import Account, Rig
from kextrel.errors import NotPossible
from kextrel.macos import commands
from kextrel.timing import Deadline

__all__ = ["Offer", "approve", "close_settings", "look", "of_several"]

_KEYBOARD_NAVIGATION = "defaults read -g AppleKeyboardUIMode"
_DISMISSALS = 4
_TRIES = 2


class Offer(StrEnum):
    """What the pane has for the pending extension."""

    ALLOW = "Allow"
    ENABLE = "Enable System Extensions…"
    NO_BUTTON = "the sentence without a button"
    NOTHING = "nothing pending"


def look(rig: Rig, *, deadline: Deadline) -> Offer:
    """Opens the pane, reads what it offers, and leaves it open. See `close_settings`."""
    user = login.ensure(rig, deadline=deadline)
    _begin_without_pane(rig, deadline)
    _dismiss_dialogues(rig, deadline)
    _open(rig, user, deadline)
    return _offered(rig, _pane(rig, deadline), deadline)


def _begin_without_pane(rig: Rig, deadline: Deadline) -> None:
    """A pane that is there before it was opened may be an old picture: what it offers is not believed."""
    if not _is_pane(rig.screen.text(deadline=deadline)):
        return
    close_settings(rig, deadline=deadline)
    gone = rig.sees(lambda t: not _is_pane(t), rig.timeouts.screen, deadline=deadline, what="an end of Settings")
    if gone is None:
        raise blame_or(rig, rig.screen.name, "shows Settings after it was closed; is it frozen?", deadline=deadline)


def _pane(rig: Rig, deadline: Deadline) -> str:
    """The pane's text; a dialogue that comes late, over the pane, is dismissed."""
    for _ in range(_DISMISSALS):
        text = rig.sees(
            lambda t: _is_pane(t) or _is_dialogue(t), rig.timeouts.screen, deadline=deadline, what="Privacy & Security"
        )
        if text is not None and not _is_dialogue(text):
            return text
        if text is not None:
            _dismiss_dialogues(rig, deadline)
    raise blame_or(rig, rig.screen.name, "does not show Privacy & Security after it was opened", deadline=deadline)


def _offered(rig: Rig, text: str, deadline: Deadline) -> Offer:
    """What the pane offers. A pane is drawn piece by piece: that something is not there is said after a while only."""
    buttons = (Offer.ALLOW, Offer.ENABLE)
    if _offer(text) not in buttons:
        later = rig.sees(
            lambda t: _is_pane(t) and _offer(t) in buttons, rig.timeouts.settle, deadline=deadline, what="an offer"
        )
        text = later or rig.screen.text(deadline=deadline)
        if not _is_pane(text):
            raise blame_or(rig, rig.screen.name, "lost sight of Privacy & Security", deadline=deadline)
    return _offer(text)


def of_several(rig: Rig, *, deadline: Deadline) -> bool:
    """Whether the open pane has a sentence, and a button, for more than one developer."""
    return fold(rig.screen.text(deadline=deadline)).count(fold("blocked from loading")) > 1


def approve(rig: Rig, account: Account, *, deadline: Deadline) -> bool:
    """With the pane open on Allow: presses it, authenticates as `account`, declines the restart.

    Whether macOS took it: False means that the sheet stayed, twice, and it was cancelled. Twice, as nobody sees whether
    the keyboard lost a key of the password. Nothing of the screen is kept before the sheet is gone.
    """
    _press_allow(rig, deadline)
    with rig.screen.private():
        taken = any(_is_taken(rig, account, deadline) for _ in range(_TRIES))
        rig.keyboard.press("escape", deadline=deadline)
        gone = rig.sees(
            lambda t: not is_sheet(t) and not _is_restart(t), rig.timeouts.screen, deadline=deadline, what="no sheet"
        )
    if gone is None:
        raise blame_or(rig, rig.keyboard.name, "pressed Escape and the sheet stayed", deadline=deadline)
    return taken


def _is_taken(rig: Rig, account: Account, deadline: Deadline) -> bool:
    authentication.fill(rig, account, deadline=deadline)
    asked = rig.sees(_is_restart, rig.timeouts.settle, deadline=deadline, what="the request for a restart")
    return asked is not None


def close_settings(rig: Rig, *, deadline: Deadline) -> None:
    """Ends Settings, whatever it shows."""
    done = run(rig, commands.quit_settings(), deadline=deadline)
    if done.exit_code != 0:
        rig.note(f"Settings was not closed: {done.err.strip()[:160]}")


def _open(rig: Rig, user: str, deadline: Deadline) -> None:
    done = run(rig, commands.open_security_settings(), deadline=deadline)
    if done.exit_code != 0:
        raise NotPossible(f"Settings does not open for {user}: {done.err.strip()[:160]}")


def _dismiss_dialogues(rig: Rig, deadline: Deadline) -> None:
    """Escape is OK in "System Extension Blocked"; it changes nothing of what is pending."""
    for _ in range(_DISMISSALS):
        if not _is_dialogue(rig.screen.text(deadline=deadline)):
            return
        rig.keyboard.press("escape", deadline=deadline)
        rig.sees(lambda t: not _is_dialogue(t), rig.timeouts.settle, deadline=deadline, what="no dialogue")
    raise blame_or(rig, rig.keyboard.name, "pressed Escape and a dialogue stayed", deadline=deadline)


def _is_dialogue(text: str) -> bool:
    return has(text, "System Extension Blocked")


def _is_pane(text: str) -> bool:
    return has(text, "Privacy & Security", "Allow applications downloaded from") and not _is_dialogue(text)


def _is_restart(text: str) -> bool:
    return has(text, "restart is required")


def _offer(text: str) -> Offer:
    if has(text, "Enable System Extensions"):
        return Offer.ENABLE
    if not (has(text, "System software from developer") or has(text, "blocked from loading")):
        return Offer.NOTHING
    if any(fold(line.split()[-1]) == "allow" for line in text.splitlines() if line.strip()):
        return Offer.ALLOW
    return Offer.NO_BUTTON


def _press_allow(rig: Rig, deadline: Deadline) -> None:
    """Tab to the button, Space; the sheet must come. Without keyboard navigation Tab passes over buttons (PREP-07)."""
    for attempt in range(_TRIES):
        if attempt:
            _start_again(rig, deadline)
        for _ in range(walk_for(rig.facts.macos).tabs_to_pending):
            rig.keyboard.press("tab", deadline=deadline)
        rig.keyboard.press("space", deadline=deadline)
        if rig.sees(is_sheet, rig.timeouts.settle, deadline=deadline, what="the request for a password"):
            return
    mode = run(rig, _KEYBOARD_NAVIGATION, deadline=deadline).out.strip()
    if mode not in ("2", "3"):
        raise NotPossible("keyboard navigation is off, so Allow cannot be reached by keys; prepare the Mac (PREP-07)")
    raise blame_or(rig, rig.keyboard.name, "pressed Allow and no password was asked for", deadline=deadline)


def _start_again(rig: Rig, deadline: Deadline) -> None:
    rig.keyboard.press("escape", deadline=deadline)
    close_settings(rig, deadline=deadline)
    look(rig, deadline=deadline)
