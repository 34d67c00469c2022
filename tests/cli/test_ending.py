"""How the command ends when somebody ends it, and when nobody listens to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "kextrel.cli"]
WALK = """\
schema: kextrel/scenario/v1
name: into 1TR
mac: {macos: "14.5"}
steps:
  - boot: {into: 1tr}
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.night)])
def test_a_run_that_is_ended_lets_go_of_the_button_and_ends_its_macs(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "a.mac.yaml").write_text(WALK)
    os.mkfifo(tmp_path / "evidence")
    child = subprocess.Popen(
        [*COMMAND, "run", "a.mac.yaml", "--evidence", "evidence"],
        cwd=tmp_path,
        env={**os.environ, "KEXTREL_STATE": str(tmp_path / "state"), "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    positions = []
    with (tmp_path / "evidence").open() as evidence:
        for line in evidence:
            record = json.loads(line)
            if (record["wire"], record["event"]) == ("button", "relay"):
                positions.append(record["data"]["on"])
                if positions.count(True) == 1 and positions[-1]:
                    os.killpg(child.pid, number)  # as a terminal does: to the command and to all that it started here
    _, said = child.communicate(timeout=60)
    assert child.returncode == 128 + number
    assert said.count("\n") == 1
    assert said == f"kextrel: ended by {number.name}; mini was interrupted in 'into 1TR'\n"
    assert positions[-1] is False
    assert not list(tmp_path.glob("kextrel-lab-*")), "the virtual Macs' folder, which goes when they have ended"


def test_a_reader_that_goes_away_is_no_verdict() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, "rules"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_a_full_disk_is_one_sentence() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, "rules"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("streams", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_bad_input_is_exit_2_where_nobody_listens(streams: str) -> None:
    line = f'exec "$0" -m kextrel.cli predict absent.mac.yaml {streams}'
    assert subprocess.run(["sh", "-c", line, sys.executable], check=False).returncode == 2


def test_a_folder_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    line = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" -m kextrel.cli certify --rule SIG-01'
    done = subprocess.run(
        ["sh", "-c", line, sys.executable], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "start it in another one" in done.stderr


ALL = {"mini", "intel", "t2", "studio"}


@pytest.mark.parametrize(
    ("number", "macs"),
    [
        pytest.param(signal.SIGTERM, ALL, marks=pytest.mark.night),
        (signal.SIGINT, {"mini", "t2"}),
        pytest.param(signal.SIGHUP, {"mini"}, marks=pytest.mark.night),
    ],
)
def test_served_macs_end_in_silence(number: signal.Signals, macs: set[str]) -> None:
    chosen = [] if macs == ALL else [f"--device={mac}" for mac in sorted(macs)]
    child = subprocess.Popen([*COMMAND, "virtual", "serve", *chosen], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert {json.loads(child.stdout.readline())["name"] for _ in macs} == macs
    child.send_signal(number)
    _, said = child.communicate(timeout=30)
    assert (child.returncode, said) == (0, b"")
