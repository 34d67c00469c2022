"""A command in the login session that waits until a person has answered what it asks: an app's request, Finder."""

from __future__ import annotations

import shlex

from kextrel.bench.protocols import Completed
from kextrel.device.flows import authentication
from kextrel.device.flows.authentication import is_sheet
from kextrel.device.flows.place import blame_or
from kextrel.device.flows.screens import has
from kextrel.device.job import Job, job
from kextrel.device.remote import answered, look
from kextrel.device.rig import Account, Rig
from kextrel.errors import UnreadableAnswer
from kextrel.timing import Deadline

__all__ = ["number_of", "through"]


def through(rig: Rig, command: str, account: Account | None, *, deadline: Deadline) -> Completed:
    """Runs it to its end. A password is given as `account`; where that is None the request for one is cancelled."""
    with job(rig, command, deadline=deadline) as running:
        running.watch(_asks, rig.timeouts.screen, deadline=deadline, what="an answer, or a request for a password")
        if not running.ended(deadline=deadline) and rig.wires.screen is not None:
            _answer(rig, running, account, deadline)
        return running.completed(deadline=deadline)


def number_of(rig: Rig, user: str, *, deadline: Deadline) -> int:
    """The user's number, which names the login session."""
    command = shlex.join(["id", "-u", user])
    said = answered(look(rig, command, deadline=deadline), 0).out.strip()
    if not (said.isascii() and said.isdigit()):
        raise UnreadableAnswer(command, said)
    return int(said)


def _answer(rig: Rig, running: Job, account: Account | None, deadline: Deadline) -> None:
    """Finder warns first; then it, or macOS for the app, asks for a password."""
    if _warns(rig.screen.text(deadline=deadline)):
        rig.keyboard.press("return", deadline=deadline)
        running.watch(is_sheet, rig.timeouts.screen, deadline=deadline, what="Finder's request for a password")
        if _warns(rig.screen.text(deadline=deadline)):
            raise blame_or(rig, rig.keyboard.name, "pressed Return and Finder still warns", deadline=deadline)
    if is_sheet(rig.screen.text(deadline=deadline)):
        if account is None:
            authentication.cancel(rig, deadline=deadline)
        else:
            authentication.answer(rig, account, deadline=deadline)
    running.watch(lambda _: False, rig.timeouts.screen, deadline=deadline, what="the end of the request")


def _asks(text: str) -> bool:
    return is_sheet(text) or _warns(text)


def _warns(text: str) -> bool:
    return has(text, "contains system extensions that will be removed")
