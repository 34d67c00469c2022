"""Lines of `log show` and `log stream` in each style, and of Console's copies: when, which process, what it said.

Styles: default (date, thread, type, activity, pid, ttl, process), syslog (date, host, process[pid]), compact (date,
two letters, process[pid:tid]), json and ndjson, Console's (type, time, process, message between tabs). A line without
a head goes on with the message before it; text without any head is messages without a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from kextrel.macos.text import clean

__all__ = ["Entry", "entries"]

_DATE = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[+-]\d{4}|Z)?)"
_PROCESS = r"([A-Za-z][\w.+-]{0,80})"
# Who sent it, and the category that it has: (sender) [subsystem:category].
_SENT = r"(?:\s{0,4}\([^()\n]{1,120}\) )?(?:\s{0,4}\[([\w.+-]{1,120}:[^\]\n]{0,120})\] ?)?"
_DEFAULT = re.compile(
    rf"{_DATE}\s{{1,8}}0x[0-9a-fA-F]{{1,16}}\s{{1,40}}\w{{1,12}}\s{{1,40}}0x[0-9a-fA-F]{{1,16}}"
    rf"\s{{1,40}}\d{{1,10}}\s{{1,40}}\d{{1,10}}\s{{1,40}}{_PROCESS}: ?{_SENT}"
)
_SYSLOG = re.compile(rf"{_DATE}\s{{1,8}}[\w.-]{{1,80}}\s{{1,8}}{_PROCESS}\[\d{{1,10}}\](?: <\w{{1,12}}>)?: ?{_SENT}")
_COMPACT = re.compile(
    rf"{_DATE}\s{{1,8}}\w{{1,3}}\s{{1,8}}{_PROCESS}\[\d{{1,10}}(?::[0-9a-fA-F]{{1,16}})?\]:? ?{_SENT}"
)
_CONSOLE = re.compile(
    rf"(?:default|info|debug|error|fault)\s{{1,8}}(\d\d:\d\d:\d\d[.,]\d{{1,9}}(?:[+-]\d{{4}})?)\s{{1,8}}{_PROCESS}\s{{1,8}}{_SENT}"
)
_DATED = re.compile(r"\d{4}-(?:\d|\Z)")
_HEADS = (_DEFAULT, _SYSLOG, _COMPACT, _CONSOLE)
_AROUND = (
    "Timestamp ",
    "Filtering the log data using",
    "Skipping info and debug messages",
    "Skipping debug messages",
    "Log      - ",
    "Log - ",
    "Trace    - ",
    "Activity - ",
    "------",
)
_LEFT_OUT = ("...", "…", "[...]", "[…]")  # by who pasted it
_MOST_LINES = 400  # of one message
_DECODER = json.JSONDecoder()


class Entry(NamedTuple):
    """One message. `time` as printed, None where it was not; `message` keeps its line ends; `lines` is it as it came.
    `whole`: it ended with its line, so that its last word was not cut."""

    message: str
    lines: tuple[str, ...]
    time: str | None = None
    process: str | None = None
    category: str | None = None
    whole: bool = True


def entries(text: str | bytes) -> Iterator[Entry]:
    """The messages in their order, without titles and sums."""
    cleaned = clean(text)
    if cleaned.lstrip()[:1] in ("{", "["):
        found = list(_json_entries(cleaned))
        if found:
            yield from found
            return
    ended = cleaned.endswith("\n")
    held: Entry | None = None
    body: list[str] = []
    for line, head in _with_heads(cleaned.split("\n")):
        if head is None and held is not None and len(body) < _MOST_LINES and _goes_on(held, line):
            body.append(line)
            continue
        if held is not None:
            yield _whole(held, body) if body else held
        held, body = head or Entry(line, (line,)), []
    if held is not None:
        yield _whole(held, body)._replace(whole=ended)


def _goes_on(held: Entry, line: str) -> bool:
    """Without heads, what is indented goes on."""
    return (held.time is not None or line[:1].isspace()) and not _DATED.match(line)


def _with_heads(lines: list[str]) -> Iterator[tuple[str, Entry | None]]:
    """The lines that say something, with what their heads tell; a head that a terminal broke is one line with what
    follows it."""
    held = ""
    for line in lines:
        head = _head(line)
        if head is None and _says_nothing(line):
            continue
        if held and not _DATED.match(line) and (joined := _head(whole := held + line)):
            held = ""
            yield whole, joined
            continue
        if held:
            yield held, None
        held = line if head is None and _DATED.match(line) else ""
        if not held:
            yield line, head
    if held:
        yield held, None


def _says_nothing(line: str) -> bool:
    return not line or line.isspace() or line.startswith(_AROUND) or line.strip() in _LEFT_OUT


def _whole(held: Entry, body: list[str]) -> Entry:
    message = "\n".join((held.message, *body))
    return Entry(message, (*held.lines, *body), held.time, held.process, held.category)


def _head(line: str) -> Entry | None:
    if not line[:1].isdigit() and line[:1] not in "dief":
        return None
    for form in _HEADS:
        if match := form.match(line):
            time, process, category = match.groups()
            rest = line[match.end() :]
            return Entry(rest if category else rest.lstrip(), (line,), time, process, category)
    return None


def _json_entries(text: str) -> Iterator[Entry]:
    """An array of objects (json), or an object a line (ndjson); objects without a message are passed over."""
    for item in _objects(text):
        message = item.get("eventMessage") if isinstance(item, dict) else None
        if not isinstance(message, str):
            continue
        process = str(item.get("processImagePath") or item.get("process") or "").rpartition("/")[2]
        category = ":".join([str(item[key]) for key in ("subsystem", "category") if item.get(key)])
        time = item.get("timestamp")
        yield Entry(message, (message,), time if isinstance(time, str) else None, process or None, category or None)


def _objects(text: str) -> Iterable[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return _each_line(text)
    return found if isinstance(found, list) else [found]


def _each_line(text: str) -> Iterator[Any]:
    for line in text.split("\n"):
        if line.startswith("{"):
            try:
                found, end = _DECODER.raw_decode(line)
            except (ValueError, RecursionError):
                continue
            if end == len(line) or not line[end:].strip():
                yield found
