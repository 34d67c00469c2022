"""Virtual Macs in this process, one for each row that may be missing: all on one event loop, over real wires."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kextrel.cli.specs import specs_of
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab, default_profile_path, load_profile
from kextrel.lab.writing import write_lab
from kextrel.virtual.service import run
from kextrel.virtual.spec import Endpoints

TIMEOUTS = "{boot: 20, recovery: 20, button: 5, screen: 8, settle: 2, command: 10, login: 1, mdm: 2, observe: 10}"
SILICON, INTEL, T2 = (
    'architecture: apple-silicon, macos: "14.5"',
    'architecture: intel, macos: "12.7"',
    'architecture: intel-t2, macos: "13.6"',
)
PATIENCE = 60.0

ROWS: dict[str, str] = {f"PREP-{number:02}": SILICON for number in range(1, 16)} | {
    "PREP-03": INTEL,
    "PREP-05": INTEL,
    "PREP-07": INTEL,
    "PREP-08": INTEL,
    "PREP-12": INTEL,
    "PREP-13": INTEL,
    "PREP-14": f"{INTEL}, enrollment: device",
}
"""Which Mac lacks which row."""
MORE = {
    "book": (T2, "PREP-09"),  # a laptop, with its battery
    "closed": (f'{SILICON}, model: "MacBookPro18,3"', "PREP-08"),  # a laptop that lets no accessory in
    "keyless": (SILICON, ""),
    "locking": (SILICON, "PREP-06"),
    "vault": (f"{SILICON}, filevault: true", ""),
    "sealed": (f"{SILICON}, filevault: true", ""),
    "newvault": ('architecture: apple-silicon, macos: "26.2", filevault: true', ""),
    "asking": (SILICON, "PREP-02"),
    "bare": (SILICON, "PREP-02, PREP-06, PREP-07, PREP-09"),  # what SSH can put right
    "shop": (SILICON, ", ".join(f"PREP-{number:02}" for number in range(2, 16))),  # reached by SSH, and nothing else
}


def profile_text() -> str:
    macs = {**{row: (kind, row) for row, kind in ROWS.items()}, **MORE}
    soon = {"PREP-12": TIMEOUTS.replace("observe: 10", "observe: 4")}  # nothing comes from there, and it is waited for
    lines = [
        f"  {name}: {{{kind}, time_scale: 50, virtual: {{prepared: true, missing: [{rows}]}},"
        f" timeouts: {soon.get(name, TIMEOUTS)}}}"
        for name, (kind, rows) in macs.items()
    ]
    new = f"  new: {{{SILICON}, time_scale: 50, virtual: {{}}, timeouts: {TIMEOUTS}}}"
    return "\n".join(["schema: kextrel/lab/v1", "name: unprepared Macs", "macs:", *lines, new, ""])


class Service(threading.Thread):
    """Runs the Macs of some profiles until it is told to end."""

    def __init__(self, profiles: list[Path]) -> None:
        super().__init__(name="virtual Macs", daemon=True)
        self._specs = specs_of(profiles, frozenset())
        self.endpoints: list[Endpoints] = []
        self.up, self._loop, self._told = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    def run(self) -> None:
        try:
            self._loop.run_until_complete(run(self._specs, on_ready=self._ready, stop=self._told))
        finally:
            self._loop.close()

    def _ready(self, endpoints: Endpoints) -> None:
        self.endpoints.append(endpoints)
        if len(self.endpoints) == len(self._specs):
            self.up.set()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._told.set)
        self.join(PATIENCE)


@pytest.fixture(scope="session")
def lab_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The lab file of the unprepared Macs and of the shipped ones, which are prepared."""
    folder = tmp_path_factory.mktemp("unprepared")
    profile = folder / "profile.yaml"
    profile.write_text(profile_text())
    profiles = [default_profile_path(), profile]
    service = Service(profiles)
    service.start()
    try:
        assert service.up.wait(PATIENCE), f"only {len(service.endpoints)} Macs came up"
        path = folder / "lab.yaml"
        write_lab([one.as_dict() for one in service.endpoints], path, [load_profile(one) for one in profiles])
        yield path
    finally:
        service.end()


@pytest.fixture
def macs(lab_file: Path) -> Lab:
    return Lab(load_profile(lab_file))


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Callable[[str], EvidenceLog]]:
    """Makes the log of a Mac, in a file, for who looks for what must not be in it."""
    made: list[EvidenceLog] = []

    def of(name: str) -> EvidenceLog:
        made.append(EvidenceLog(name, tmp_path / f"{name}.jsonl"))
        return made[-1]

    yield of
    for log in made:
        log.close()
