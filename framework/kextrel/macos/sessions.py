"""Who was in and when it started: `last`, and what ssh itself says of a Mac that is locked before its boot (26).

`last` prints no year, and dates in the language of the user, so they stay as printed. A start without a shutdown
before it was not a clean one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kextrel.macos.text import Facts, clean, flat, meaningful, require

__all__ = ["LastAnswer", "SshAnswer", "read_last", "read_ssh"]

# "reboot time   Mon Oct 27 19:48"; before macOS 14 "reboot    ~    Mon Oct 27 19:48".
_EVENT = re.compile(r"\s{0,8}(reboot|shutdown)\s{1,40}(?:time|~)\s{1,80}(\S.{0,80})\Z")
_LOGIN = re.compile(r"\S{1,64}\s{1,40}\S.{0,200}(still logged in|gone - no logout|- |\d{1,2}[:.]\d\d)")
_STAY = re.compile(
    r"\S{1,64}\s{1,40}\S.{0,200}\s(?:still logged in|gone - no logout|- (?:crash|shutdown|\d{1,2}[:.]\d\d))"
)
_BEGINS = re.compile(r"\S{0,40}(?:wtmpx?|utx\.log) begins ")

_STATES = (
    ("system successfully unlocked", "unlocked_continue_boot"),
    ("system is locked", "locked_preboot"),
    ("once successfully unlocked", "locked_preboot"),
)
_ERRORS = (
    ("host key verification failed", "host_key"),
    ("remote host identification has changed", "host_key"),
    ("permission denied", "denied"),
    ("too many authentication failures", "denied"),
    ("connection refused", "refused"),
    ("operation timed out", "timeout"),
    ("connection timed out", "timeout"),
    ("could not resolve hostname", "unknown_host"),
    ("no route to host", "no_route"),
    ("host is down", "no_route"),
    ("connection reset", "closed"),
    ("closed by remote host", "closed"),
    ("connection closed by", "closed"),
    ("broken pipe", "closed"),
)


@dataclass(frozen=True)
class LastAnswer(Facts):
    """`reboot` is the newest start, `shutdown` the newest end, as printed. `clean_shutdown`: whether an end stands
    before the newest start; None where nothing before it is left, or only starts were asked for (`last reboot`)."""

    reboot: str | None = None
    shutdown: str | None = None
    clean_shutdown: bool | None = None
    unparsed: tuple[str, ...] = ()


@dataclass(frozen=True)
class SshAnswer(Facts):
    """`state`: locked_preboot, unlocked_continue_boot. `error`: why ssh has no connection. None: not said."""

    state: str | None = None
    error: str | None = None
    unparsed: tuple[str, ...] = ()


def read_last(text: str | bytes) -> LastAnswer:
    """Newest first, as `last` prints. Raises UnreadableAnswer for other text."""
    events: list[tuple[str, str]] = []
    unparsed: list[str] = []
    lines = list(meaningful(clean(text)))
    for line in lines:
        if match := _EVENT.match(line):
            events.append((match[1], " ".join(match[2].split())))
        elif not (_BEGINS.match(line) or _LOGIN.match(line)):
            unparsed.append(line)
    require(bool(events) or any(_BEGINS.match(line) for line in lines), "last", lines)
    starts = [place for place, (kind, _) in enumerate(events) if kind == "reboot"]
    before = [kind for kind, _ in events[starts[0] + 1 :]] if starts else []
    all_kinds = len(starts) < len(events) or any(map(_STAY.match, lines))
    return LastAnswer(
        reboot=events[starts[0]][1] if starts else None,
        shutdown=next((when for kind, when in events if kind == "shutdown"), None),
        clean_shutdown=before[0] == "shutdown" if before and all_kinds else None,
        unparsed=tuple(unparsed),
    )


def read_ssh(text: str | bytes) -> SshAnswer:
    """The banner and the messages of ssh and of the sshd before the boot, wrapped or not."""
    lines = list(meaningful(clean(text)))
    joined = flat("\n".join(lines)).lower()
    found: dict[str, Any] = {"state": _first(_STATES, joined), "error": _first(_ERRORS, joined)}
    require(any(found.values()), "ssh", lines)
    return SshAnswer(**found, unparsed=tuple(line for line in lines if not _expected(line)))


def _first(table: tuple[tuple[str, str], ...], joined: str) -> str | None:
    return next((word for phrase, word in table if phrase in joined), None)


def _expected(line: str) -> bool:
    lowered = flat(line).lower()
    words = ("locked", "unlock", "account name", "connect normally", "authenticate normally", "warning:", "debug1:")
    return any(word in lowered for word in words) or _first(_ERRORS, lowered) is not None
