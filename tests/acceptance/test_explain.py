"""The ways that `kextrel explain` shows, performed: each step of them is held on a virtual Mac, and they end where they
say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Process = Callable[..., "subprocess.CompletedProcess[str]"]


def scenario(name: str, mac: dict[str, str], given: str, steps: Iterable[str]) -> str:
    """A scenario's text: `given` is its profiles and extensions, `steps` are written as in a file."""
    head = ["schema: kextrel/scenario/v1", f"name: {name}", f"mac: {json.dumps(mac)}", *given.splitlines(), "steps:"]
    return "\n".join([*head, *(f"  - {step}" for step in steps), ""])


SILICON = {"architecture": "apple-silicon", "macos": "14.5"}
INTEL = {"architecture": "intel", "macos": "12.7"}
T2 = {"architecture": "intel-t2", "macos": "13.6"}
OLD = {"architecture": "intel", "macos": "10.14.6"}


def driver(more: str = "") -> str:
    return f"extensions: {{driver: {{kind: kext, bundle_id: com.example.kextrel.driver{more}}}}}"


def agent(more: str = "") -> str:
    return (
        "extensions: {agent: {kind: system-extension, category: network, bundle_id: com.example.kextrel.agent"
        f"{more}}}}}"
    )


STRICT = "profiles: [{id: strict, kernel_extensions: {AllowedTeamIdentifiers: [KXTRL00002]}}]\n"
NOBODYS = (
    "profiles: [{id: strict, system_extensions: {AllowedTeamIdentifiers: [KXTRL00002], AllowUserOverrides: false}}]\n"
)
LOADED = {"loaded_kexts": ["com.example.kextrel.driver"]}
ENABLED = {"system_extensions": {"com.example.kextrel.agent": "activated enabled"}}
INSTALL, LOAD, ACTIVATE = "install: driver", "load: driver", "activate: agent"
BY_DEVICE, BY_SERIAL = {"enrollment": "device"}, {"enrollment": "automated-device"}

# What the Mac is, what is given, the steps of which the last is refused, and what the end of the way shows: of the
# state, or the outcome of what was asked for.
CASES: dict[str, tuple[dict[str, str], str, tuple[str, ...], dict[str, Any]]] = {
    "full": (SILICON, driver(), (INSTALL, LOAD), LOADED),
    "reduced": (SILICON | {"security_mode": "reduced"}, driver(), (INSTALL, LOAD), LOADED),
    "unsigned": (SILICON, driver(", signature: none"), (INSTALL, LOAD), LOADED),
    "unsigned-on-intel": (INTEL, driver(", signature: none"), (INSTALL, LOAD), LOADED),
    "not-notarized": (T2, driver(", notarized: false"), (INSTALL, LOAD), LOADED),
    "unsupported-interface": (INTEL, driver(", symbols: [_kauth_listen_scope]"), (INSTALL, LOAD), LOADED),
    "absent": (INTEL, driver(), (LOAD,), LOADED),
    "in-recovery": (INTEL, driver(), (INSTALL, "boot: {into: recoveryos}", LOAD), LOADED),
    "forbidden": (INTEL | BY_DEVICE, STRICT + driver(), (INSTALL, LOAD), LOADED),
    "managed": (SILICON | BY_DEVICE, driver(), (INSTALL, LOAD), LOADED),
    "managed-by-serial": (SILICON | BY_SERIAL, driver(), (INSTALL, LOAD), LOADED),
    "not-an-administrator": (
        INTEL, driver(), (INSTALL, LOAD, "approve: {extension: driver, as: standard}"), {"outcome": "approved"},
    ),
    "not-pending": (INTEL, driver(), (INSTALL, "approve: driver"), {"outcome": "approved"}),
    "too-late": (OLD, driver(), (INSTALL, LOAD, "wait: {minutes: 31}", "approve: driver"), {"outcome": "approved"}),
    "security-from-macos": (SILICON, driver(), ("set-security: {mode: reduced}",), {"outcome": "changed"}),
    "security-by-nobody": (
        SILICON, driver(), ("boot: {into: 1tr}", "set-security: {mode: permissive, as: wrong-password}"),
        {"outcome": "changed"},
    ),
    "permissive-by-the-utility": (
        SILICON, driver(),
        ("boot: {into: 1tr}", "set-security: {mode: permissive, using: startup-security-utility}"),
        {"outcome": "changed"},
    ),
    "sip-from-macos": (INTEL, driver(), ("set-sip: {enabled: false}",), {"outcome": "changed"}),
    "tool-with-sip": (SILICON, agent(), ("reset-extensions:",), {"outcome": "done"}),
    "agent": (SILICON | {"macos": "15.1"} | BY_SERIAL, NOBODYS + agent(), ("install: agent", ACTIVATE), ENABLED),
    "elsewhere": (SILICON, agent(", app_in_applications: false"), ("install: agent", ACTIVATE), ENABLED),
    "switched-off": (
        SILICON | {"macos": "15.1"}, agent(),
        ("install: agent", ACTIVATE, "allow: agent", "disable: agent", "enable: {extension: agent, as: standard}"),
        ENABLED,
    ),
    "nobody-there": (
        SILICON, agent(),
        ("install: agent", ACTIVATE, "allow: agent", "deactivate: {extension: agent, as: nobody}"),
        {"outcome": "terminated"},
    ),
}  # fmt: skip


@pytest.mark.night
@pytest.mark.parametrize("name", CASES)
def test_the_way_is_held_and_ends_where_it_says(kextrel: Process, tmp_path: Path, name: str) -> None:
    mac, given, steps, end = CASES[name]
    path = tmp_path / f"{name}.mac.yaml"
    path.write_text(scenario(name, mac, given, steps))
    explained = kextrel("explain", "--json", path)
    way = json.loads(explained.stdout)["steps"][-1]["way"]
    assert way["steps"], explained
    assert way["sure"]
    path.write_text(scenario(name, mac, given, [*steps, *map(json.dumps, way["steps"])]))
    done = kextrel("run", "--json", "--lab", "virtual:fit", path)
    assert done.returncode == 0, done.stdout + done.stderr
    report, _counts = [json.loads(line) for line in done.stdout.splitlines()]
    assert {step["verdict"]["verdict"] for step in report["steps"]} == {"held"}
    seen = report["steps"][-1]["observed"]
    assert {key: (seen | seen["state"])[key] for key in end} == end
