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
    suite._pytest([sys.executable, "-c", sys.argv[1], sys.argv[2]], None)
"""
PYTEST = """
import select, sys
from kextrel.ending import as_interrupts
with open(sys.argv[1], "w", buffering=1) as told, as_interrupts():
    print("pressed", file=told)
    try:
        while True:  # a signal that comes just before a wait does not end it
            select.select([], [], [], 0.1)
    finally:
        print("let go", file=told)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_is_passed_on_once_and_waited_for(tmp_path: Path, number: signal.Signals) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    child = subprocess.Popen(
        [sys.executable, "-c", CERTIFYING, PYTEST, str(told)], stderr=subprocess.PIPE, start_new_session=True
    )
    with told.open() as lines:
        assert lines.readline() == "pressed\n"
        os.killpg(child.pid, number)
        assert lines.readlines() == ["let go\n"]
    _, traceback = child.communicate(timeout=30)
    assert child.returncode != 0
    assert (b"Ended: SIGTERM" if number is signal.SIGTERM else b"KeyboardInterrupt") in traceback
