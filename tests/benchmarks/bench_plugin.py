"""What the plugin costs a project that does not use it: whole processes with it and without it. Target: 20 ms."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_LINE = re.compile(r"import time:\s+\d+ \|\s+(\d+) \| (\s*)(\S+)")


def test_a_project_that_does_not_use_it(
    here: str,
    cost_of: Callable[..., list[Any]],
    rounds: int,
    tell: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "test_it.py").write_text("def test_it():\n    assert True\n")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    bare = [here, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "test_it.py"]
    with_it = [*bare[:3], "-p", "kextrel.plugin", *bare[3:]]
    mine, without = cost_of([with_it, bare], rounds * 4, tmp_path)
    tell(f"the plugin, unused: {(mine.wall - without.wall) * 1000:.0f} ms of {without.wall * 1000:.0f} ms (target 20)")
    tell(f"the plugin, unused, in CPU time: {(mine.cpu - without.cpu) * 1000:.0f} ms of {without.cpu * 1000:.0f} ms")
    tell(f"the plugin's imports: {_imports(with_it, tmp_path) / 1000:.1f} ms")


def _imports(command: list[str], folder: Path) -> int:
    """Microseconds that importing the door itself takes, with all that it imports."""
    timed = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]], cwd=folder, capture_output=True, text=True, check=True
    )
    own = [match for match in map(_LINE.match, timed.stderr.splitlines()) if match and "kextrel" in match[3]]
    shallowest = min(len(match[2]) for match in own)
    return sum(int(match[1]) for match in own if len(match[2]) == shallowest)
