"""Virtual Macs in a child process: ready, wrong, silent, and ended with the run. The child here is a stand-in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kextrel.errors import BenchError, UsageError
from kextrel.lab import begun, default_profile_path, load_profile, needs_serving, served

MODULE = sys.modules["kextrel.lab.served"]  # the attribute of that name is the function
READY = f"""
import shutil, sys
shutil.copyfile({str(default_profile_path())!r}, sys.argv[1])
print('{{"name": "mini"}}', flush=True)
sys.stdin.read()
"""


def child(monkeypatch: pytest.MonkeyPatch, script: str) -> list[list[str]]:
    asked: list[list[str]] = []

    def command(path: Path, lab: Path, only: list[str], defects: list[str], faults: list[str]) -> list[str]:
        asked.append([str(path), *defects, *faults])
        return [sys.executable, "-c", script, str(lab)]

    monkeypatch.setattr(MODULE, "_command", command)
    return asked


def test_the_shipped_lab_needs_serving_and_a_bench_does_not(profile: Path) -> None:
    assert needs_serving(load_profile(default_profile_path()))
    assert not needs_serving(load_profile(profile))


def test_the_lab_file_is_there_inside_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    path = default_profile_path()
    asked = child(monkeypatch, READY)
    with served(path, load_profile(path), only=["mini"], defects=["KEXT-06"], faults=["ssh-drop"]) as lab:
        assert lab.read_text() == path.read_text()
    assert asked == [[str(path), "KEXT-06", "ssh-drop"]]
    assert not lab.parent.exists()


def test_one_can_do_something_else_while_they_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, leave = default_profile_path(), tmp_path / "leave"
    os.mkfifo(leave)
    child(monkeypatch, f"open({str(leave)!r}).read()\n" + READY)
    with begun(path, load_profile(path), only=["mini"]) as serving:
        leave.write_text("now")
        assert serving.lab().is_file()
        assert serving.lab() == serving.lab()


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        ("import sys; sys.exit('kextrel: a port is taken')", BenchError, "did not start: a port is taken"),
        ("raise SystemExit(7)", BenchError, "it ended with exit code 7"),
        ("print('not json')", BenchError, "did not start"),
        (
            "import sys; print('kextrel: no defect KEXT-99', file=sys.stderr); sys.exit(2)",
            UsageError,
            "no defect KEXT-99",
        ),
    ],
)
def test_a_child_that_does_not_start_is_quoted(
    monkeypatch: pytest.MonkeyPatch, script: str, error: type[Exception], said: str
) -> None:
    path = default_profile_path()
    child(monkeypatch, script)
    with pytest.raises(error, match=said), served(path, load_profile(path), only=["mini"]):
        raise AssertionError("ready")


def test_a_silent_child_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    path = default_profile_path()
    child(monkeypatch, "import sys; sys.stdin.read()")
    monkeypatch.setattr(MODULE, "_SECONDS_TO_START", 0.5)
    with (
        pytest.raises(BenchError, match="the virtual lab did not start"),
        served(path, load_profile(path), only=["mini"]),
    ):
        raise AssertionError("ready")


def test_the_child_ends_with_an_error_in_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = default_profile_path()
    script = READY.replace("sys.stdin.read()", f"sys.stdin.read(); open({str(tmp_path / 'over')!r}, 'w')")
    child(monkeypatch, "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + script)
    with pytest.raises(ValueError, match="in the run"), served(path, load_profile(path), only=["mini"]):
        raise ValueError("in the run")
    assert (tmp_path / "over").exists()
