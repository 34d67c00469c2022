"""Runs the shipped suite in a pytest of its own, so that nothing of the user's can change a certificate.

The child gets our ini (`-c`), no conftest, no plugins but those named here, and no PYTEST_ADDOPTS. It leaves
results.jsonl, evidence.jsonl, junit.xml, allure-results/, coverage.json and report.html in the report's folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kextrel.certification.files import SCENARIOS, paths
from kextrel.ending import SECONDS_TO_LET_GO
from kextrel.errors import BenchError, InputError, KextrelError, nearest
from kextrel.lab import Lab, load_profile
from kextrel.lab.fit import FIT
from kextrel.scenario import Scenario, foresee, foreseen_rules, load
from kextrel.scenario.tally import exit_code, tally

__all__ = ["Certificate", "Order", "certify", "showing"]

_HERE = Path(__file__).parent
_PLUGINS = ("kextrel.plugin", "allure_pytest.plugin")
_WORDS = "pytest.txt"
_LEAST = 1 << 12  # bytes: a block
_LEFT = ("results.jsonl", "evidence.jsonl", "junit.xml", "coverage.json", "report.html", _WORDS)
_HEX = "[0-9a-f]"
_UUID = "-".join(_HEX * digits for digits in (8, 4, 4, 4, 12))  # what Allure begins the names of its files with
_LEFT_TOO = (
    *(f"allure-results/{_UUID}-{kind}" for kind in ("result.json", "container.json", "attachment.*")),
    f"pictures/*.screen*-{_HEX * 16}.jpg",
)


@dataclass(frozen=True)
class Order:
    """What is to be certified. `rules` empty: all; `lab` is a profile's path, None: Macs made to measure.

    `bundles` are really installed for extensions of these names, before those of the lab. `quiet` keeps pytest off
    stdout, `silent` puts its words into pytest.txt in the report. `workers`: processes that share the Macs among them;
    0 for none besides pytest's. `limit`: wall seconds for all of it; None: as long as its steps may take.
    """

    lab: Path | None
    report: Path
    rules: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    bundles: Mapping[str, Path] = field(default_factory=dict, hash=False)
    quiet: bool = False
    silent: bool = False
    workers: int = 0
    limit: float | None = None


@dataclass(frozen=True)
class Certificate:
    """What came of it: the results as `kextrel run --json` prints them, the counts, the exit code of design.md.

    A bundle that was given, and with which nothing was held, is not certified by what was held with samples: 4.
    """

    results: Sequence[Mapping[str, Any]]
    counts: Mapping[str, int]
    page: Path
    bundles: Mapping[str, Path] = field(default_factory=dict, hash=False)

    @property
    def exit_code(self) -> int:
        return exit_code(self.counts) or (4 if self.unheld else 0)

    @property
    def unheld(self) -> dict[str, str]:
        """The names of given bundles with which nothing was held, each with the first reason that was given."""
        found = {}
        for name in self.bundles:
            own = [one["verdict"] for one in self.results if name in one.get("bundles", {})]
            if all(verdict["verdict"] != "held" for verdict in own):
                found[name] = next((verdict["reason"] for verdict in own), "no scenario that was run has it")
        return found


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
    """Runs the suite. Raises InputError where no scenario shows the rules, and for bundles that cannot be what the
    suite says, KextrelError where pytest itself failed."""
    files = showing(order.rules)
    if not files:
        raise InputError(f"no shipped scenario shows {', '.join(order.rules)}", hint="see `kextrel rules`")
    _refuse_bundles(order)
    report = order.report.absolute()
    _clear(report)
    with _words(order, report) as stdout:
        code = _pytest(_command(order, report, files), stdout, order.limit)
    if code or not (report / "report.html").exists():
        _refuse_full(report)
    results = _results(report)
    counts = tally(result["verdict"]["verdict"] for result in results)
    if code != (1 if exit_code(counts) in (1, 3) else 0):  # something ended that is in no result
        raise _what_went_wrong(code, f"in {report / _WORDS}" if order.silent else "above")
    return Certificate(results, counts, report / "report.html", order.bundles)


def _refuse_bundles(order: Order) -> None:
    """Raises InputError for a name that no scenario of the suite has, and for a bundle that contradicts one; the lab's
    own may have other names, for other scenarios."""
    given = {**_of_the_lab(order.lab), **order.bundles}
    if not given:
        return
    known = {name for path in paths() for one in load(path, given) for name in one.extensions}
    for name in order.bundles:
        if name not in known:
            raise InputError(f"no shipped scenario has an extension '{name}'", hint=nearest(name, known))


def _of_the_lab(lab: Path | None) -> Mapping[str, Path]:
    return {} if lab is None else Lab(load_profile(lab)).bundles


def _pytest(command: Sequence[str], stdout: int | None, limit: float | None = None) -> int:
    """Runs it to its end and returns its exit code. Whoever ends us is made to wait until it has let go of its Macs.

    In a session of its own, so that Control-C is asked of it once, by us, and not by the terminal as well; the pipe is
    for a parent that is killed. Raises BenchError where it takes longer than `limit` seconds.
    """
    errors = stdout if stdout not in (None, sys.stderr.fileno()) else None
    with subprocess.Popen(
        command,
        cwd=SCENARIOS,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=errors,
        start_new_session=True,
    ) as child:
        try:
            return child.wait(limit)
        except subprocess.TimeoutExpired:
            _let_go(child)
            what = f"the suite took longer than {limit:g} s"
            raise BenchError(what, wire="pytest", hint="give it more time") from None
        except BaseException:
            _let_go(child)
            raise


def _let_go(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(SECONDS_TO_LET_GO)
    finally:
        child.kill()  # harmless where it has ended
        child.wait()


def _command(order: Order, report: Path, files: Sequence[Path]) -> list[str]:
    command = [sys.executable, "-m", "kextrel.certification.child"]
    command += ["-c", str(_HERE / "certify.ini"), f"--rootdir={SCENARIOS}"]
    command += ["--noconftest", "--junitxml", str(report / "junit.xml"), "--alluredir", str(report / "allure-results")]
    for plugin in _PLUGINS:
        command += ["-p", plugin]
    if order.workers:
        command += ["-p", "xdist.plugin", "-n", str(order.workers), "--max-worker-restart", "2"]
    lab = FIT if order.lab is None else str(order.lab.absolute())
    command += ["--kextrel-lab", lab, "--kextrel-report", str(report)]
    if not order.rules:  # all of them need every Mac; and pytest looks through a file's folder again for each file
        files = [SCENARIOS]
        command.append("--kextrel-at-once")
    for name, path in order.bundles.items():
        command += ["--kextrel-extension", f"{name}={path.absolute()}"]
    for defect in order.defects:
        command += ["--kextrel-defect", defect]
    for fault in order.faults:
        command += ["--kextrel-fault", fault]
    return [*command, *(str(path) for path in files)]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@contextmanager
def _words(order: Order, report: Path) -> Iterator[int | None]:
    """Where pytest's own words go: to stdout, to stderr where stdout is for JSON, or into the report."""
    if not order.silent:
        yield sys.stderr.fileno() if order.quiet else None
        return
    with (report / _WORDS).open("wb") as file:
        yield file.fileno()


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
    for pattern in _LEFT_TOO:
        for path in report.glob(pattern):
            path.unlink()


def _refuse_full(report: Path) -> None:
    """What is in the report of a full disk is not all that there was."""
    if shutil.disk_usage(report).free < _LEAST:
        raise InputError(
            "there is no room left for it", path=str(report), hint="make room, or name another with --report"
        )


def _results(report: Path) -> list[dict[str, Any]]:
    path = report / "results.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _what_went_wrong(code: int, where: str) -> KextrelError:
    if code == 2:
        return BenchError("the certification was interrupted", wire="pytest", hint=f"what it said is {where}")
    if code == 4:
        return InputError("the certification could not start", hint=f"what pytest said is {where}")
    return BenchError(f"pytest ended with exit code {code}", wire="pytest", hint=f"what it said is {where}")
