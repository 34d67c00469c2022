"""What the page shows of the evidence: for each step its records, as many as there is room for; a picture now and then.

`evidence.jsonl` of a night is larger than what a browser or our memory holds, so it is read once, line by line, and how
many records a step may show is settled before: a step that was not held may show more than one that was.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from kextrel.report.places import Span, Track
from kextrel.report.records import is_noise, text_of
from kextrel.report.results import EVIDENCE, LONG_AGO, Result, Step
from kextrel.report.visible import visible

__all__ = ["Excerpt", "Gathered", "Line", "Room", "gather"]

_KEYS = {"n", "at", "mac", "wire", "event", "data"}
_STUCK = 20
_NEAR = 60.0  # seconds that a clock may be set back or forth in the middle of a run


@dataclass(frozen=True)
class Room:
    """How much of the evidence a page shows: lines in all, lines of a step and letters of a line, held or not."""

    lines: int = 8000
    of_held: int = 40
    of_others: int = 120
    letters_held: int = 600
    letters_others: int = 1500

    def lines_of(self, results: Iterable[Result]) -> dict[bool, int]:
        """How many lines a step may have, by whether it was held: the others come first."""
        steps = [step.verdict == "held" for result in results for step in result.steps if step.evidence[1]]
        held, others = steps.count(True), steps.count(False)
        most_others = min(self.of_others, self.lines // max(others, 1))
        left = self.lines - most_others * others
        return {False: most_others, True: min(self.of_held, left // max(held, 1))}


@dataclass(frozen=True)
class Line:
    """One record. `place` is its line in evidence.jsonl, from 1; `cut` the letters that are left out of `text`."""

    n: int
    place: int
    at: str
    wire: str
    event: str
    text: str
    cut: int = 0


@dataclass
class Excerpt:
    """The records of one step. `skipped` is how many lie between `head` and `tail`, `noise` how many are bytes of what
    others say in words. `pictures` are files, each with the words that the screen had, the last one last."""

    most: int
    letters: int
    head: list[Line] = field(default_factory=list)
    tail: deque[Line] = field(default_factory=deque)
    skipped: int = 0
    noise: int = 0
    pictures: dict[str, str] = field(default_factory=dict)
    _words: str = ""

    @property
    def observation(self) -> int | None:
        """The line in evidence.jsonl of the last look at the Mac that is shown."""
        lines = [*self.head, *self.tail]
        looks = [line.place for line in lines if (line.wire, line.event) == ("device", "observation")]
        return looks[-1] if looks else None

    def add(self, record: Mapping[str, Any], place: int) -> None:
        """One more record of the step."""
        self._look(record)
        if is_noise(record):
            self.noise += 1
            return
        if self.most < 2:
            self.skipped += 1
            return
        line = _line(record, place, self.letters)
        if len(self.head) < self.most // 2:
            self.head.append(line)
            return
        self.tail.append(line)
        if len(self.tail) > self.most - self.most // 2:
            self.tail.popleft()
            self.skipped += 1

    def _look(self, record: Mapping[str, Any]) -> None:
        data = record["data"]
        if record["wire"] != "screen" or not isinstance(data, Mapping):
            return
        if record["event"] == "text":
            self._words = str(data.get("text", ""))
        elif record["event"] == "picture" and data.get("file"):
            name = Path(str(data["file"])).name
            self.pictures.pop(name, None)  # the last one shown is the last
            self.pictures[name] = self._words


@dataclass(frozen=True)
class Gathered:
    """All that is taken from the evidence: excerpts by (index of the result, number of the step), the spans of each
    Mac, why a way back failed (which no scenario's verdict tells), by Mac, the first _STUCK of each; how many records
    there are, and how many lines are none (a run that was killed leaves a half one)."""

    excerpts: Mapping[tuple[int, int], Excerpt]
    spans: Mapping[str, Sequence[Span]]
    stuck: Mapping[str, Sequence[Line]]
    records: int
    unreadable: int


@dataclass(frozen=True)
class _Place:
    first: int
    last: int
    began: datetime
    ended: datetime
    key: tuple[int, int]

    def holds(self, at: datetime) -> bool:
        """Whether a record written `at` can be of this step: where nobody wrote when it was, any."""
        return self.began == LONG_AGO or self.far(at) < _NEAR

    def far(self, at: datetime) -> float:
        """Seconds from the scenario to `at`; 0 within it."""
        return max((self.began - at).total_seconds(), (at - self.ended).total_seconds(), 0.0)


class _Shelf:
    """The steps of one Mac by the numbers of their records. Each worker that has the Mac counts from 1 again, so there
    may be several rows of numbers; where two have the same one, time tells."""

    def __init__(self) -> None:
        self._rows: list[list[_Place]] = []

    def put(self, place: _Place) -> None:
        row = next((row for row in self._rows if row[-1].last < place.first), None)
        if row is None:
            self._rows.append(row := [])
        row.append(place)

    def find(self, n: int, at: datetime) -> tuple[int, int] | None:
        """The step that record `n`, written `at`, belongs to."""
        found = [place for row in self._rows if (place := _in(row, n)) is not None and place.holds(at)]
        return min(found, key=lambda place: place.far(at)).key if found else None


def gather(folder: Path, results: Sequence[Result], among: Container[int], room: Room) -> Gathered:
    """Reads the evidence in `folder` once, and takes from it what belongs to the results with an index in `among`."""
    chosen = {index: result for index, result in enumerate(results) if index in among}
    most = room.lines_of(chosen.values())
    excerpts = {
        (index, step.number): _excerpt(step, most, room)
        for index, result in chosen.items()
        for step in result.steps
        if step.evidence[1]
    }
    gathering = _Gathering(_shelves(results), excerpts, room.letters_others)
    for place, record in _records(folder / EVIDENCE):
        gathering.take(record, place)
    return gathering.ended()


class _Gathering:
    """What was taken so far: into `excerpts`, which are all that are wanted, and for each Mac."""

    def __init__(self, shelves: Mapping[str, _Shelf], excerpts: dict[tuple[int, int], Excerpt], letters: int) -> None:
        self._shelves, self._excerpts, self._letters = shelves, excerpts, letters
        self._tracks: dict[str, Track] = {}
        self._stuck: dict[str, list[Line]] = {}
        self._records = self._unreadable = 0

    def take(self, record: Mapping[str, Any] | None, place: int) -> None:
        """One line of the evidence; None where it is no record."""
        if record is None:
            self._unreadable += 1
            return
        self._records += 1
        mac = str(record["mac"])
        self._tracks.setdefault(mac, Track()).follow(record)
        if (record["wire"], record["event"]) == ("device", "baseline failed"):
            self._take_why_it_is_stuck(mac, record, place)
        key = self._step(mac, record)
        if key in self._excerpts:
            self._excerpts[key].add(record, place)

    def _take_why_it_is_stuck(self, mac: str, record: Mapping[str, Any], place: int) -> None:
        lines = self._stuck.setdefault(mac, [])
        if len(lines) < _STUCK:
            lines.append(_line(record, place, self._letters))

    def _step(self, mac: str, record: Mapping[str, Any]) -> tuple[int, int] | None:
        """The step that a record belongs to, as a key of the excerpts."""
        shelf = self._shelves.get(mac)
        return shelf.find(int(record["n"]), datetime.fromisoformat(record["at"])) if shelf is not None else None

    def ended(self) -> Gathered:
        spans = {mac: track.ended() for mac, track in sorted(self._tracks.items())}
        return Gathered(self._excerpts, spans, self._stuck, self._records, self._unreadable)


def _line(record: Mapping[str, Any], place: int, letters: int) -> Line:
    text = visible(text_of(record))
    wire, event = str(record["wire"]), str(record["event"])
    at = str(record["at"])[11:23]
    return Line(int(record["n"]), place, at, wire, event, text[:letters], max(0, len(text) - letters))


def _excerpt(step: Step, most: Mapping[bool, int], room: Room) -> Excerpt:
    held = step.verdict == "held"
    return Excerpt(most[held], room.letters_held if held else room.letters_others)


def _shelves(results: Sequence[Result]) -> dict[str, _Shelf]:
    """Results come in the order in which they ended, which is that of the numbers."""
    shelves: dict[str, _Shelf] = {}
    for index, result in enumerate(results):
        for step in result.steps:
            first, last = step.evidence
            if last:
                place = _Place(first, last, result.started, result.ended, (index, step.number))
                shelves.setdefault(result.mac, _Shelf()).put(place)
    return shelves


def _in(row: Sequence[_Place], n: int) -> _Place | None:
    index = bisect_right(row, n, key=lambda place: place.first) - 1
    return row[index] if index >= 0 and row[index].last >= n else None


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """The records with their lines; None for a line that is no record."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        yield from ((place, _record(line)) for place, line in enumerate(lines, start=1) if line.strip())


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and record.keys() >= _KEYS else None
