"""Runs the command as people do: a process of its own, from an empty folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forking import Forking

Run = Callable[..., "subprocess.CompletedProcess[str]"]
RunBytes = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking]:
    """The process that the commands of these tests are forks of."""
    forking = Forking()
    yield forking
    forking.close()


@pytest.fixture
def kextrel_bytes(tmp_path: Path, forking: Forking) -> RunBytes:
    """`kextrel_bytes(*arguments)`: the finished process. Leases and quarantines are this test's own."""

    def run(
        *arguments: str | Path, stdin: bytes = b"", timeout: float = 60.0, **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KEXTREL", "PYTEST"))}
        return forking.run(
            [str(one) for one in arguments],
            cwd=tmp_path,
            environment={**kept, "KEXTREL_STATE": str(tmp_path / "state"), **environment},
            stdin=stdin,
            timeout=timeout,
        )

    return run


@pytest.fixture
def kextrel(kextrel_bytes: RunBytes) -> Run:
    """The same with streams as text."""

    def run(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        done = kextrel_bytes(*arguments, **more)
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
