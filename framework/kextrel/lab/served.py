"""Virtual Macs for one run: started as a child process, wired, and ended with it, however the run ends.

The child ends by itself when its standard input does, so that a run that is killed leaves no Macs behind.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kextrel.errors import BenchError, UsageError
from kextrel.lab.inventory import Lab
from kextrel.lab.profile import LabProfile, load_profile

__all__ = ["Serving", "begun", "needs_serving", "served"]

_SECONDS_TO_START = 60.0
_SECONDS_TO_END = 5.0
_LAB, _COMPLAINTS = "lab.yaml", "stderr"


def needs_serving(profile: LabProfile) -> bool:
    """Whether the profile has virtual Macs, which have no wires before they run."""
    return any(mac.virtual is not None for mac in profile.macs.values())


class Serving:
    """Virtual Macs that have been started and may not answer yet."""

    def __init__(self, child: subprocess.Popen[bytes], expected: int, folder: Path) -> None:
        self._child, self._expected, self._folder = child, expected, folder
        self._ready = False

    def lab(self) -> Path:
        """The lab file of their wires, as soon as all of them answer. BenchError when they do not."""
        if not self._ready:
            _wait_until_ready(self._child, self._expected, self._folder / _COMPLAINTS)
            self._ready = True
        return self._folder / _LAB


@contextmanager
def served(
    path: Path,
    profile: LabProfile,
    *,
    only: Sequence[str] = (),
    defects: Sequence[str] = (),
    faults: Sequence[str] = (),
) -> Iterator[Path]:
    """Runs the profile's virtual Macs, those named in `only` where it names some, and gives the lab file of their
    wires, valid inside the `with`."""
    with begun(path, profile, only=only, defects=defects, faults=faults) as serving:
        yield serving.lab()


@contextmanager
def begun(
    path: Path,
    profile: LabProfile,
    *,
    only: Sequence[str] = (),
    defects: Sequence[str] = (),
    faults: Sequence[str] = (),
) -> Iterator[Serving]:
    """As `served`, for who has something else to do while they start."""
    macs = [name for name, mac in profile.macs.items() if mac.virtual is not None and (not only or name in only)]
    with tempfile.TemporaryDirectory(prefix="kextrel-lab-") as made:
        folder = Path(made)
        with (folder / _COMPLAINTS).open("wb") as stderr:
            child = subprocess.Popen(
                _command(path, folder / _LAB, macs if only else (), defects, faults),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,  # Control-C is the run's: its wires must answer until everything is let go of
            )
        try:
            yield Serving(child, len(macs), folder)
        finally:
            _end(child)
            _forget(folder / _LAB)


def _forget(lab: Path) -> None:
    """Virtual Macs that have ended are nobody's to look at: their quarantine ends with them."""
    if lab.is_file():
        macs = Lab(load_profile(lab))
        for name in macs.names():
            macs.release(name)


def _command(path: Path, lab: Path, only: Sequence[str], defects: Sequence[str], faults: Sequence[str]) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "kextrel.cli",
        "virtual",
        "serve",
        str(path),
        "--write-lab",
        str(lab),
        "--with-stdin",
    ]
    for name in only:
        command += ["--device", name]
    for defect in defects:
        command += ["--defect", defect]
    for fault in faults:
        command += ["--fault", fault]
    return command


def _wait_until_ready(child: subprocess.Popen[bytes], expected: int, complaints: Path) -> None:
    """Reads a line a Mac; a child that ends or is silent for too long is an error with its own words."""
    assert child.stdout is not None
    timer = threading.Timer(_SECONDS_TO_START, child.kill)
    timer.start()
    try:
        for _ in range(expected):
            if not _is_ready(child.stdout.readline()):
                raise _what_went_wrong(child, complaints)
    finally:
        timer.cancel()
    threading.Thread(target=_drain, args=(child.stdout,), daemon=True).start()


def _is_ready(line: bytes) -> bool:
    try:
        return "name" in json.loads(line)
    except ValueError:
        return False


def _drain(stream: IO[bytes]) -> None:
    """The child must never wait for somebody to read what it prints."""
    while stream.read(4096):
        continue


def _what_went_wrong(child: subprocess.Popen[bytes], complaints: Path) -> Exception:
    code = child.wait()
    said = complaints.read_text(errors="replace").strip().splitlines()
    sentence = said[-1].removeprefix("kextrel: ") if said else f"it ended with exit code {code}"
    if code == 2:
        return UsageError(sentence)
    return BenchError(
        f"the virtual lab did not start: {sentence}", wire="virtual serve", hint="try `kextrel virtual serve`"
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    """Asks the child to end, and ends it when it does not."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    child.terminate()
    try:
        child.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    child.stdout.close()
