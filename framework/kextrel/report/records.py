"""A record of the evidence as people read it: a command with its answer, a screen's words, else names and values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["is_noise", "text_of"]

_NOISE = frozenset({("beacon", "request"), ("mdm", "request"), ("beacon", "fetched")})
"""Written for those who look for a fault in a wire: each says what a record beside it says in words."""


def is_noise(record: Mapping[str, Any]) -> bool:
    """Whether the report leaves it out: what only shows that a wire works. One that did not work is none."""
    data = record["data"] if isinstance(record["data"], Mapping) else {}
    match record["wire"], record["event"]:
        case "keyboard", "frame":
            return data.get("answer") in ("00", None) and not data.get("stale")
        case "shell", "run":
            return data.get("command") == ":" and data.get("exit_code") == 0
    return (record["wire"], record["event"]) in _NOISE


def text_of(record: Mapping[str, Any]) -> str:
    """Its data in words, however long."""
    data = record["data"]
    if not isinstance(data, Mapping):
        return str(data)
    match record["wire"], record["event"]:
        case "shell", "run":
            return "\n".join(_command(data))
        case "screen", "text":
            return str(data.get("text", "")) if data.get("signal") else "(no signal)"
        case "device", "observation":
            return "\n".join(_facts(data))
        case "device", "log":
            return "\n".join(_logged(data))
        case "screen", "picture":
            return f"{str(data.get('file') or 'not kept').rpartition('/')[2]}, sha256 {data.get('sha256')}"
        case "console", _ if set(data) == {"data"}:
            return str(data["data"])
    return "\n".join(_pairs(data.items()))


def _command(data: Mapping[str, Any]) -> Iterator[str]:
    """As in a terminal, with what a terminal does not show under it."""
    yield f"$ {data.get('command', '')}"
    for name in ("stdout", "stderr", "failed"):
        if data.get(name):
            prefix = "" if name == "stdout" else f"{name}: "
            yield prefix + str(data[name]).rstrip("\n")
    if data.get("exit_code"):
        yield f"exit code {data['exit_code']}"
    if data.get("input"):
        yield f"its input: {data['input']}"


def _facts(data: Mapping[str, Any]) -> Iterator[str]:
    """What was seen; where each fact is from stays in evidence.jsonl."""
    yield from _pairs((name, value) for name, value in data.get("facts", {}).items() if value is not None)
    unknown = data.get("unknown")
    if isinstance(unknown, Mapping):
        yield from (f"{name} is not known: {why}" for name, why in unknown.items())
    yield from (f"contradiction: {told}" for told in data.get("contradictions", ()))


def _logged(data: Mapping[str, Any]) -> Iterator[str]:
    """What changed when, then what else the daemons said, known and not; each in the order of the log."""
    for one in data.get("changes", ()):
        yield f"{one.get('time')} {one.get('bundle_id')}: {one.get('before')} -> {one.get('after')}"
    for one in data.get("events", ()):
        yield f"{one.get('time')} {one.get('process')}: {one.get('message')}"
    yield from (str(line) for line in data.get("unparsed", ()))
    if not any(data.get(name) for name in ("changes", "events", "unparsed")):
        yield "the daemons logged nothing"


def _pairs(items: Iterable[tuple[str, Any]]) -> Iterator[str]:
    for name, value in items:
        told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield f"{name}: {told}"
