"""The SSH library comes without what only its reader of ssh_config needs, and that still works."""

from __future__ import annotations

import json
import subprocess
import sys

PROBE = """
import json, sys
import kextrel.bench.shell
loaded = sorted({name.partition(".")[0] for name in sys.modules} & {"invoke", "asyncio", "ssl", "tenacity", "paramiko"})
from paramiko.config import SSHConfig
read = SSHConfig.from_text('Match exec "true"\\n  User someone\\n').lookup("host")
import invoke
print(json.dumps([loaded, read["user"], hasattr(invoke, "run"), invoke.__name__]))
"""
BEFORE = """
import invoke
import kextrel.bench.shell
import paramiko.config, sys
assert paramiko.config.invoke is invoke is sys.modules["invoke"]
"""


def test_nothing_is_loaded_that_no_shell_needs_and_a_match_exec_is_run_all_the_same() -> None:
    said = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == [["paramiko"], "someone", True, "invoke"]


def test_who_has_loaded_it_keeps_it() -> None:
    subprocess.run([sys.executable, "-c", BEFORE], check=True)
