"""The fault campaign's own tool, with one seed of two faults: the whole campaign is `ci/faults`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Process = Callable[..., "subprocess.CompletedProcess[str]"]

TOOL = Path(__file__).parents[2] / "ci" / "faults.py"
REFUSED = """\
schema: kextrel/scenario/v1
name: the right password lowers nothing in macOS
mac: {architecture: apple-silicon, macos: ">=13"}
steps:
  - set-security: {mode: reduced, allow: [user]}
"""


def told(done: subprocess.CompletedProcess[str], fault: str) -> tuple[str, str]:
    """What it came to, and how many steps were judged otherwise."""
    found = re.search(rf"^{fault} +\d+ runs: (.+); slowest \d+ s; wrong: (\d+)", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return found[1], found[2]


@pytest.mark.night
@pytest.mark.parametrize(("fault", "ends"), [("ssh-drop", "1 bench-failed"), ("console-garble", "1 held")])
def test_a_broken_wire_changes_no_verdict(process: Process, tmp_path: Path, fault: str, ends: str) -> None:
    (tmp_path / "refused.mac.yaml").write_text(REFUSED)
    done = process(sys.executable, TOOL, "refused.mac.yaml", "--seeds=1", "--patience=3", "--fault", fault)
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(done, fault) == (ends, "0")
