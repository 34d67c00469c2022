"""A wire that cannot be opened hides nothing of what the others show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from kextrel.cli import hands, observing
from kextrel.cli import readying as commands
from kextrel.device.readiness import ROWS, Standing
from kextrel.errors import BenchError, UsageError
from kextrel.evidence import EvidenceLog
from kextrel.lab import Lab, load_profile
from kextrel.lab.readying import examined, made_ready
from kextrel.timing import Deadline

NOWHERE = "/dev/ttyUSB-that-is-not-there"
SAID = f"cannot open {NOWHERE}: No such file or directory; look at the port in the profile and its permissions"


@pytest.fixture
def damaged(lab_file: Path, tmp_path: Path) -> Path:
    """A lab of one Mac whose console and mains hang on a port that is not there."""
    profile = json.loads(lab_file.read_text(encoding="utf-8"))
    mac = profile["macs"]["mini"]
    mac["wires"]["console"]["port"] = NOWHERE
    mac["wires"]["power"]["port"] = NOWHERE
    path = tmp_path / "damaged.yaml"
    path.write_text(json.dumps({**profile, "macs": {"mini": mac}}), encoding="utf-8")
    return path


def test_the_row_of_a_dead_wire_is_missing_and_the_others_are_looked_at(
    damaged: Path, evidence: Callable[[str], EvidenceLog]
) -> None:
    dead: dict[str, BenchError] = {}
    macs, deadline = Lab(load_profile(damaged)), Deadline.after(120)
    found = examined(macs, "mini", evidence("mini"), deadline=deadline, dead=dead)
    assert [one.row for one in found] == list(ROWS)
    assert [(one.row, one.said) for one in found if one.standing is Standing.MISSING] == [
        ("PREP-09", f"mini.power ({NOWHERE} channel 1): {SAID}")
    ]
    assert not [one for one in found if one.standing is Standing.UNKNOWN]
    assert list(dead) == ["console", "power"]
    assert found == made_ready(macs, "mini", evidence("mini"), done=print, deadline=deadline, dead={})


def test_doctor_says_what_no_row_says_and_ends_with_3(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end:
        commands.doctor("mini", lab=str(damaged))
    assert end.value.exit_code == 3
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == len(ROWS)
    assert said.err == f"kextrel: mini.console ({NOWHERE}): {SAID}\n"


def test_a_mac_that_somebody_has_does_not_end_the_doctor_of_the_others(
    lab_file: Path, tmp_path: Path, evidence: Callable[[str], EvidenceLog], capsys: pytest.CaptureFixture[str]
) -> None:
    profile = json.loads(lab_file.read_text(encoding="utf-8"))
    path = tmp_path / "two.yaml"
    two = {name: profile["macs"][name] for name in ("keyless", "mini")}
    path.write_text(json.dumps({**profile, "macs": two}), encoding="utf-8")
    with Lab(load_profile(path)).open("keyless", evidence("keyless")), pytest.raises(typer.Exit) as end:
        commands.doctor(lab=str(path))
    assert end.value.exit_code == 3
    said = capsys.readouterr()
    assert {line.split()[0] for line in said.out.splitlines()} == {"mini"}
    assert said.err.startswith("kextrel: keyless")


def test_observe_needs_the_shell_alone(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Lab(load_profile(damaged)).quarantine("mini", "its relay is dead")
    observing.observe(lab=str(damaged), as_json=True)
    said = capsys.readouterr()
    assert json.loads(said.out)["facts"]["macos"] == "14.5"
    assert f"kextrel: looked without mini.power ({NOWHERE} channel 1): {SAID}\n" in said.err


def test_a_hand_needs_its_own_wire_alone(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In quarantine, too: somebody must be able to look why."""
    Lab(load_profile(damaged)).quarantine("mini", "its relay is dead")
    context: Any = SimpleNamespace(obj="mini")
    with pytest.raises(typer.Exit) as end:
        hands.shell(context, ["sw_vers -productVersion"], lab=str(damaged), as_json=True)
    assert end.value.exit_code == 0
    assert json.loads(capsys.readouterr().out)["stdout"] == "14.5\n"
    with pytest.raises(BenchError, match=r"mini\.power .* cannot open"):
        hands.power(context, "off", lab=str(damaged))


def test_what_is_no_pattern_is_said_before_the_console_is_opened(damaged: Path) -> None:
    context: Any = SimpleNamespace(obj="mini")
    with pytest.raises(UsageError, match=r"--until 'login\(' is no regular expression: missing \)"):
        hands.console(context, until="login(", lab=str(damaged))
