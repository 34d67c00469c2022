"""`kextrel run` before and beside the Macs: nothing is touched for bad input, and one Mac does not stop the others."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kextrel.cli import running
from kextrel.scenario import Report

Run = Callable[..., "subprocess.CompletedProcess[str]"]

WALK = """\
schema: kextrel/scenario/v1
name: full security refuses
mac: {macos: "14.5"}
extensions: {driver: {}}
steps:
  - install: driver
  - load: driver
    expect: {outcome: refused}
"""
LAB = """\
schema: kextrel/lab/v1
name: bench
macs:
  other:
    architecture: apple-silicon
    macos: "13.0"
    accounts: {admin: {user: lab, password: env:LAB_PASSWORD}}
    wires:
      console: {driver: serial, port: /dev/not-there}
  mini:
    architecture: apple-silicon
    macos: "14.5"
    trusts: test-authority
    accounts: {admin: {user: lab, password: env:LAB_PASSWORD}}
    wires:
      console: {driver: serial, port: /dev/not-there-either}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    path = tmp_path / "lab.yaml"
    path.write_text(LAB)
    return path


def test_macs_that_cannot_be_had_are_the_bench_s_failure_and_each_is_tried(
    kextrel: Run, lab: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.mac.yaml").write_text(WALK.replace("14.5", "13.0"))
    (tmp_path / "b.mac.yaml").write_text(WALK)
    done = kextrel("run", "a.mac.yaml", "b.mac.yaml", "--lab", lab, "--json", LAB_PASSWORD="hunter2")
    assert done.returncode == 3
    first, second, counts = map(json.loads, done.stdout.splitlines())
    assert (first["device"], second["device"]) == ("other", "mini")
    assert first["verdict"]["verdict"] == second["verdict"]["verdict"] == "bench-failed"
    assert first["verdict"]["rule"] is None
    assert "other.console (/dev/not-there): cannot open" in first["verdict"]["reason"]
    assert [step["observed"] for step in first["steps"]] == [None, None]
    assert counts == {"held": 0, "violated": 0, "not-checked": 0, "bench-failed": 2}
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == [
        " other.console (/dev/not-there)",
        " mini.console (/dev/not-there-either)",
    ]


def test_a_pin_that_the_model_contradicts_is_found_before_any_mac_is_touched(
    kextrel: Run, lab: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.mac.yaml").write_text(WALK.replace("14.5", "13.0"))
    (tmp_path / "b.mac.yaml").write_text(WALK.replace("outcome: refused", "outcome: loaded"))
    arguments = ["run", "a.mac.yaml", "b.mac.yaml", "--lab", lab, "--evidence", "evidence.jsonl"]
    done = kextrel(*arguments, "--json", LAB_PASSWORD="hunter2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("kextrel: b.mac.yaml:8: step 2 (load) pins outcome loaded")
    assert not (tmp_path / "evidence.jsonl").exists()
    assert not (tmp_path / "state").exists()


def test_the_cost_is_said_before_a_run(kextrel: Run, lab: Path, tmp_path: Path) -> None:
    (tmp_path / "b.mac.yaml").write_text(WALK)
    done = kextrel("run", "b.mac.yaml", "--lab", lab, LAB_PASSWORD="hunter2")
    assert done.stdout.startswith("mini: 1 scenario, about 3 lab minutes on a real Mac\n")


@pytest.mark.parametrize(
    ("stays", "how"),
    [
        (True, "once it is in order, run `kextrel lab release mini --lab rack.yaml`"),
        (False, "it was made for this run"),
    ],
)
def test_a_mac_that_was_put_aside_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stays: bool, how: str
) -> None:
    """All its steps may have held."""
    put: list[tuple[str, str]] = []
    opened: Any = SimpleNamespace(
        open=lambda name, log: nullcontext(),
        quarantine=lambda name, why: put.append((name, why)),
        how_to_release=lambda name: f"kextrel lab release {name} --lab rack.yaml",
    )

    def lose(mac: object, scenarios: object, *, quarantine: Callable[[str], None], **more: object) -> list[Report]:
        quarantine("it could not be taken back to clean")
        return []

    monkeypatch.setattr(running, "run_on", lose)
    running._on(opened, "mini", [], None, as_json=False, stays=stays)
    assert put == [("mini", "it could not be taken back to clean")]
    assert capsys.readouterr().err == (f"kextrel: mini is quarantined: it could not be taken back to clean; {how}\n")
