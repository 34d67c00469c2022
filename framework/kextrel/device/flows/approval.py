"""The approval of a kext, in Settings: what is offered there, and the walk to Modify Settings and back.

Settings is opened over the shell and operated by the keyboard only: to macOS the injector is a physical one. Before 13
it is System Preferences, whose lock is opened first; where things are there is the release's walk to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from enum import StrEnum

from kextrel.device.flows import authentication, pane
from kextrel.device.flows.authentication import is_sheet
from kextrel.device.flows.pane import close_settings
from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import fold, has
from kextrel.device.flows.walks import walk_for
from kextrel.device.remote import run
from kextrel.device.rig import Account, Rig
from kextrel.errors import NotPossible
from kextrel.macos import commands
from kextrel.timing import Deadline

__all__ = ["Offer", "approve", "approve_by_script", "close_settings", "look", "of_several", "ours", "seen"]

_TRIES = 2
_DAMAGED, _ANOTHER = 0.9, 0.6
"""How alike two names are of which one is the other, read badly; and how little they are when they are two."""
_ABOUT = re.compile(f"{fold('developer')}(.+?){fold('was')}(?:{fold('blocked')}|{fold('Allow')}|{fold('Enable')})")


class Offer(StrEnum):
    """What the pane has for the pending extension."""

    ALLOW = "Allow"
    ENABLE = "Enable System Extensions…"
    NO_BUTTON = "the sentence without a button"
    NOTHING = "nothing pending"


def look(rig: Rig, *, deadline: Deadline) -> Offer:
    """Opens the pane, reads what it offers, and leaves it open. See `close_settings`."""
    return _offered(rig, pane.open_pane(rig, pane.security(rig), deadline=deadline), deadline)


def _offered(rig: Rig, text: str, deadline: Deadline) -> Offer:
    """What the pane offers. A pane is drawn piece by piece: that something is not there is said after a while only."""
    buttons = (Offer.ALLOW, Offer.ENABLE)
    if _offer(text) not in buttons:
        later = rig.sees(
            lambda t: pane.security(rig).shown(t) and _offer(t) in buttons,
            rig.timeouts.drawn,
            deadline=deadline,
            what="an offer",
        )
        text = later or rig.screen.text(deadline=deadline)
        if not pane.security(rig).shown(text):
            raise blame_or(rig, rig.screen.name, "lost sight of Privacy & Security", deadline=deadline)
    return _offer(text)


def of_several(rig: Rig, *, deadline: Deadline) -> bool:
    """Whether the open pane has a sentence, and a button, for more than one developer of kexts."""
    return _kexts(rig.screen.text(deadline=deadline)) > 1


def ours(rig: Rig, names: Sequence[str], *, deadline: Deadline) -> str:
    """By which of `names`, all that macOS may call our developer, the open pane speaks of it; "" where it speaks of
    others only. NotPossible, with what was seen, where that cannot be told: a stranger's button is never pressed.

    A lone row may be damaged a little by OCR; of several one must be ours to the letter.
    """
    text = rig.screen.text(deadline=deadline)
    said = [_developer(sentence) for sentence in _sentences(text)]
    exact = [name for name in names if [fold(name)] == [one for one in said if one == fold(name)]]
    likeness = {name: max((_alike(one, fold(name)) for one in said if one), default=0.0) for name in names}
    nearest = max(likeness, key=lambda name: likeness[name], default="")
    if _is_legible(text):
        if exact:
            return exact[0]
        if nearest and likeness[nearest] >= _DAMAGED and _kexts(text) == 1:
            return nearest
        if nearest and likeness[nearest] < _ANOTHER:
            return ""
    known = " or ".join(names) or "nobody whom codesign names"
    raise NotPossible(f"Settings says {seen(text)}: it cannot be told which row is ours, of {known}")


def seen(text: str) -> str:
    """The sentences of the pane as they were read, for people."""
    words = ("System software from", "blocked from loading")
    lines = (line.strip() for line in text.splitlines() if any(has(line, one) for one in words))
    return " / ".join(lines)[:300] or "nothing that can be read"


def approve(rig: Rig, account: Account, developer: str = "", *, deadline: Deadline) -> bool:
    """With the pane open on Allow: presses it, authenticates as `account`, declines the restart. Behind a lock it is
    the lock that asks for the password, and Allow asks no more. `developer`: whose row it is, where there are several.

    Whether macOS took it: False means that the sheet stayed, twice, and it was cancelled. Twice, as nobody sees whether
    the keyboard lost a key of the password. Nothing of the screen is kept before the sheet is gone.
    """
    if walk_for(rig.facts.macos).tabs_to_lock is not None:
        return _behind_lock(rig, account, developer, deadline)
    pane.press_at(rig, lambda: _tabs_to_ours(rig, developer, deadline), is_sheet, _again(rig, deadline), deadline)
    with rig.screen.private():
        taken = any(_is_taken(rig, account, deadline) for _ in range(_TRIES))
        if not taken:
            authentication.check_letters(rig, deadline=deadline)
        rig.keyboard.press("escape", deadline=deadline)
        gone = rig.sees(
            lambda t: not is_sheet(t) and not _is_restart(t), rig.timeouts.screen, deadline=deadline, what="no sheet"
        )
    if gone is None:
        raise blame_or(rig, rig.keyboard.name, "pressed Escape and the sheet stayed", deadline=deadline)
    return taken


def _behind_lock(rig: Rig, account: Account, developer: str, deadline: Deadline) -> bool:
    """The lock, then Allow; the pane is open on Allow. An Allow that is pressed while it is locked does nothing."""
    for attempt in range(_TRIES):
        if attempt:
            pane.start_again(rig, _again(rig, deadline), deadline)
        at = 0
        if has(rig.screen.text(deadline=deadline), pane.LOCKED):
            if not pane.unlock(rig, account, _again(rig, deadline), deadline=deadline):
                return False
            at = walk_for(rig.facts.macos).tabs_to_lock or 0
        taken = _taken_by(rig, _kexts(rig.screen.text(deadline=deadline)))
        pane.press_after(rig, _tabs_to_ours(rig, developer, deadline) - at, deadline)
        if rig.sees(taken, rig.timeouts.settle, deadline=deadline, what="an end of the request"):
            if walk_for(rig.facts.macos).restarts:
                rig.keyboard.press("escape", deadline=deadline)
            return True
    raise pane.nothing_came(rig, deadline)


def approve_by_script(rig: Rig, account: Account, *, deadline: Deadline) -> bool:
    """With the pane open on Allow: the lock is opened by hand, and Allow clicked by a programme. Whether anything came
    of the click. NotPossible where programmes may not click at all."""
    locked = walk_for(rig.facts.macos).tabs_to_lock is not None and has(rig.screen.text(deadline=deadline), pane.LOCKED)
    if locked and not pane.unlock(rig, account, _again(rig, deadline), deadline=deadline):
        raise NotPossible(f"the lock of the pane does not open for {account.name}, and Allow is behind it")
    done = run(rig, commands.click_button("Allow", walk_for(rig.facts.macos).settings), deadline=deadline)
    if done.exit_code != 0:
        how = "let Remote Login control the Mac (Accessibility), or leave synthetic input out"
        raise NotPossible(f"System Events does not click on {rig.name}: {done.err.strip()[:160]}; {how}")

    def came(text: str) -> bool:
        return (
            is_sheet(text) or _is_restart(text) or (pane.security(rig).shown(text) and _offer(text) is not Offer.ALLOW)
        )

    return rig.sees(came, rig.timeouts.settle, deadline=deadline, what="an answer to the click") is not None


def _taken_by(rig: Rig, before: int) -> Callable[[str], bool]:
    """What shows that the release took the approval: it asks for a restart or, before 11, offers one less than `before`
    it."""
    if walk_for(rig.facts.macos).restarts:
        return _is_restart
    shown = pane.security(rig).shown
    return lambda text: shown(text) and _kexts(text) < before


def _again(rig: Rig, deadline: Deadline) -> Callable[[], Offer]:
    return lambda: look(rig, deadline=deadline)


def _is_taken(rig: Rig, account: Account, deadline: Deadline) -> bool:
    authentication.fill(rig, account, deadline=deadline)
    asked = rig.sees(_is_restart, rig.timeouts.settle, deadline=deadline, what="the request for a restart")
    return asked is not None


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


def _kexts(text: str) -> int:
    """How many developers of kexts the pane speaks of."""
    return len([row for row in _rows(text) if row is not _Row.APPLICATION])


def _sentences(text: str) -> list[str]:
    """The pane's sentences from top to bottom, folded, without their common beginning."""
    return fold(text).split(fold("System software from"))[1:]


def _developer(sentence: str) -> str | None:
    """The folded name of the developer whom a sentence is about; None where it is about an application. A button may
    have been read in the middle of it."""
    found = _ABOUT.match(sentence)
    return found[1] if found else None


def _is_legible(text: str) -> bool:
    """Whether each row says whose it is: a developer's sentence may be damaged behind its beginning, too."""
    unnamed = (one for one in _sentences(text) if _developer(one) is None)
    return _Row.UNREADABLE not in _rows(text) and not any(one.startswith(fold("developer")) for one in unnamed)


def _alike(one: str, other: str) -> float:
    """From 0, nothing in common, to 1, the same."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _tabs_to_ours(rig: Rig, developer: str, deadline: Deadline) -> int:
    """Tabs from the search field to the button of the row of `developer`; of the only one of a developer, if nobody is
    named, or if it is not to be read to the letter any more."""
    text = rig.screen.text(deadline=deadline)
    named = [n for n, sentence in enumerate(_sentences(text)) if developer and _developer(sentence) == fold(developer)]
    first = [n for n, row in enumerate(_rows(text)) if row is not _Row.APPLICATION]
    if len(named) != 1 and developer and len(first) > 1:
        raise NotPossible(f"Settings says {seen(text)} by now: it cannot be told which row is {developer}'s")
    return walk_for(rig.facts.macos).tabs_to_pending + next(iter([*named, *first]), 0)
