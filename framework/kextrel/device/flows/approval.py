"""The approval of a kext, in Settings: what is offered there, and the walk to Modify Settings and back.

Settings is opened over the shell and operated by the keyboard only: to macOS the injector is a physical one. Before 13
it is System Preferences, whose lock is opened first; where things are there is the release's walk to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from kextrel.device.flows import authentication, login
from kextrel.device.flows.authentication import is_sheet
from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import fold, has
from kextrel.device.flows.walks import walk_for
from kextrel.device.remote import run
from kextrel.device.rig import Account, Rig
from kextrel.errors import KextrelError, NotPossible
from kextrel.macos import commands
from kextrel.timing import Deadline

__all__ = ["Offer", "approve", "close_settings", "look", "of_several"]

_KEYBOARD_NAVIGATION = "defaults read -g AppleKeyboardUIMode"
_LOCKED, _UNLOCKED = "Click the lock to make changes", "Click the lock to prevent further changes"
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
    if not _is_pane(rig, rig.screen.text(deadline=deadline)):
        return
    close_settings(rig, deadline=deadline)
    gone = rig.sees(lambda t: not _is_pane(rig, t), rig.timeouts.screen, deadline=deadline, what="an end of Settings")
    if gone is None:
        raise blame_or(rig, rig.screen.name, "shows Settings after it was closed; is it frozen?", deadline=deadline)


def _pane(rig: Rig, deadline: Deadline) -> str:
    """The pane's text; a dialogue that comes late, over the pane, is dismissed."""
    for _ in range(_DISMISSALS):
        text = rig.sees(
            lambda t: _is_pane(rig, t) or _is_dialogue(t),
            rig.timeouts.screen,
            deadline=deadline,
            what="Privacy & Security",
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
            lambda t: _is_pane(rig, t) and _offer(t) in buttons, rig.timeouts.settle, deadline=deadline, what="an offer"
        )
        text = later or rig.screen.text(deadline=deadline)
        if not _is_pane(rig, text):
            raise blame_or(rig, rig.screen.name, "lost sight of Privacy & Security", deadline=deadline)
    return _offer(text)


def of_several(rig: Rig, *, deadline: Deadline) -> bool:
    """Whether the open pane has a sentence, and a button, for more than one developer of kexts."""
    return len([row for row in _rows(rig.screen.text(deadline=deadline)) if row is not _Row.APPLICATION]) > 1


def approve(rig: Rig, account: Account, *, deadline: Deadline) -> bool:
    """With the pane open on Allow: presses it, authenticates as `account`, declines the restart. Behind a lock it is
    the lock that asks for the password, and Allow asks no more.

    Whether macOS took it: False means that the sheet stayed, twice, and it was cancelled. Twice, as nobody sees whether
    the keyboard lost a key of the password. Nothing of the screen is kept before the sheet is gone.
    """
    if walk_for(rig.facts.macos).tabs_to_lock is not None:
        return _behind_lock(rig, account, deadline)
    _press_at(rig, lambda: _tabs_to_ours(rig, deadline), is_sheet, deadline)
    with rig.screen.private():
        taken = any(_is_taken(rig, account, deadline) for _ in range(_TRIES))
        rig.keyboard.press("escape", deadline=deadline)
        gone = rig.sees(
            lambda t: not is_sheet(t) and not _is_restart(t), rig.timeouts.screen, deadline=deadline, what="no sheet"
        )
    if gone is None:
        raise blame_or(rig, rig.keyboard.name, "pressed Escape and the sheet stayed", deadline=deadline)
    return taken


def _behind_lock(rig: Rig, account: Account, deadline: Deadline) -> bool:
    """The lock, then Allow; the pane is open on Allow. An Allow that is pressed while it is locked does nothing."""
    for attempt in range(_TRIES):
        if attempt:
            _start_again(rig, deadline)
        at = 0
        if has(rig.screen.text(deadline=deadline), _LOCKED):
            if not _unlock(rig, account, deadline):
                return False
            at = walk_for(rig.facts.macos).tabs_to_lock or 0
        _press_after(rig, _tabs_to_ours(rig, deadline) - at, deadline)
        if rig.sees(_is_restart, rig.timeouts.settle, deadline=deadline, what="the request for a restart"):
            rig.keyboard.press("escape", deadline=deadline)
            return True
    raise _nothing_came(rig, deadline)


def _unlock(rig: Rig, account: Account, deadline: Deadline) -> bool:
    """From the search field to the lock, and through its sheet; the focus stays on the lock."""
    _press_at(rig, lambda: walk_for(rig.facts.macos).tabs_to_lock or 0, is_sheet, deadline)
    if not authentication.answer(rig, account, deadline=deadline):
        return False
    if not rig.sees(lambda t: has(t, _UNLOCKED), rig.timeouts.screen, deadline=deadline, what="an open lock"):
        raise blame_or(rig, rig.screen.name, "shows no open lock after the password", deadline=deadline)
    return True


def _is_taken(rig: Rig, account: Account, deadline: Deadline) -> bool:
    authentication.fill(rig, account, deadline=deadline)
    asked = rig.sees(_is_restart, rig.timeouts.settle, deadline=deadline, what="the request for a restart")
    return asked is not None


def close_settings(rig: Rig, *, deadline: Deadline) -> None:
    """Ends Settings, whatever it shows."""
    done = run(rig, commands.quit_settings(walk_for(rig.facts.macos).settings), deadline=deadline)
    if done.exit_code != 0:
        rig.note(f"Settings was not closed: {done.err.strip()[:160]}")


def _open(rig: Rig, user: str, deadline: Deadline) -> None:
    done = run(rig, commands.open_security_settings(walk_for(rig.facts.macos).pane_url), deadline=deadline)
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


def _is_pane(rig: Rig, text: str) -> bool:
    return has(text, *walk_for(rig.facts.macos).pane) and not _is_dialogue(text)


def _is_restart(text: str) -> bool:
    return has(text, "restart is required")


class _Row(StrEnum):
    """Who is spoken of by a sentence of the pane, which has one a row: developers of kexts, applications."""

    DEVELOPER = "developer"
    APPLICATION = "application"
    UNREADABLE = "unreadable"


def _rows(text: str) -> tuple[_Row, ...]:
    """The rows from top to bottom. A sentence that OCR has damaged is a row, too."""
    named = re.findall(rf"{fold('System software from')}({fold('developer')}|{fold('application')})", fold(text))
    rows = tuple(_Row.DEVELOPER if name == fold("developer") else _Row.APPLICATION for name in named)
    return rows + (_Row.UNREADABLE,) * (fold(text).count(fold("blocked from loading")) - len(rows))


def _offer(text: str) -> Offer:
    if has(text, "Enable System Extensions"):
        return Offer.ENABLE
    if set(_rows(text)) <= {_Row.APPLICATION}:
        return Offer.NOTHING
    if any(fold(line.split()[-1]) == "allow" for line in text.splitlines() if line.strip()):
        return Offer.ALLOW
    return Offer.NO_BUTTON


def _tabs_to_ours(rig: Rig, deadline: Deadline) -> int:
    """Tabs from the search field to the button of the first developer's row."""
    rows = _rows(rig.screen.text(deadline=deadline))
    ours = next((n for n, row in enumerate(rows) if row is not _Row.APPLICATION), 0)
    return walk_for(rig.facts.macos).tabs_to_pending + ours


def _press_at(rig: Rig, tabs: Callable[[], int], follows: Callable[[str], bool], deadline: Deadline) -> None:
    """Tab to a button, Space; what follows must come, else once more from a pane that is opened anew."""
    for attempt in range(_TRIES):
        if attempt:
            _start_again(rig, deadline)
        _press_after(rig, tabs(), deadline)
        if rig.sees(follows, rig.timeouts.settle, deadline=deadline, what="an answer to the button"):
            return
    raise _nothing_came(rig, deadline)


def _press_after(rig: Rig, tabs: int, deadline: Deadline) -> None:
    for _ in range(tabs):
        rig.keyboard.press("tab", deadline=deadline)
    rig.keyboard.press("space", deadline=deadline)


def _nothing_came(rig: Rig, deadline: Deadline) -> KextrelError:
    """Without keyboard navigation Tab passes over buttons: that is the Mac's preparation (PREP-07)."""
    mode = run(rig, _KEYBOARD_NAVIGATION, deadline=deadline).out.strip()
    if mode not in ("2", "3"):
        return NotPossible("keyboard navigation is off, so Allow cannot be reached by keys; prepare the Mac (PREP-07)")
    return blame_or(rig, rig.keyboard.name, "pressed a button of Settings and nothing came of it", deadline=deadline)


def _start_again(rig: Rig, deadline: Deadline) -> None:
    rig.keyboard.press("escape", deadline=deadline)
    close_settings(rig, deadline=deadline)
    look(rig, deadline=deadline)
