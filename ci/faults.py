"""Runs scenarios on virtual Macs whose wires break, and compares the verdicts with those of a good bench.

For each fault and seed one `kextrel run` on a fresh Mac, served with `--fault NAME:seed=N`. A step is wrong when it is
held or violated and the good bench said something else; a run is late when it takes longer than `--limit` seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kextrel.certification import SCENARIOS
from kextrel.lab import default_profile_path, load_profile, served
from kextrel.virtual import FAULTS

DEFAULT = SCENARIOS / "KEXT-04-the-whole-walk.mac.yaml"
JUDGED = ("held", "violated")
LAB = """\
schema: kextrel/lab/v1
name: campaign
macs:
  {name}:
    architecture: {architecture}
    macos: "{macos}"
    enrollment: {enrollment}
    time_scale: 50
    virtual: {{prepared: true}}
    timeouts: {{{timeouts}}}
"""
TIMEOUTS = ("boot", "shutdown", "recovery", "button", "screen", "settle", "command", "observe", "login", "transfer")
MACS = load_profile(default_profile_path()).macs

Verdicts = dict[str, list[str]]


@dataclass(frozen=True)
class Ended:
    """One run: the verdicts of the steps of each scenario, its seconds, and what went wrong with it."""

    fault: str
    verdicts: Verdicts
    seconds: float
    wrong: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What it came to, for counting."""
        worst = [verdict for steps in self.verdicts.values() for verdict in steps]
        return next((one for one in ("violated", "bench-failed", "not-checked") if one in worst), "held")


def main(arguments: Sequence[str]) -> int:
    """Prints a line a fault; exit code 1 when a verdict was changed or a run was late."""
    asked = _arguments(arguments)
    with _lab(asked.mac, asked.patience) as lab:
        good = _run(lab, asked.scenarios, None, asked.limit)
        if good.wrong or good.kind != "held":
            sys.stderr.write(f"the good bench says {good.verdicts} {' '.join(good.wrong)}\n")
            return 2
        wrong = [name for name in asked.fault if _campaign(asked, lab, good, name)]
    return 1 if wrong else 0


def _campaign(asked: argparse.Namespace, lab: Path, good: Ended, name: str) -> bool:
    """One fault with every seed; whether anything was wrong."""
    faults = [f"{name}:seed={seed}" for seed in range(asked.first, asked.first + asked.seeds)]
    with ThreadPoolExecutor(asked.at_once) as pool:
        ended = pool.map(lambda fault: _compared(_run(lab, asked.scenarios, fault, asked.limit), good), faults)
        runs = list(ended)
    _tell(name, runs)
    return any(run.wrong for run in runs)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ci/faults", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenarios", nargs="*", type=Path, default=[DEFAULT], help="scenario files; the whole walk")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this fault; may be given several times")
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds of each fault (20)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--mac", choices=MACS, default="mini", help="the Mac to run on")
    parser.add_argument("--patience", type=float, default=6.0, help="wall seconds of every timeout of the Mac (6)")
    parser.add_argument("--limit", type=float, default=240.0, help="wall seconds that a run may take (240)")
    parser.add_argument("--at-once", type=int, default=2, help="how many runs at the same time (2)")
    asked = parser.parse_args(arguments)
    asked.fault = asked.fault or list(FAULTS)
    return asked


@contextmanager
def _lab(mac: str, patience: float) -> Iterator[Path]:
    named = MACS[mac]
    timeouts = ", ".join(f"{name}: {patience}" for name in TIMEOUTS)
    text = LAB.format(
        name=mac,
        architecture=named.architecture,
        macos=named.macos,
        enrollment=named.enrollment,
        timeouts=timeouts,
    )
    with tempfile.TemporaryDirectory(prefix="kextrel-faults-") as folder:
        path = Path(folder) / "lab.yaml"
        path.write_text(text, encoding="utf-8")
        yield path


def _run(lab: Path, scenarios: Sequence[Path], fault: str | None, limit: float) -> Ended:
    """One `kextrel run` on a Mac of its own; it is ended when it is late."""
    with served(lab, load_profile(lab), faults=[fault] if fault else []) as wired:
        command = [sys.executable, "-m", "kextrel.cli", "run", *map(str, scenarios), "--lab", str(wired), "--json"]
        began = time.monotonic()
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            return Ended(fault or "", {}, limit, (f"it was not done within {limit:.0f} s",))
    verdicts, wrong = _read(done.stdout), tuple[str, ...]()
    if done.returncode not in (0, 1, 3, 4) or not verdicts:
        wrong = (f"exit code {done.returncode}: {done.stderr.strip()[-200:]}",)
    return Ended(fault or "", verdicts, time.monotonic() - began, wrong)


def _read(stdout: str) -> Verdicts:
    told = [json.loads(line) for line in stdout.splitlines()]
    return {one["name"]: [step["verdict"]["verdict"] for step in one["steps"]] for one in told if "steps" in one}


def _compared(run: Ended, good: Ended) -> Ended:
    """The run with every step that is judged otherwise than on the good bench."""
    wrong = list(run.wrong)
    for name, verdicts in run.verdicts.items():
        for number, (seen, expected) in enumerate(zip(verdicts, good.verdicts[name], strict=True), start=1):
            if seen in JUDGED and seen != expected:
                wrong.append(f"step {number} of '{name}' is {seen}, on a good bench {expected}")
    return Ended(run.fault, run.verdicts, run.seconds, tuple(wrong))


def _tell(name: str, runs: Sequence[Ended]) -> None:
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(Counter(run.kind for run in runs).items()))
    slowest = max((run.seconds for run in runs), default=0.0)
    wrong = [f"\n    {run.fault}: {why}" for run in runs for why in run.wrong]
    words = f"{counts}; slowest {slowest:.0f} s; wrong: {len(wrong)}{''.join(wrong)}"
    sys.stdout.write(f"{name:15} {len(runs)} runs: {words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
