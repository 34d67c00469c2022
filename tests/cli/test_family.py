"""Several virtual Macs are as many processes, which say what they have to say and end with their parent."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys

import pytest

SCRIPT = """
import json, os, signal, sys
from kextrel.cli.family import raise_family
def member(name):
    def live(say):
        say({"name": name, "pid": os.getpid()})
        if name == sys.argv[1]:
            sys.exit(7)
        while True:
            signal.pause()
    return live
sys.exit(raise_family([member("one"), member("two")], lambda line: print(json.dumps(line), flush=True)))
"""


def family(broken: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, broken], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_all_end_with_the_parent_however_it_ends(number: signal.Signals) -> None:
    with family() as parent:
        assert parent.stdout is not None
        said = [json.loads(parent.stdout.readline()) for _ in range(2)]
        assert {one["name"] for one in said} == {"one", "two"}
        members = [os.pidfd_open(one["pid"]) for one in said]
        assert len({one["pid"] for one in said} | {parent.pid}) == 3
        parent.send_signal(number)
        assert parent.wait(30) == (-number if number == signal.SIGKILL else 0)
        for member in members:
            assert select.select([member], [], [], 60)[0], "a member has outlived its parent"
            os.close(member)


def test_the_parent_ends_with_the_first_member_that_fails() -> None:
    with family("two") as parent:
        assert parent.wait(30) == 7
