"""What Allure 3, the real program, makes of our allure-results: every scenario and step, each verdict as a status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Process = Callable[..., "subprocess.CompletedProcess[str]"]

LAB = """\
schema: kextrel/lab/v1
name: one that works and one whose cable is out
macs:
  mini: {architecture: apple-silicon, macos: "14.5", time_scale: 50, virtual: {prepared: true}}
  unplugged:
    architecture: apple-silicon
    macos: "13.6"
    accounts: {admin: {user: admin, full_name: Lab Admin, password: "env:LAB_PASSWORD"}}
    timeouts: {boot: 1, command: 1, observe: 1, login: 1}
    wires:
      shell:
        driver: ssh
        host: 127.0.0.1
        port: 1
        host_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGGeHS5Sk0S+xw4u6lxFvBPwK9T6Nc/hu5NlOtLFmlCW]
"""
SCENARIO = """\
schema: kextrel/scenario/v1
name: {name}
mac: {{architecture: apple-silicon, macos: "{macos}"}}
extensions: {{driver: {{kind: kext, bundle_id: com.example.kextrel.driver, team_id: KXTRL00001, version: "1.0"}}}}
steps:
  - install: driver
"""
PROJECT = {
    "lab.yaml": LAB,
    "held.mac.yaml": SCENARIO.format(name="one that is held", macos=">=13"),
    "violated.mac.yaml": SCENARIO.format(name="one that is violated", macos=">=13") + "  - load: driver\n",
    "elsewhere.mac.yaml": SCENARIO.format(name="one that is not checked", macos="<12"),
    "unplugged.mac.yaml": SCENARIO.partition("extensions")[0].format(name="one that the bench fails", macos="13.6")
    + "steps: [restart: ]\n",
}
STATUSES = {
    "one that is held[mini]": "passed",
    "one that is violated[mini]": "failed",
    "one that is not checked[no Mac fits]": "skipped",
    "one that the bench fails[unplugged]": "broken",
}


@pytest.fixture
def allure(lacks: Callable[[str], None]) -> Path:
    """The program, of npm's package `allure`, as ci/install-peers leaves it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    program = Path(os.environ.get("KEXTREL_PEERS_DIR") or cache / "kextrel-peers") / "allure"
    if not program.exists():
        lacks("Allure 3 is not installed here")
    return program


@pytest.fixture
def generated(allure: Path, process: Process, tmp_path: Path) -> Path:
    """The folder of the report that Allure made of a run with all four verdicts."""
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(text)
    options = ["--alluredir=results", "--kextrel-lab=lab.yaml", "--kextrel-defect=KEXT-06"]
    ran = process(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, LAB_PASSWORD="unused")
    assert "1 failed, 1 passed, 1 skipped, 1 bench" in ran.stdout, ran.stdout + ran.stderr
    made = process(allure, "generate", "results", "--output", "report")
    assert made.returncode == 0, made.stdout + made.stderr
    return tmp_path / "report"


def test_every_scenario_is_in_it_with_its_status_and_its_steps(generated: Path) -> None:
    found = [json.loads(path.read_text()) for path in (generated / "data" / "test-results").glob("*.json")]
    assert {one["name"]: one["status"] for one in found} == STATUSES
    (violated,) = (one for one in found if one["status"] == "failed")
    steps = [step for step in violated["steps"] if step["type"] == "step"]
    assert [(step["name"], step["status"]) for step in steps] == [
        ('1. {"install": "driver"}: held', "passed"),
        ('2. {"load": "driver"}: violated', "failed"),
    ]
    assert "KEXT-06" in violated["error"]["message"]
    assert [_attached(generated, one) for one in steps[1]["steps"]] == ["expected, seen, verdict", "evidence"]


def _attached(report: Path, attachment: dict[str, Any]) -> str:
    """The name of an attachment, whose file must be there with something in it."""
    link = attachment["link"]
    assert (report / "data" / "attachments" / f"{link['id']}{link['ext']}").stat().st_size > 0
    return str(link["name"])
