"""Runs the command as people do: a process of its own, from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def kextrel(tmp_path: Path) -> Run:
    """`kextrel(*arguments)`: the finished process, its streams as text. Leases and quarantines are this test's own."""

    def run(*arguments: str | Path, timeout: float = 60.0, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KEXTREL", "PYTEST"))}
        return subprocess.run(
            [sys.executable, "-m", "kextrel.cli", *(str(one) for one in arguments)],
            cwd=tmp_path,
            env={**kept, "KEXTREL_STATE": str(tmp_path / "state"), **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
