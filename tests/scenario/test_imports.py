"""Who asks the model alone pays for no wire, no picture and no schema library."""

from __future__ import annotations

import json
import subprocess
import sys

from kextrel.certification import SCENARIOS

PREDICTING = """
import json, sys
from kextrel.scenario import load, predict
from kextrel.vocabulary import Version
[scenario] = load(sys.argv[1])
steps = predict(scenario, Version.parse("14.5"))["steps"]
print(json.dumps([len(steps), sorted({name.partition(".")[0] for name in sys.modules})]))
"""
DEAR = {"pydantic", "paramiko", "serial", "httpx", "asyncssh", "PIL", "jinja2", "lief", "pytest", "allure"}


def test_to_predict_loads_nothing_dear() -> None:
    command = [sys.executable, "-c", PREDICTING, str(SCENARIOS / "KEXT-06-full-security-refuses.mac.yaml")]
    steps, loaded = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert steps > 1
    assert "yaml" in loaded
    assert DEAR.isdisjoint(loaded)
