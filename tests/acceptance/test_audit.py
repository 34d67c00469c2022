"""`kextrel audit` from the outside: a defect that is caught, one that the chosen scenarios cannot show, sound Macs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Process = Callable[..., Any]


@pytest.mark.night
def test_what_is_caught_and_what_is_missed_is_told_of_each_defect(kextrel: Process, tmp_path: Path) -> None:
    done = kextrel("audit", "--rule", "BOOT-10", "--defect", "BOOT-10", "--defect", "SIG-01", "--json")
    *findings, counts = map(json.loads, done.stdout.splitlines())
    assert [(one["defect"], one["found"]) for one in findings] == [
        (None, "held"),
        ("BOOT-10", "caught"),
        ("SIG-01", "missed"),
    ]
    assert set(findings[1]["blamed"]) == {"BOOT-10"}
    assert counts == {"held": 1, "caught": 1, "missed": 1}
    assert (done.returncode, done.stderr) == (1, "")
    reports = tmp_path / "kextrel-audit"
    assert sorted(path.name for path in reports.iterdir()) == ["BOOT-10", "SIG-01", "none"]
    assert all((folder / "report.html").is_file() and (folder / "pytest.txt").is_file() for folder in reports.iterdir())


def test_what_no_virtual_mac_has_is_refused_before_anything_is_started(kextrel: Process, tmp_path: Path) -> None:
    for arguments, why in (
        (("--defect", "KEXT-99"), "a virtual Mac has no defect KEXT-99"),
        (("--rule", "KEXT-99"), "there is no rule KEXT-99"),
    ):
        done = kextrel("audit", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert why in done.stderr
    assert list(tmp_path.iterdir()) == []
