"""What the policy model costs, in CPU time: predictions (target 50,000 steps a second on one core), a thousand scenario
files by one `kextrel predict` (target 3 s), and that a scenario's cost grows with its steps and no faster."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kextrel import policy
from kextrel.scenario import parse
from kextrel.vocabulary import Action

FILES = 1000
CALIBRATION = 2_000_000
HEAD = """schema: kextrel/scenario/v1
name: walk {n}
mac: {{architecture: apple-silicon, macos: "14.5"}}
extensions:
  driver: {{kind: kext, bundle_id: com.example.kextrel.driver}}
  agent: {{kind: system-extension, bundle_id: com.example.kextrel.agent}}
steps:
"""
WALK = """  - install: driver
  - load: driver
  - boot: {into: 1tr}
  - set-security: {allow: [user]}
  - boot: {into: macos}
  - load: driver
  - approve: driver
  - restart:
  - load: driver
  - install: agent
  - activate: agent
  - allow: agent
"""


@pytest.fixture
def scenario() -> Any:
    (found,) = parse(HEAD.format(n=0) + WALK)
    return found


def walked(situation: policy.Situation, actions: Sequence[Action]) -> policy.Situation:
    for action in actions:
        situation = policy.predict(situation, action).outcomes[0].situation
    return situation


def cpu(work: Any) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def count() -> int:
    """A loop that every interpreter runs alike: what a busy machine's second is worth."""
    total = 0
    for number in range(CALIBRATION):
        total += number
    return total


@pytest.mark.benchmark(timer=time.process_time)
def test_predictions(scenario: Any, benchmark: Any, tell: Any) -> None:
    actions = [step.action for step in scenario.steps] * 100
    start = policy.begin(scenario.start())
    end = benchmark(walked, start, actions)
    assert end.state.loaded_kexts == {"com.example.kextrel.driver"}
    rate = len(actions) / benchmark.stats.stats.min
    loop = CALIBRATION / cpu(count)
    tell(
        f"predictions: {rate:,.0f} steps a CPU second (target 50,000), where a bare loop does {loop / 1e6:.1f} million"
    )


def test_growth(scenario: Any, tell: Any) -> None:
    actions, start = [step.action for step in scenario.steps], policy.begin(scenario.start())
    walked(start, actions)
    for times in (10, 100, 1000):
        took = cpu(lambda often=times: walked(start, actions * often))
        tell(f"growth: {len(actions) * times:,} steps, {took / (len(actions) * times) * 1e6:.0f} CPU µs each")


def test_a_thousand_files(tmp_path: Path, tell: Any) -> None:
    paths = [tmp_path / f"{number}.mac.yaml" for number in range(FILES)]
    for number, path in enumerate(paths):
        path.write_text(HEAD.format(n=number) + WALK)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "kextrel.cli", "predict", "--json", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["name"] for one in said] == [f"walk {number}" for number in range(FILES)]
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    tell(f"{FILES:,} files by one predict: {used:.1f} CPU s, {wall:.1f} s (target 3)")
