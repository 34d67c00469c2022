"""The append-only log of everything that went over a wire, and the sink that drivers write to.

One record is one JSON object on a line of `evidence.jsonl`: `n` (from 1), `at` (UTC, ISO 8601), `mac`, `wire`, `event`
and `data`. A secret that was announced with `hide` is replaced by `‹secret›` before a record exists anywhere.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TextIO

__all__ = ["MASK", "EvidenceLog", "Record", "Redactor", "Sink", "scoped"]

MASK = "‹secret›"


@dataclass(frozen=True)
class Record:
    """One thing that happened on one wire. `data` holds only JSON values; bytes are text or base64 by then."""

    n: int
    at: str
    mac: str
    wire: str
    event: str
    data: Mapping[str, Any]

    def to_json(self) -> str:
        return json.dumps(self.__dict__, ensure_ascii=False, separators=(",", ":"))


class Sink(Protocol):
    """Where a driver writes every byte that it sends or receives."""

    def record(self, wire: str, event: str, **data: Any) -> int:
        """Appends a record and returns its number. `data` may hold str, bytes, numbers, bools, None, lists, dicts."""
        ...

    def hide(self, secret: str) -> None:
        """From now on `secret` never reaches a record."""
        ...


class Redactor:
    """Replaces announced secrets in text, bytes and nested values. Shared by logs, reports and errors."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def hide(self, secret: str) -> None:
        if secret:
            self._secrets.add(secret)

    def clean(self, value: Any) -> Any:
        """`value` with secrets masked, as JSON values: bytes become text, or base64 where they are not UTF-8."""
        if isinstance(value, bytes):
            return self._clean_bytes(value)
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, Mapping):
            return {self._clean_text(str(k)): self.clean(v) for k, v in value.items()}
        if isinstance(value, Iterable):
            return [self.clean(item) for item in value]
        return value

    def _clean_text(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    def _clean_bytes(self, raw: bytes) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            raw = raw.replace(secret.encode(), MASK.encode())
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return "base64:" + base64.b64encode(raw).decode()


@dataclass
class EvidenceLog:
    """A Sink that keeps records in memory and, given a path, appends each to that file before `record` returns."""

    mac: str = ""
    path: Path | None = None
    redactor: Redactor = field(default_factory=Redactor)
    records: list[Record] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _file: TextIO | None = field(default=None, repr=False)

    def hide(self, secret: str) -> None:
        self.redactor.hide(secret)

    def record(self, wire: str, event: str, **data: Any) -> int:
        with self._lock:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            entry = Record(len(self.records) + 1, at, self.mac, wire, event, self.redactor.clean(data))
            self.records.append(entry)
            self._append(entry)
            return entry.n

    def since(self, n: int) -> list[Record]:
        """The records after number `n`: the evidence of one step."""
        with self._lock:
            return self.records[n:]

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _append(self, entry: Record) -> None:
        if self.path is None:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8")
        self._file.write(entry.to_json() + "\n")
        self._file.flush()


@dataclass(frozen=True)
class scoped:  # noqa: N801 - reads as a function at its call sites
    """A Sink that writes to another under a wire name of its own."""

    sink: Sink
    wire: str

    def record(self, event: str, **data: Any) -> int:
        return self.sink.record(self.wire, event, **data)

    def hide(self, secret: str) -> None:
        self.sink.hide(secret)
