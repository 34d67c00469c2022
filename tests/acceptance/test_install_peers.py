"""ci/install-peers beside stand-ins for apt-get, go and npm: no server is started for having been installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "ci" / "install-peers"
POLICY = "/usr/sbin/policy-rc.d"
TOOLS = {
    "dpkg-query": "exit 1",
    "sudo": 'shift; [ "$1" = mkdir ] || exec "$@"',
    "apt-get": '[ "$1" = update ] || { "$POLICY" ssh start; echo "$?" >"$SAID"; exit "$APT"; }',
    "go": 'echo >"$GOBIN/nanomdm"',
    "npm": "exit 0",
}


def installed(folder: Path, apt: int = 0) -> tuple[int, str]:
    """How the script ends where apt-get ends with `apt`, and what the policy said to a server's start meanwhile."""
    script = SCRIPT.read_text()
    assert script.count(POLICY) == 1
    (folder / "install-peers").write_text(script.replace(POLICY, str(folder / "policy-rc.d")))
    (folder / "bin").mkdir()
    for name, body in TOOLS.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / "bin" / name).chmod(0o755)
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "KEXTREL_PEERS_DIR": str(folder / "peers"),
        "POLICY": str(folder / "policy-rc.d"),
        "SAID": str(folder / "said"),
        "APT": str(apt),
    }
    done = subprocess.run(["bash", folder / "install-peers"], env=environment, capture_output=True, check=False)
    return done.returncode, (folder / "said").read_text().strip()


@pytest.mark.parametrize("apt", [0, 100])
def test_servers_are_not_started_and_the_policy_goes_again(apt: int, tmp_path: Path) -> None:
    assert installed(tmp_path, apt) == (apt, "101")
    assert not (tmp_path / "policy-rc.d").exists()


def test_a_policy_of_the_machine_s_own_stays(tmp_path: Path) -> None:
    (tmp_path / "policy-rc.d").write_text("#!/bin/sh\nexit 104\n")
    (tmp_path / "policy-rc.d").chmod(0o755)
    assert installed(tmp_path) == (0, "104")
    assert "exit 104" in (tmp_path / "policy-rc.d").read_text()
