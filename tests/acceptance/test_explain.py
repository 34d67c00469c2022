"""The ways that `kextrel explain` shows, performed: each step of them is held on a virtual Mac, and they end where they
say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Process = Callable[..., "subprocess.CompletedProcess[str]"]

HEAD = """schema: kextrel/scenario/v1
name: {name}
mac: {{architecture: {architecture}, macos: '{macos}', enrollment: {by}}}
"""
DRIVER = "extensions: {driver: {kind: kext, bundle_id: com.example.kextrel.driver}}\n"
AGENT = (
    "profiles: [{id: strict, system_extensions: {AllowedTeamIdentifiers: [KXTRL00002], AllowUserOverrides: false}}]\n"
    "extensions: {agent: {kind: system-extension, category: network, bundle_id: com.example.kextrel.agent}}\n"
)
FORBIDDEN = (
    "profiles: [{id: strict, kernel_extensions: {AllowedTeamIdentifiers: [KXTRL00002]}}]\n"
    "extensions: {driver: {kind: kext, bundle_id: com.example.kextrel.driver}}\n"
)
LOADED = {"loaded_kexts": ["com.example.kextrel.driver"]}
ENABLED = {"system_extensions": {"com.example.kextrel.agent": "activated enabled"}}
CASES: dict[str, tuple[tuple[str, str, str], str, str, dict[str, Any]]] = {
    "full": (("apple-silicon", "14.5", "none"), DRIVER, "load: driver", LOADED),
    "forbidden": (("intel", "12.7", "device"), FORBIDDEN, "load: driver", LOADED),
    "agent": (("apple-silicon", "15.1", "automated-device"), AGENT, "activate: agent", ENABLED),
}


def written(name: str, steps: list[dict[str, Any]]) -> str:
    (architecture, macos, by), rest, refused, _ = CASES[name]
    thing = refused.split(": ")[1]
    lines = [f"  - install: {thing}\n", f"  - {refused}\n", *(f"  - {json.dumps(step)}\n" for step in steps)]
    head = HEAD.format(name=name, architecture=architecture, macos=macos, by=by)
    return head + rest + "steps:\n" + "".join(lines)


@pytest.mark.night
def test_the_ways_are_held_and_end_where_they_say(kextrel: Process, tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.mac.yaml" for name in CASES}
    for name, path in paths.items():
        path.write_text(written(name, []))
    explained = kextrel("explain", "--json", *paths.values())
    ways = [json.loads(line)["steps"][1]["way"] for line in explained.stdout.splitlines()]
    assert all(way["steps"] and way["sure"] for way in ways)
    for (name, path), way in zip(paths.items(), ways, strict=True):
        path.write_text(written(name, way["steps"]))
    done = kextrel("run", "--json", *paths.values())
    *reports, counts = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (counts, done.stderr)
    for name, report in zip(paths, sorted(reports, key=lambda one: list(paths).index(one["name"])), strict=True):
        last = report["steps"][-1]
        assert {step["verdict"]["verdict"] for step in report["steps"]} == {"held"}
        assert {key: last["observed"]["state"][key] for key in CASES[name][3]} == CASES[name][3]
