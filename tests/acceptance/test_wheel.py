"""The wheel: what is in it, and both its doors. What it certifies is looked at in test_certificate.py."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from kextrel import certification

ROOT = Path(__file__).parents[2]

Process = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def wheel(packaged: Any) -> Path:
    return packaged.wheel


def test_all_that_ships_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    scenarios = {f"kextrel/certification/scenarios/{path.name}" for path in certification.paths()}
    profiles = {f"kextrel/device_profiles/{path.name}" for path in (ROOT / "device_profiles").glob("*.yaml")}
    others = {
        "kextrel/py.typed",
        "kextrel/certification/certify.ini",
        "kextrel/report/templates/report.css",
        "kextrel/report/templates/report.html.j2",
        "kextrel/report/templates/report.js",
        "kextrel/bundles/sample/README.md",
    }
    assert scenarios | profiles | others <= names
    assert profiles > {"kextrel/device_profiles/virtual-lab.yaml"}
    assert package_data() <= names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"kextrel"}


def package_data() -> set[str]:
    """Every file of the package that is no bytecode: trust anchors, templates, lists, sources of samples."""
    source = ROOT / "framework"
    files = (path for path in (source / "kextrel").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(source).as_posix() for path in files}


def test_trust_anchors_are_among_them(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert b"BEGIN CERTIFICATE" in archive.read("kextrel/virtual/trust/root.pem")
        assert b"BEGIN X509 CRL" in archive.read("kextrel/virtual/trust/revoked.crl.pem")


def test_nothing_of_the_tests_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            path = PurePosixPath(name)
            assert not {"tests", "conftest.py", "__pycache__"} & set(path.parts), name
            assert not path.name.startswith("test_"), name


def test_both_doors_are_in_its_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        assert archive.read(entry).decode().split() == [
            "[console_scripts]",
            "kextrel",
            "=",
            "kextrel.cli:main",
            "[pytest11]",
            "kextrel.plugin",
            "=",
            "kextrel.plugin",
        ]


def test_its_pytest_knows_scenarios_without_being_told(packaged: Any, process: Process, tmp_path: Path) -> None:
    (scenario,) = (path for path in certification.paths() if path.name.startswith("KEXT-06"))
    (tmp_path / scenario.name).write_bytes(scenario.read_bytes())
    python = packaged.scripts / "python"
    done = process(python, "-m", "pytest", "--collect-only", "-q", PYTHONPATH="")
    assert f"{scenario.name}::full security refuses a kext" in done.stdout
    assert done.returncode == 0
