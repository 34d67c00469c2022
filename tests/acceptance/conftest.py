"""Whole processes over real wires: nothing here imports what it tries (but to make a vendor's bundles), and nothing is
replaced.

Certificates take the longest, so those that the chosen tests ask for are made in the background, some at a time, while
the other tests run; the tests that look at them come last.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any
from xml.etree import ElementTree

import pytest

from kextrel import bundles
from kextrel.vocabulary import Category, Extension, ExtensionKind

KEXTREL = (sys.executable, "-m", "kextrel.cli")
AT_ONCE = 3
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 600.0
DEFECTS = ("KEXT-06", "BOOT-02", "BOOT-03", "KEXT-03", "SIG-01")
FAULTS = {"ssh-drop@8": "BOOT-02", "relay-stuck": "BOOT-02", "screen-dark": "KEXT-15"}
FEWER = {"KEXT-03": "BOOT-02"}  # a rule whose scenarios, fewer than its own, show this one as well
ORDERS = {
    **{fault: ("--json", "--rule", rule, "--fault", fault) for fault, rule in FAULTS.items()},
    "wheel": (),  # all of the suite, from the wheel alone
    "vendor": ("--rule", "SYS-04", "--rule", "KEXT-06", "--rule", "SYS-05"),  # the same with a vendor's own bundles
    **{rule: ("--json", "--rule", FEWER.get(rule, rule), "--defect", rule) for rule in DEFECTS},
}

Process = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that wait for a certificate, last of those here; no other room's test runs beside the certifying."""
    places = [place for place, item in enumerate(items) if item.path.parent == HERE]
    ours = sorted((items[place] for place in places), key=lambda item: order_of(item) is not None)
    for place, item in zip(places, ours, strict=True):
        items[place] = item


def order_of(item: pytest.Item) -> str | None:
    """The certificate that a test asks for by parametrizing the fixture `certified`."""
    asked = getattr(item, "callspec", None)
    return None if asked is None else asked.params.get("certified")


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of every process that is started here: none of the caller's Kextrel or pytest settings.

    Bytecode is kept, for these tests start a hundred interpreters.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KEXTREL", "PYTEST"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "KEXTREL_STATE": str(tmp_path_factory.mktemp("state"))}


@pytest.fixture
def process(settings: dict[str, str], tmp_path: Path) -> Process:
    """`process(program, *arguments, NAME=value)`: it, ended, with its streams as text; started in `tmp_path`."""

    def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(one) for one in command],
            cwd=tmp_path,
            env={**settings, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture
def kextrel(process: Process) -> Process:
    """The same for the command: `kextrel("run", path)`."""
    return lambda *arguments, **environment: process(*KEXTREL, *arguments, **environment)


@dataclass(frozen=True)
class Certified:
    """One `kextrel certify` that ended, in a folder that was empty. `secrets` are the passwords of its Macs."""

    folder: Path
    code: int
    secrets: frozenset[str]

    @property
    def report(self) -> Path:
        return self.folder / "here" / "kextrel-report"

    @cached_property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    @cached_property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    @cached_property
    def results(self) -> list[dict[str, Any]]:
        return lines(self.report / "results.jsonl")

    @property
    def tried(self) -> list[dict[str, Any]]:
        """The results of scenarios that some Mac of the lab can be."""
        return [result for result in self.results if not result["verdict"]["reason"].startswith("it needs ")]

    @property
    def steps(self) -> list[dict[str, Any]]:
        return [step for result in self.tried for step in result["steps"]]

    @cached_property
    def evidence(self) -> list[dict[str, Any]]:
        return lines(self.report / "evidence.jsonl")

    @cached_property
    def junit(self) -> ElementTree.Element:
        suite = ElementTree.parse(self.report / "junit.xml").getroot().find("testsuite")
        assert suite is not None
        return suite

    @cached_property
    def allure(self) -> list[dict[str, Any]]:
        found = sorted((self.report / "allure-results").glob("*-result.json"))
        return [json.loads(path.read_text()) for path in found]

    @property
    def quarantines(self) -> list[Path]:
        return sorted((self.folder / "state").glob("*.quarantine"))


@dataclass(frozen=True)
class Packaged:
    """The wheel of this checkout, and the scripts of a fresh environment that has it."""

    wheel: Path
    scripts: Path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Certificates:
    """The certificates of `ORDERS`, each begun when `begin` is called for it and waited for when it is looked at."""

    def __init__(self, base: Path, settings: dict[str, str]) -> None:
        self._base, self._settings = base, settings
        self._packaging, self._packaged = Lock(), None
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="certify")
        self._begun: dict[str, Future[Certified]] = {}

    def packaged(self) -> Packaged:
        """The wheel, built and installed once for all who want it."""
        with self._packaging:
            if self._packaged is None:
                wheel = wheel_of(ROOT, self._base / "package", self._settings)
                self._packaged = Packaged(wheel, installed(wheel, self._base / "package", self._settings))
            return self._packaged

    def begin(self, name: str) -> Future[Certified]:
        if name not in self._begun:
            self._begun[name] = self._pool.submit(self._certify, name)
        return self._begun[name]

    def _certify(self, name: str) -> Certified:
        """Makes one, and learns the passwords of its Macs from their secret files as long as there are any."""
        folder = self._base / name
        for part in ("here", "tmp", "state"):
            (folder / part).mkdir(parents=True)
        own = {"TMPDIR": str(folder / "tmp"), "KEXTREL_STATE": str(folder / "state")}
        program, arguments = KEXTREL, [*ORDERS[name]]
        if name in ("wheel", "vendor"):
            own["PYTHONPATH"] = ""
            program = (str(self.packaged().scripts / "kextrel"),)
        if name == "vendor":
            arguments += [f"--extension={one}={path}" for one, path in of_a_vendor(folder / "built").items()]
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            child = subprocess.Popen(
                [*program, "certify", *arguments],
                cwd=folder / "here",
                env={**self._settings, **own},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        try:
            secrets = _secrets_until_the_end(child, folder / "tmp")
        finally:
            child.kill()
            child.wait()
        return Certified(folder, child.returncode, frozenset(secrets))

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def of_a_vendor(folder: Path) -> dict[str, Path]:
    """Bundles as somebody else builds them: other identifiers, another team, other versions, in a folder of their own,
    and signed by a Developer ID that virtual Macs trust."""
    driver = Extension("driver", ExtensionKind.KEXT, "com.acme.storage", "ACME123456", "3.2.1")
    agent = Extension(
        "agent", ExtensionKind.SYSTEM_EXTENSION, "com.acme.guard", "ACME123456", "7.0", category=Category.NETWORK
    )
    return {one.name: bundles.make(one, folder) for one in (driver, agent)}


def wheel_of(project: Path, folder: Path, settings: dict[str, str]) -> Path:
    """The wheel of a project, built with what is installed here."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", folder, project], env=settings, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def installed(wheel: Path, folder: Path, settings: dict[str, str]) -> Path:
    """The scripts of a fresh environment that has the wheel, and finds the dependencies where this one has them."""
    fresh = folder / "fresh"
    python = fresh / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", fresh], env=settings, check=True)
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(asked, env=settings, check=True, capture_output=True, text=True).stdout.strip()
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel]
    subprocess.run(pip, env=settings, check=True, capture_output=True)
    (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def _secrets_until_the_end(child: subprocess.Popen[bytes], tmp: Path) -> set[str]:
    secrets: set[str] = set()
    for _ in range(int(PATIENCE / 0.2)):
        try:
            child.wait(0.2)
        except subprocess.TimeoutExpired:
            for path in tmp.glob("kextrel-lab-*/lab.yaml.secrets/*"):
                secrets |= _words_of(path)
        else:
            return secrets
    raise AssertionError(f"no certificate within {PATIENCE} s")


def _words_of(path: Path) -> set[str]:
    try:
        return set(path.read_text().split())
    except FileNotFoundError:
        return set()  # the run ended between the look into the folder and this one


@pytest.fixture(scope="session", autouse=True)
def certificates(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]
) -> Iterator[Certificates]:
    """All that this session's tests ask for, begun with the first test here: those with a fault first, they wait."""
    certificates = Certificates(tmp_path_factory.mktemp("certificates"), settings)
    asked = {order_of(item) for item in request.session.items}
    for name in ORDERS:
        if name in asked:
            certificates.begin(name)
    yield certificates
    certificates.close()


@pytest.fixture
def packaged(certificates: Certificates) -> Packaged:
    """The wheel of this session, installed."""
    return certificates.packaged()


@pytest.fixture
def certified(certificates: Certificates, request: pytest.FixtureRequest) -> Certified:
    """The certificate that the test names by parametrizing this fixture indirectly."""
    return certificates.begin(request.param).result()


@dataclass(frozen=True)
class Served:
    """A running `kextrel virtual serve`: the JSON line that it printed and the lab file that it wrote."""

    child: subprocess.Popen[str]
    line: dict[str, Any]
    lab: Path


def started(folder: Path, settings: dict[str, str], *arguments: str) -> Served:
    """Starts one on the shipped profile; returns when its first line is there."""
    lab = folder / "lab.yaml"
    with (folder / "stderr").open("w") as stderr:
        child = subprocess.Popen(
            [*KEXTREL, "virtual", "serve", "--write-lab", str(lab), *arguments],
            cwd=folder,
            env=settings,
            stdin=subprocess.PIPE,  # with --with-stdin it ends when these tests do, however they end
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert child.stdout is not None
    readable, _, _ = select.select([child.stdout], [], [], PATIENCE)
    assert readable, "virtual serve printed nothing"
    return Served(child, json.loads(child.stdout.readline()), lab)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> Iterator[Served]:
    """One virtual lab for every test that leaves its Mac as it found it: in macOS, at the baseline."""
    serving = started(tmp_path_factory.mktemp("served"), settings, "--device", "mini", "--with-stdin")
    try:
        yield serving
    finally:
        ended(serving.child, signal.SIGTERM)


@pytest.fixture(scope="session")
def serve() -> Callable[..., Served]:
    """`started`, for tests that end what they start."""
    return started


@pytest.fixture(scope="session")
def end() -> Callable[..., tuple[int, str]]:
    return ended


def ended(child: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    """Ends a process by a signal: its exit code, and what it printed since its first line."""
    child.send_signal(number)
    try:
        rest, _ = child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise
    return child.returncode, rest
