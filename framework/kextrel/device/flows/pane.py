"""A pane of Settings, opened over the shell and operated by the keyboard: to macOS the injector is a physical one.

Opened, looked at, its buttons pressed by Tab and Space, its lock opened where it has one, and closed. What the buttons
are for is other flows' to know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kextrel.device.flows import authentication, login
from kextrel.device.flows.authentication import is_sheet
from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import has
from kextrel.device.flows.walks import walk_for
from kextrel.device.remote import look, run
from kextrel.device.rig import Account, Rig
from kextrel.errors import KextrelError, NotPossible
from kextrel.macos import commands
from kextrel.timing import Deadline

__all__ = [
    "LOCKED",
    "Pane",
    "close_settings",
    "nothing_came",
    "open_pane",
    "press_after",
    "press_at",
    "security",
    "start_again",
    "unlock",
]

LOCKED, _UNLOCKED = "Click the lock to make changes", "Click the lock to prevent further changes"
_KEYBOARD_NAVIGATION = "defaults read -g AppleKeyboardUIMode"
_DISMISSALS = 4
_TRIES = 2


@dataclass(frozen=True)
class Pane:
    """Where a pane is: its name for people, the command that opens it, the words that only it has."""

    name: str
    command: str
    words: tuple[str, ...]

    def shown(self, text: str) -> bool:
        return has(text, *self.words) and not _is_dialogue(text)


def security(rig: Rig) -> Pane:
    """Where waiting extensions are allowed: Privacy & Security, or its forerunner."""
    walk = walk_for(rig.facts.macos)
    return Pane(walk.pane[0], commands.open_security_settings(walk.pane_url), walk.pane)


def open_pane(rig: Rig, pane: Pane, *, deadline: Deadline) -> str:
    """Opens the pane in the login session, with no dialogue over it; its text. See `close_settings`."""
    user = login.ensure(rig, deadline=deadline)
    _begin_without(rig, pane, deadline)
    _dismiss_dialogues(rig, deadline)
    done = run(rig, pane.command, deadline=deadline)
    if done.exit_code != 0:
        raise NotPossible(f"Settings does not open for {user}: {done.err.strip()[:160]}")
    return _seen(rig, pane, deadline)


def close_settings(rig: Rig, *, deadline: Deadline) -> None:
    """Ends Settings, whatever it shows."""
    done = run(rig, commands.quit_settings(walk_for(rig.facts.macos).settings), deadline=deadline)
    if done.exit_code != 0:
        rig.note(f"Settings was not closed: {done.err.strip()[:160]}")


def press_at(
    rig: Rig, tabs: Callable[[], int], follows: Callable[[str], bool], again: Callable[[], object], deadline: Deadline
) -> None:
    """Tab to a button, Space; what follows must come, else once more after `again` has opened the pane anew."""
    for attempt in range(_TRIES):
        if attempt:
            start_again(rig, again, deadline)
        press_after(rig, tabs(), deadline)
        if rig.sees(follows, rig.timeouts.settle, deadline=deadline, what="an answer to the button"):
            return
    raise nothing_came(rig, deadline)


def press_after(rig: Rig, tabs: int, deadline: Deadline) -> None:
    """Presses what is `tabs` Tabs from the focus."""
    for _ in range(tabs):
        rig.keyboard.press("tab", deadline=deadline)
    rig.keyboard.press("space", deadline=deadline)


def unlock(rig: Rig, account: Account, again: Callable[[], object], *, deadline: Deadline) -> bool:
    """From the search field to the lock, and through its sheet; the focus stays on the lock. Whether it opened."""
    press_at(rig, lambda: walk_for(rig.facts.macos).tabs_to_lock or 0, is_sheet, again, deadline)
    if not authentication.answer(rig, account, deadline=deadline):
        return False
    if not rig.sees(lambda t: has(t, _UNLOCKED), rig.timeouts.screen, deadline=deadline, what="an open lock"):
        raise blame_or(rig, rig.screen.name, "shows no open lock after the password", deadline=deadline)
    return True


def nothing_came(rig: Rig, deadline: Deadline) -> KextrelError:
    """Without keyboard navigation Tab passes over buttons: that is the Mac's preparation (PREP-07)."""
    mode = look(rig, _KEYBOARD_NAVIGATION, deadline=deadline).out.strip()
    if mode not in ("2", "3"):
        return NotPossible("keyboard navigation is off, so Allow cannot be reached by keys; prepare the Mac (PREP-07)")
    return blame_or(rig, rig.keyboard.name, "pressed a button of Settings and nothing came of it", deadline=deadline)


def start_again(rig: Rig, again: Callable[[], object], deadline: Deadline) -> None:
    """Closes Settings with whatever it shows, and opens the pane anew."""
    rig.keyboard.press("escape", deadline=deadline)
    close_settings(rig, deadline=deadline)
    again()


def _begin_without(rig: Rig, pane: Pane, deadline: Deadline) -> None:
    """A pane that is there before it was opened may be an old picture: what it offers is not believed."""
    if not pane.shown(rig.screen.text(deadline=deadline)):
        return
    close_settings(rig, deadline=deadline)
    gone = rig.sees(lambda t: not pane.shown(t), rig.timeouts.screen, deadline=deadline, what="an end of Settings")
    if gone is None:
        raise blame_or(rig, rig.screen.name, "shows Settings after it was closed; is it frozen?", deadline=deadline)


def _seen(rig: Rig, pane: Pane, deadline: Deadline) -> str:
    """The pane's text; a dialogue that comes late, over the pane, is dismissed."""
    for _ in range(_DISMISSALS):
        text = rig.sees(
            lambda t: pane.shown(t) or _is_dialogue(t), rig.timeouts.screen, deadline=deadline, what=pane.name
        )
        if text is not None and not _is_dialogue(text):
            return text
        if text is not None:
            _dismiss_dialogues(rig, deadline)
    raise blame_or(rig, rig.screen.name, f"does not show {pane.name} after it was opened", deadline=deadline)


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
