"""The log of sysextd, kernelmanagerd (before 11 kextd) and syspolicyd as what happened when: states of system
extensions that change, kexts that are built, refused and approved, restarts that are asked for.

Words of the daemons are matched, not their order. A state is only believed when it is one that is known, so that a
line which was cut, or wrapped in the middle of a word, never makes a state that no Mac has.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kextrel.macos import load
from kextrel.macos.loglines import Entry, entries
from kextrel.macos.sysext import STATES
from kextrel.macos.text import Facts, clean, flat, meaningful, require, unique

__all__ = ["Event", "LogAnswer", "LoggedKext", "Transition", "command", "read"]

_DAEMONS = 'process IN {"sysextd", "kernelmanagerd", "kextd", "syspolicyd"}'

# The longest first, since some begin with another.
_STATE = re.compile("|".join(sorted(STATES, key=len, reverse=True)))
_LONGEST = 90

_ADVANCING = "advancing state from "
_WHO = re.compile(
    r"(?:\bextension (?:([A-Z0-9]{10}|-) )?|\b([A-Z0-9]{10}) )"
    r"([A-Za-z0-9][\w.-]{1,250}) \(([^()/\s]{0,60})/([^()\s]{0,60})\) \Z"
)
# A whole message of sysextd, undamaged, which is most of what tells of states.
_USUAL = re.compile(
    r"extension (?:([A-Z0-9]{10}|-) )?([A-Za-z0-9][\w.-]{1,250}) \(([^()/\s]{0,60})/([^()\s]{0,60})\)"
    r" advancing state from ([a-z_]{4,90}) to ([a-z_]{4,90})"
)
_KEXT = re.compile(
    r"\bKext (\S{1,250}) (\S{1,60}) in (?:(?:executable|codeless) )?kext bundle \S{1,250} at (\S[^\n]{0,1000}?\.kext)"
)
_PROPERTY = re.compile(r"Property '(\w{1,80})' must be")
_CODE = re.compile(r"OSSystemExtensionErrorDomain[ ,:(]{0,4}(?:[Cc]ode[ =:]{0,2})?(\d{1,4})")
_IDENTIFIED = re.compile(
    r"(?:extension with identifier|activation request for|deactivation request for) ([\w.-]{2,250})"
)

# What a message means. More than one may be in it.
_EVENTS = (
    ("attempting to realize extension", "activation-requested"),
    ("initial activation decision", "activation-decided"),
    ("staging extension with identifier", "staging"),
    ("found two entries", "two-entries"),
    ("deactivation request", "deactivation-requested"),
    ("cannot be terminated right away", "still-running"),
    ("responsibility for termination", "left-to-delegate"),
    ("is not valid, error", "invalid"),
    ("gathering approvals for", "approvals-asked"),
    ("rebuild request failed", "rebuild-failed"),
    ("Collection wrapped successfully", "auxkc-built"),
    ("auxkc build requires reboot", "auxkc-built"),
    ("extensions not allowed", "kexts-not-allowed"),
    ("Kernel Extension ALLOWED", "kext-allowed"),
    ("Kernel Extension DENIED", "kext-denied"),
    ("not approved to load", "approval-required"),
)
_TITLES = ("Timestamp   ", "Filtering the log data using")
_REBOOT = ("requires reboot", "requires a reboot", "require a reboot", "at the next reboot", "complete after reboot")
_FAILURE = ("failed", "rror", "not approved", "denied", "not valid", "rejected")


@dataclass(frozen=True)
class Transition(Facts):
    """One change of state. `time` as the log prints it; None: it does not say."""

    before: str
    after: str
    time: str | None = None
    team_id: str | None = None
    bundle_id: str | None = None
    version: str | None = None
    build: str | None = None


@dataclass(frozen=True)
class Event(Facts):
    """Something else that happened: a word for it, when, who said it, and in what words."""

    event: str
    time: str | None
    process: str | None
    bundle_id: str | None
    message: str


@dataclass(frozen=True)
class LoggedKext(Facts):
    """A kext that a list of kernelmanagerd names."""

    bundle_id: str
    version: str | None
    path: str


@dataclass(frozen=True)
class LogAnswer:
    """`changes` are the transitions in the order of the log. None and empty: the lines do not say."""

    changes: tuple[Transition, ...] = ()
    events: tuple[Event, ...] = ()
    reason: str | None = None
    code: int | None = None
    identifiers: tuple[str, ...] = ()
    needs_reboot: bool | None = None
    auxkc_built: bool | None = None
    kexts: tuple[LoggedKext, ...] = ()
    unparsed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {
            "transitions": [[change.before, change.after] for change in self.changes],
            "changes": [change.facts() for change in self.changes],
            "events": [event.facts() for event in self.events],
            "reason": self.reason,
            "code": self.code,
            "identifiers": list(self.identifiers),
            "needs_reboot": self.needs_reboot,
            "auxkc_built": self.auxkc_built,
            "kexts": [kext.facts() for kext in self.kexts],
        }


@dataclass
class _Draft:
    changes: list[Transition]
    events: list[Event]
    identifiers: list[str]
    kexts: dict[tuple[str, str], LoggedKext]
    unparsed: list[str]
    reason: str | None = None
    code: int | None = None
    reboot: bool = False
    known: bool = False


def command(*, minutes: int) -> str:
    """The command line that prints what the daemons logged in the last `minutes` (man log)."""
    return shlex.join(["log", "show", "--last", f"{max(1, minutes)}m", "--predicate", _DAEMONS])


def read(text: str | bytes) -> LogAnswer:
    """Raises UnreadableAnswer for text without a line of a log and without a word of the daemons."""
    draft = _Draft([], [], [], {}, [])
    for entry in entries(text):
        _take(entry, draft)
    # Its titles alone are an answer: nothing was logged.
    lines = () if draft.known else tuple(meaningful(clean(text)))
    require(draft.known or any(line.startswith(_TITLES) for line in lines), "log show", lines)
    built = True if any(event.event == "auxkc-built" for event in draft.events) else None
    return LogAnswer(
        tuple(draft.changes),
        tuple(draft.events),
        draft.reason,
        draft.code,
        unique(draft.identifiers),
        draft.reboot or None,
        built,
        tuple(draft.kexts.values()),
        tuple(draft.unparsed),
    )


def _take(entry: Entry, draft: _Draft) -> None:
    usual = _usual(entry)
    message = entry.message if usual else flat(entry.message)
    changes = [usual] if usual else _changes(message, entry)
    kexts = _kexts(entry.message) if "kext bundle" in entry.message else []
    events = list(_events(message, entry))
    needs = "reboot" in message and any(phrase in message for phrase in _REBOOT)
    draft.changes += changes
    for kext in kexts:
        draft.kexts[kext.bundle_id, kext.path] = kext
    draft.events += events
    draft.reboot = draft.reboot or needs
    if any(map(message.__contains__, _FAILURE)):
        _take_failure(message, draft)
    if "Property" in message and (match := _PROPERTY.search(message)):
        draft.reason = draft.reason or f"invalid {match[1]}"
        draft.known = True
    # A state that changes is never known by another word of the same message.
    understood = bool(changes or ((kexts or events or needs) and _ADVANCING not in message))
    draft.known = draft.known or understood or entry.time is not None
    if not understood:
        draft.unparsed += entry.lines
    elif not changes:
        # Lists are indented below their message; what is not is something else.
        draft.unparsed += [line for line in entry.lines[1:] if not line[:1].isspace()]


def _take_failure(message: str, draft: _Draft) -> None:
    reason = load.reason_of(message)
    draft.reason = draft.reason or (reason.value if reason else None)
    draft.identifiers += load.identifiers_of(message)
    if match := _CODE.search(message):
        draft.code = int(match[1])
        draft.known = True


def _usual(entry: Entry) -> Transition | None:
    """What an undamaged message on one line tells, in one step."""
    match = _USUAL.fullmatch(entry.message) if entry.whole and len(entry.lines) == 1 else None
    if match is None:
        return None
    team, bundle, version, build, before, after = match.groups()
    if before not in STATES or after not in STATES:
        return None
    return Transition(before, after, entry.time, team, bundle, version, build)


def _changes(message: str, entry: Entry) -> list[Transition]:
    """A terminal breaks between words or inside them: only one of the two readings can have known states."""
    found = list(_transitions(message, entry)) if _ADVANCING in message else []
    joined = entry.message.replace("\n", "") if len(entry.lines) > 1 else ""
    other = list(_transitions(joined, entry)) if _ADVANCING in joined else []
    return max(found, other, key=_told) if other else found


def _kexts(message: str) -> list[LoggedKext]:
    return [LoggedKext(match[1], _version(match[2]), match[3]) for match in _KEXT.finditer(message)]


def _transitions(message: str, entry: Entry) -> Iterator[Transition]:
    end = 0
    while (start := message.find(_ADVANCING, end)) >= 0:
        end = start + len(_ADVANCING)
        before, after = _states(message[end : end + 2 * _LONGEST], entry.whole)
        if before is None or after is None:
            continue
        who = _who(message[max(0, start - 600) : start])
        if who is None:
            yield Transition(before, after, entry.time)
        else:
            yield Transition(before, after, entry.time, who[1] or who[2], who[3], who[4], who[5])


def _who(before: str) -> re.Match[str] | None:
    """The extension that the words at the end name. They are four at most, and a search from afar is dear."""
    earlier, *words = before.rsplit(" ", 5)
    return _WHO.search(before, len(earlier) if len(words) == 5 else 0)


def _told(changes: list[Transition]) -> int:
    """How much a reading of a message tells."""
    return sum(1 + (change.bundle_id is not None) for change in changes)


def _states(words: str, whole: bool) -> tuple[str | None, str | None]:
    """The two states of "A to B …", each of them known. Blanks inside one are a terminal's."""
    before, to, rest = words.partition(" to ")
    while to and before.replace(" ", "") not in STATES:
        more, to, rest = rest.partition(" to ")
        before = f"{before} to {more}"
    first = before.replace(" ", "")
    return (first, _leading(rest, whole)) if first in STATES else (None, None)


def _leading(rest: str, whole: bool) -> str | None:
    """The longest known state that `rest` begins with; None where more of the word was cut off or is not known."""
    squeezed = rest.replace(" ", "")
    match = _STATE.match(squeezed)
    found = match[0] if match else None
    if found is None or squeezed[len(found) :][:1] == "_":
        return None
    cut = squeezed == found and not whole
    return None if cut and any(state != found and state.startswith(found) for state in STATES) else found


def _events(message: str, entry: Entry) -> Iterator[Event]:
    words = [word for phrase, word in _EVENTS if phrase in message]
    if not words:
        return
    named = _IDENTIFIED.search(message)
    for word in words:
        yield Event(word, entry.time, entry.process, named[1] if named else None, message[:1000])


def _version(word: str) -> str | None:
    """`v1.2` without its letter; what is not of that form was damaged."""
    return word[1:] if re.fullmatch(r"v\d[\w.]{0,60}", word) else None
