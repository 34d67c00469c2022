"""The append-only log of everything that went over a wire, and the sink that drivers write to.

One record is one JSON object on a line of `evidence.jsonl`: `n` (from 1), `at` (UTC, ISO 8601), `mac`, `wire`, `event`
and `data`. A secret that was announced with `hide` is replaced by `‹secret›` before a record exists anywhere.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import stat
import threading
from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote, quote_plus

__all__ = ["KEPT", "MASK", "EvidenceLog", "Record", "Redactor", "Sink"]

MASK = "‹secret›"
KEPT = 1000  # records that a log with a file keeps in memory; a night of runs has a hundred times as many
_BASE64 = 4  # characters from which on the base64 of a secret is looked for: shorter ones hit anything


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
        self._forms: set[str] = set()
        self._text: re.Pattern[str] | None = None
        self._bytes: re.Pattern[bytes] | None = None

    def hide(self, secret: str) -> None:
        """From now on `secret` is masked, also as JSON, a shell, a URL, Python or base64 write it."""
        if secret:
            self._forms |= _forms(secret)
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._text = re.compile("|".join(map(re.escape, longest_first)))
            self._bytes = re.compile(b"|".join(re.escape(_encoded(form)) for form in longest_first))

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
        return self._text.sub(MASK, text) if self._text is not None else text

    def _clean_bytes(self, raw: bytes) -> str:
        if self._bytes is not None:
            raw = self._bytes.sub(MASK.encode(), raw)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return "base64:" + base64.b64encode(raw).decode()


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _forms(secret: str) -> set[str]:
    """How a secret may be written by those that quote it."""
    found = {secret, shlex.quote(secret)[1:-1] if shlex.quote(secret) != secret else secret}
    found |= {json.dumps(secret, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False)}
    found |= {repr(secret)[1:-1], quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")}
    return {form for form in found | _base64_forms(_encoded(secret)) if form}


def _base64_forms(raw: bytes) -> set[str]:
    """What is the same in the base64 of any text with `raw` in it, for each of its three places in a group."""
    if len(raw) < _BASE64:
        return set()
    found = set()
    for before in range(3):
        code = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        whole = code[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        found |= {whole, whole.replace("+", "-").replace("/", "_")}
    return found


@dataclass
class EvidenceLog:
    """A Sink that keeps records in memory and, given a path, appends each to that file before `record` returns.

    With a file only the last KEPT records stay in memory, and older ones are read from it again. Several logs, in
    several processes too, may append to one file: a record is one write. Numbers are each log's own, from 1.
    """

    mac: str = ""
    path: Path | None = None
    redactor: Redactor = field(default_factory=Redactor)
    _recent: deque[Record] = field(default_factory=deque, repr=False)
    _places: array[int] = field(default_factory=lambda: array("Q"), repr=False)  # where each line begins in the file
    _count: int = field(default=0, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _file: int | None = field(default=None, repr=False)

    @property
    def records(self) -> list[Record]:
        """All of them, from the first on."""
        return self.since(0)

    def hide(self, secret: str) -> None:
        self.redactor.hide(secret)

    def record(self, wire: str, event: str, **data: Any) -> int:
        with self._lock:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            cleaned = {key: self.redactor.clean(value) for key, value in data.items()}  # the names are ours
            entry = Record(self._count + 1, at, self.mac, wire, event, cleaned)
            self._append(entry)
            self._recent.append(entry)
            self._count += 1
            return entry.n

    def since(self, n: int) -> list[Record]:
        """The records after number `n`: the evidence of one step."""
        with self._lock:
            first = self._recent[0].n if self._recent else 1
            return self._read_again(n + 1, first) + [entry for entry in self._recent if entry.n > n]

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _append(self, entry: Record) -> None:
        if self.path is None:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        # A file name that is not UTF-8 has lone surrogates.
        line = (entry.to_json() + "\n").encode(errors="backslashreplace")
        _write_whole(self._file, line, self.path)
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            return  # a pipe cannot be read again, so all of it stays in memory
        self._places.append(os.lseek(self._file, 0, os.SEEK_CUR) - len(line))
        if len(self._recent) >= KEPT:
            self._recent.popleft()

    def _read_again(self, first: int, end: int) -> list[Record]:
        """The records from `first` to before `end`, which have left the memory."""
        if self.path is None or first >= end:
            return []
        with self.path.open("rb") as file:
            return [Record(**json.loads(_line_at(file, self._places[n - 1]))) for n in range(max(first, 1), end)]


def _write_whole(file: int, line: bytes, path: Path) -> None:
    """Raises OSError that names the file, as writing to a descriptor alone does not."""
    left = memoryview(line)
    while left:
        try:
            left = left[os.write(file, left) :]
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(path)) from error


def _line_at(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.readline()
