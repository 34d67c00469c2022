"""What pytest-xdist's controller and its workers tell each other beside xdist: files in a folder that both know.

wishes-WORKER.json   a worker: which Macs each of its tests wants
pid-WORKER           a worker: who to ask for the end
fitted.yaml          a worker: the profile of the Macs that it has made up, where they are made to measure
lab                  the controller: the lab file of the virtual Macs that it has started
bound-TEST           the controller: the Mac that a test with on="any" was given
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

__all__ = ["KEY", "Handed", "Wish"]

KEY = "kextrel"
"""The name of the folder in `workerinput`."""


@dataclass(frozen=True)
class Wish:
    """What a test wants of the lab: one of `macs` (none: no Mac at all, but the lab), for about `minutes`."""

    macs: tuple[str, ...]
    minutes: float = 2.0


@dataclass(frozen=True)
class Handed:
    """The folder, as both sides see it; `worker` is "" in the controller."""

    folder: Path
    worker: str = ""

    @classmethod
    def to(cls, config: pytest.Config) -> Handed | None:
        """What was handed to this worker; None in a process that is none."""
        given = getattr(config, "workerinput", {})
        return cls(Path(given[KEY]), str(given["workerid"])) if KEY in given else None

    @property
    def fitted(self) -> Path:
        """The profile of Macs that were made to measure; every worker makes up the same ones."""
        return self.folder / "fitted.yaml"

    def wish(self, wishes: Mapping[str, Wish]) -> None:
        """A worker says what its tests want, by node ID, and how it is reached."""
        self._write(f"pid-{self.worker}", str(os.getpid()))
        self._write(f"wishes-{self.worker}.json", json.dumps({name: asdict(one) for name, one in wishes.items()}))

    def wishes(self, worker: str) -> dict[str, Wish]:
        """What a worker's tests want."""
        said = json.loads(self._read(f"wishes-{worker}.json") or "{}")
        return {name: Wish(tuple(one["macs"]), one["minutes"]) for name, one in said.items()}

    def start(self, lab: Path) -> None:
        """The controller says where the lab file is."""
        self._write("lab", str(lab))

    def lab_file(self) -> Path:
        """Where the lab file is."""
        return Path(self._read("lab"))

    def bind(self, test: str, mac: str) -> None:
        """The controller gives a test its Mac."""
        self._write(_bound(test), mac)

    def bound(self, test: str) -> str | None:
        """The Mac that a test was given; None where it had no choice."""
        return self._read(_bound(test)) or None

    def end_workers(self) -> None:
        """Asks every worker to let go of its Macs and to end."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _pids(self) -> Iterator[int]:
        for path in self.folder.glob("pid-*"):
            yield int(path.read_text())

    def _write(self, name: str, text: str) -> None:
        fresh = self.folder / f"{name}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self.folder / name)

    def _read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""


def _bound(test: str) -> str:
    return f"bound-{hashlib.sha256(test.encode(errors='replace')).hexdigest()[:24]}"
