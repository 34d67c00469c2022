"""A profile is read, and a Mac chosen by it, without what only wires, verbs and reports need: it is slow to load."""

from __future__ import annotations

import json
import subprocess
import sys

PROBE = """
import json, sys
from kextrel.lab import Lab, default_profile_path, load_profile
lab = Lab(load_profile(default_profile_path()))
facts = [lab.facts(name) for name in lab.names()]
print(json.dumps([len(facts), sorted(sys.modules)]))
"""
LATER = {"PIL", "asyncio", "httpx", "jinja2", "keyring", "lief", "paramiko", "rich", "serial", "tenacity", "typer"}
ROOMS = {"kextrel.policy", "kextrel.macos", "kextrel.scenario", "kextrel.vocabulary.actions", "kextrel.device.observe"}


def test_who_looks_at_a_profile_loads_no_driver_and_no_verb() -> None:
    said = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout
    macs, loaded = json.loads(said)
    assert macs > 0
    assert not (LATER | ROOMS) & set(loaded)
