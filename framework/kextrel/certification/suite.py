"""Runs the shipped suite in a pytest of its own, so that nothing of the user's can change a certificate.

The child gets our ini (`-c`), no conftest, no plugins but those named here, and no PYTEST_ADDOPTS. It leaves
results.jsonl, evidence.jsonl, junit.xml, allure-results/ and report.html in the report's folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kextrel.certification import SCENARIOS, paths
from kextrel.errors import BenchError, InputError, KextrelError
from kextrel.lab.fit import FIT
from kextrel.scenario import Scenario, foresee, foreseen_rules, load
from kextrel.scenario.tally import exit_code, tally

__all__ = ["Certificate", "Order", "certify", "showing"]

_HERE = Path(__file__).parent
_SECONDS_TO_LET_GO = 60.0
_PLUGINS = ("kextrel.plugin", "allure_pytest.plugin")
_LEFT = ("results.jsonl", "evidence.jsonl", "junit.xml", "report.html")


@dataclass(frozen=True)
class Order:
    """What is to be certified. `rules` empty: all; `lab` is a profile's path, None: Macs made to measure.

    `quiet` keeps pytest off stdout. `workers`: processes that share the Macs among them; 0 for none besides pytest's.
    """

    lab: Path | None
    report: Path
    rules: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    quiet: bool = False
    workers: int = 0


@dataclass(frozen=True)
class Certificate:
    """What came of it: the results as `kextrel run --json` prints them, the counts, the exit code of design.md."""

    results: Sequence[Mapping[str, Any]]
    counts: Mapping[str, int]
    page: Path

    @property
    def exit_code(self) -> int:
        return exit_code(self.counts)


def showing(rules: Sequence[str]) -> list[Path]:
    """The shipped scenarios that show one of `rules`: all of them where `rules` is empty."""
    if not rules:
        return paths()
    return [path for path in paths() if any(_shows(one, rules) for one in load(path))]


def _shows(scenario: Scenario, rules: Sequence[str]) -> bool:
    """Whether one of `rules` decides a step, on the lowest macOS that the scenario names."""
    decided = foreseen_rules(foresee(scenario, scenario.mac.template.macos))
    return any(rule in decided for rule in rules)


def certify(order: Order) -> Certificate:
    """Runs the suite. Raises InputError where no scenario shows the rules, KextrelError where pytest itself failed."""
    files = showing(order.rules)
    if not files:
        raise InputError(f"no shipped scenario shows {', '.join(order.rules)}", hint="see `kextrel rules`")
    report = order.report.absolute()
    _clear(report)
    code = _pytest(_command(order, report, files), _stdout(order))
    results = _results(report)
    counts = tally(result["verdict"]["verdict"] for result in results)
    if code != (1 if exit_code(counts) in (1, 3) else 0):  # something ended that is in no result
        raise _what_went_wrong(code)
    return Certificate(results, counts, report / "report.html")


def _pytest(command: Sequence[str], stdout: int | None) -> int:
    """Runs it to its end and returns its exit code. Whoever ends us is made to wait until it has let go of its Macs.

    In a session of its own, so that Control-C is asked of it once, by us, and not by the terminal as well.
    """
    child = subprocess.Popen(command, cwd=SCENARIOS, env=_environment(), stdout=stdout, start_new_session=True)
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        try:
            child.wait(_SECONDS_TO_LET_GO)
        finally:
            child.kill()  # harmless where it has ended
            child.wait()
        raise


def _command(order: Order, report: Path, files: Sequence[Path]) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-c", str(_HERE / "certify.ini"), f"--rootdir={SCENARIOS}"]
    command += ["--noconftest", "--junitxml", str(report / "junit.xml"), "--alluredir", str(report / "allure-results")]
    for plugin in _PLUGINS:
        command += ["-p", plugin]
    if order.workers:
        command += ["-p", "xdist.plugin", "-n", str(order.workers), "--max-worker-restart", "2"]
    lab = FIT if order.lab is None else str(order.lab.absolute())
    command += ["--kextrel-lab", lab, "--kextrel-report", str(report)]
    for defect in order.defects:
        command += ["--kextrel-defect", defect]
    for fault in order.faults:
        command += ["--kextrel-fault", fault]
    return [*command, *(str(path) for path in files)]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _stdout(order: Order) -> int | None:
    """Quiet runs keep pytest's own words on stderr: stdout is for JSON."""
    return sys.stderr.fileno() if order.quiet else None


def _clear(report: Path) -> None:
    """Removes what an earlier run left, and nothing else: the folder is the user's. Raises OSError for one that cannot
    be written, before anything is touched."""
    if report.exists() and not report.is_dir():
        raise InputError(f"{report} is not a folder", hint="name another with --report")
    report.mkdir(parents=True, exist_ok=True)
    for name in _LEFT:
        (report / name).unlink(missing_ok=True)
        (report / name).touch()
        (report / name).unlink()
    for pattern in ("allure-results/*-*.*", f"pictures/*.screen*-{'[0-9a-f]' * 16}.jpg"):
        for path in report.glob(pattern):
            path.unlink()


def _results(report: Path) -> list[dict[str, Any]]:
    path = report / "results.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _what_went_wrong(code: int) -> KextrelError:
    if code == 2:
        return BenchError("the certification was interrupted", wire="pytest", hint="what it said is above")
    if code == 4:
        return InputError("the certification could not start", hint="what pytest said is above")
    return BenchError(f"pytest ended with exit code {code}", wire="pytest", hint="what it said is above")
