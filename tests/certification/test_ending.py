"""A certification that is ended waits until its pytest has let go of the Macs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CERTIFYING = """
import sys
from kextrel.certification import suite
from kextrel.ending import as_interrupts
with as_interrupts():
    suite._pytest([sys.executable, *sys.argv[1:]], None)
"""
PYTEST = """
import select, sys
from kextrel.ending import as_interrupts
with open(sys.argv[1], "w", buffering=1) as told, as_interrupts():
    try:
        print("pressed", file=told)
        while True:  # a signal that comes just before a wait does not end it
            select.select([], [], [], 0.1)
    finally:
        print("let go", file=told)
"""

TEST = """
import select, sys
from kextrel.ending import as_interrupts
def test_that_never_ends():
    with open({told!r}, "w", buffering=1) as told, as_interrupts():
        try:
            print("pressed", file=told)
            while True:
                select.select([], [], [], 0.1)
        finally:
            print("let go", file=told)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_is_passed_on_once_and_waited_for(tmp_path: Path, number: signal.Signals) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    child = subprocess.Popen(
        [sys.executable, "-c", CERTIFYING, "-c", PYTEST, str(told)], stderr=subprocess.PIPE, start_new_session=True
    )
    with told.open() as lines:
        assert lines.readline() == "pressed\n"
        os.killpg(child.pid, number)
        assert lines.readlines() == ["let go\n"]
    _, traceback = child.communicate(timeout=30)
    assert child.returncode != 0
    assert (b"Ended: SIGTERM" if number is signal.SIGTERM else b"KeyboardInterrupt") in traceback


def test_a_certification_that_is_killed_takes_its_pytest_with_it(tmp_path: Path) -> None:
    told, test = tmp_path / "told", tmp_path / "test_it.py"
    os.mkfifo(told)
    test.write_text(TEST.format(told=str(told)))
    line = [sys.executable, "-c", CERTIFYING, "-m", "kextrel.certification.child", "-p", "no:cacheprovider", str(test)]
    child = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    with told.open() as lines:
        assert lines.readline() == "pressed\n"
        child.kill()
        assert child.wait(30) == -signal.SIGKILL
        assert lines.readlines() == []  # killed too: it lets go of nothing, and puts no Mac aside
