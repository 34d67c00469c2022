"""System extensions in Settings: Allow for an app that waits, up to macOS 14, and the switches of macOS 15 and later.

Where an extension stands is never in the text of the screen: what the list says before and after tells that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from kextrel.device.flows import authentication, pane
from kextrel.device.flows.authentication import is_sheet
from kextrel.device.flows.pane import Pane
from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import fold, has
from kextrel.device.flows.walks import walk_for
from kextrel.device.rig import Account, Rig
from kextrel.macos import applications
from kextrel.timing import Deadline
from kextrel.vocabulary import Category, Extension

__all__ = ["Came", "allow_application", "flip"]

_TITLES = {
    Category.ENDPOINT_SECURITY: "Endpoint Security Extensions",
    Category.NETWORK: "Network Extensions",
    Category.DRIVER: "Driver Extensions",
}
_WHO = f"({fold('developer')}|{fold('application')})"
_SENTENCE = re.compile(f"{fold('System software from')}{_WHO}(.+?){fold('was')}(?:{fold('blocked')}|{fold('Allow')})")
_TRIES = 2


class Came(StrEnum):
    """What came of a walk in Settings."""

    TAKEN = "macOS took the password"
    DENIED = "the request for a password stayed, and was cancelled"
    NOT_OFFERED = "Settings does not offer it"
    STUCK = "the switch does not move"


@dataclass(frozen=True)
class _Row:
    """A sentence about a developer's or an application's extensions, and whether it has a button; names are folded."""

    kind: str
    name: str
    button: bool


def allow_application(rig: Rig, app: str, account: Account, *, deadline: Deadline) -> Came:
    """Before macOS 15: Allow beside the sentence about `app` (its name), and the password. Leaves Settings open."""

    def again() -> str:
        return pane.open_pane(rig, pane.security(rig), deadline=deadline)

    again()
    offered = rig.sees(lambda t: _tabs(rig, t, app) is not None, rig.timeouts.drawn, deadline=deadline, what="Allow")
    if offered is None:
        return _not_offered(rig, pane.security(rig), deadline)

    def tabs() -> int:
        return _tabs(rig, rig.screen.text(deadline=deadline), app) or 0

    if walk_for(rig.facts.macos).tabs_to_lock is not None:
        return _behind_lock(rig, app, account, again, deadline)
    others = _others(rig.screen.text(deadline=deadline), app)
    pane.press_at(rig, tabs, is_sheet, again, deadline)
    if not authentication.answer(rig, account, deadline=deadline):
        return Came.DENIED
    if not _row_went(rig, app, deadline) and others - _others(rig.screen.text(deadline=deadline), app):
        raise blame_or(rig, rig.keyboard.name, "pressed the button of another row", deadline=deadline)
    return Came.TAKEN


def _behind_lock(rig: Rig, app: str, account: Account, again: Callable[[], object], deadline: Deadline) -> Came:
    """The lock, then Allow, which asks no more; a key that got lost is pressed again from a pane opened anew."""
    lock = walk_for(rig.facts.macos).tabs_to_lock or 0
    for attempt in range(_TRIES):
        if attempt:
            pane.start_again(rig, again, deadline)
        at = 0
        if has(rig.screen.text(deadline=deadline), pane.LOCKED):
            if not pane.unlock(rig, account, again, deadline=deadline):
                return Came.DENIED
            at = lock
        pane.press_after(rig, (_tabs(rig, rig.screen.text(deadline=deadline), app) or at) - at, deadline)
        if _row_went(rig, app, deadline):
            return Came.TAKEN
    raise pane.nothing_came(rig, deadline)


def _row_went(rig: Rig, app: str, deadline: Deadline) -> bool:
    """Whether the application's row went from the pane."""
    went = rig.sees(lambda t: _tabs(rig, t, app) is None, rig.timeouts.settle, deadline=deadline, what="the row's end")
    return went is not None


def _others(text: str, app: str) -> set[str]:
    return {row.name for row in _rows(text)} - {fold(app)}


def flip(rig: Rig, extension: Extension, listed: Iterable[str], account: Account, *, deadline: Deadline) -> Came:
    """From macOS 15 on: the extension's switch, and the password. Leaves Settings open.

    `listed` are the identifiers of all extensions; those above it on the sheet are counted by them.
    """
    place = _sheet(extension)
    pane.open_pane(rig, place, deadline=deadline)
    known = {fold(name) for name in listed} | {fold(extension.bundle_id)}

    def position(text: str) -> int | None:
        return _position(text, fold(extension.bundle_id), known)

    text = rig.sees(lambda t: position(t) is not None, rig.timeouts.drawn, deadline=deadline, what="the switch")
    at = None if text is None else position(text)
    if at is None:
        return _not_offered(rig, place, deadline)
    for attempt in range(_TRIES):
        if attempt:
            pane.start_again(rig, lambda: pane.open_pane(rig, place, deadline=deadline), deadline)
        pane.press_after(rig, at, deadline)
        if rig.sees(is_sheet, rig.timeouts.settle, deadline=deadline, what="an answer to the switch"):
            return Came.TAKEN if authentication.answer(rig, account, deadline=deadline) else Came.DENIED
    return _stuck(rig, place, deadline)


def _not_offered(rig: Rig, place: Pane, deadline: Deadline) -> Came:
    """Only a pane that is still there, and read, says that something is not on it."""
    if not place.shown(rig.screen.text(deadline=deadline)):
        raise blame_or(rig, rig.screen.name, f"lost sight of {place.name}", deadline=deadline)
    return Came.NOT_OFFERED


def _stuck(rig: Rig, place: Pane, deadline: Deadline) -> Came:
    """A switch that does not move is one thing, keys that do not arrive another: Escape must close the sheet."""
    rig.keyboard.press("escape", deadline=deadline)
    if rig.sees(lambda t: not place.shown(t), rig.timeouts.screen, deadline=deadline, what="no sheet") is None:
        raise pane.nothing_came(rig, deadline)
    return Came.STUCK


def _sheet(extension: Extension) -> Pane:
    category = extension.category or Category.ENDPOINT_SECURITY
    title = _TITLES[category]
    return Pane(title, applications.open_extension_settings(category), (title, "Done"))


def _position(text: str, wanted: str, known: set[str]) -> int | None:
    """How many extensions stand above ours; each has its identifier on a line of its own, under its app's name."""
    above = 0
    for line in map(fold, text.splitlines()):
        if line == wanted:
            return above
        above += line in known
    return None


def _tabs(rig: Rig, text: str, app: str) -> int | None:
    """Tabs from the search field to the Allow of the application of that name; None where it has none."""
    buttons = 0
    for row in _rows(text):
        if row.button and row.kind == fold("application") and row.name == fold(app):
            return walk_for(rig.facts.macos).tabs_to_pending + buttons
        buttons += row.button
    return None


def _rows(text: str) -> list[_Row]:
    """The sentences from top to bottom. Their buttons are at line ends; of a sidebar there are lines in between."""
    parts: list[list[str]] = []
    for line in text.splitlines():
        if has(line, "System software from"):
            parts.append([])
        if parts:
            parts[-1].append(line)
    return [row for part in parts if (row := _row(part)) is not None]


def _row(lines: list[str]) -> _Row | None:
    found = _SENTENCE.search(fold("".join(lines)))
    button = any(fold(line).endswith((fold("Allow"), fold("Enable System Extensions"))) for line in lines)
    return _Row(found[1], found[2], button) if found else None
