"""Writes a lab file for running virtual Macs, from the endpoints that `kextrel virtual serve` prints.

Their passwords, made for this run, go into files of mode 600 beside it and are referred to by `file:`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kextrel.lab import quarantine
from kextrel.lab.inventory import Lab
from kextrel.lab.leases import state_path
from kextrel.lab.profile import SCHEMA, LabProfile, MacProfile, load_profile

__all__ = ["write_lab"]

_POLL = 0.02


def write_lab(endpoints: Sequence[Mapping[str, Any]], path: Path, profiles: Sequence[LabProfile] = ()) -> None:
    """Writes `path` (YAML) and a folder `<path>.secrets` for the Macs in `endpoints`.

    Facts that no endpoint tells (time scale, enrollment details, timeouts) are taken from `profiles`, by name.
    """
    secrets = path.with_name(path.name + ".secrets")
    shutil.rmtree(secrets, ignore_errors=True)
    secrets.mkdir(mode=0o700, parents=True)
    known = {name: mac for profile in profiles for name, mac in profile.macs.items()}
    macs = {}
    for one in endpoints:
        mac = known.get(one["name"])
        macs[one["name"]] = {**_facts(mac), **_wired(one, secrets.absolute()), **_releases(mac)}
    extensions = {key: str(path) for profile in profiles for key, path in Lab(profile).bundles.items()}
    lab = {"schema": SCHEMA, "name": f"virtual-{os.getpid()}", "macs": macs, "extensions": extensions}
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(lab, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if quarantine.is_any(state_path()):
        _begin_anew(fresh)
    fresh.replace(path)  # whoever waits for the file never sees half of it


def _begin_anew(written: Path) -> None:
    """Ports and terminals come back: what was quarantined on them was a virtual Mac that has ended."""
    lab = Lab(load_profile(written))
    for name in lab.names():
        lab.begin_anew(name)


def _facts(mac: MacProfile | None) -> dict[str, Any]:
    if mac is None:
        return {}
    return mac.model_dump(mode="json", exclude={"virtual", "wires", "macos", "arrives_with"}, exclude_none=True)


def _releases(mac: MacProfile | None) -> dict[str, str]:
    """Of a Mac that is served with an older release than it is meant for: the endpoint knows of that one only."""
    if mac is None or mac.arrives_with is None:
        return {}
    return {"macos": str(mac.macos), "arrives_with": str(mac.arrives_with)}


def _wired(endpoint: Mapping[str, Any], secrets: Path) -> dict[str, Any]:
    ssh, screen, relay = endpoint["ssh"], endpoint["screen"], endpoint["relay"]
    accounts = {
        "admin" if account["admin"] else "standard": {
            "user": account["name"],
            "full_name": account["full_name"],
            "password": _kept(secrets, f"{endpoint['name']}-{account['name']}", account["password"]),
        }
        for account in endpoint["accounts"]
    }
    looks = _kept(secrets, f"{endpoint['name']}-screen", screen["password"])
    return {
        "architecture": endpoint["architecture"],
        "macos": endpoint["macos"],
        "trusts": "test-authority",
        "accounts": accounts,
        "wires": {
            "shell": {"driver": "ssh", "host": ssh["host"], "port": ssh["port"], "host_keys": [ssh["host_key"]]},
            "console": {"driver": "serial", "port": endpoint["console"]},
            "power": {"driver": "lcus", "port": relay, "channel": 1},
            "button": {"driver": "lcus", "port": relay, "channel": 2},
            "keyboard": {"driver": "ch9329", "port": endpoint["keyboard"]},
            "screen": {
                "driver": "pikvm",
                "url": screen["url"],
                "user": screen["user"],
                "password": looks,
                "poll": _POLL,
            },
            "beacon": {"driver": "http", "listen": "127.0.0.1"},
            **_managed(endpoint, secrets),
        },
    }


def _managed(endpoint: Mapping[str, Any], secrets: Path) -> dict[str, Any]:
    """The MDM wire of a Mac that has a server: it takes its webhook from us."""
    access = endpoint.get("mdm_access")
    if endpoint.get("mdm") is None or access is None:
        return {}
    key = _kept(secrets, f"{endpoint['name']}-mdm", access["api_key"])
    mdm = {"driver": "nanomdm", "url": endpoint["mdm"], "api_key": key, "udid": access["udid"]}
    return {"mdm": {**mdm, "webhook": {"register": True}}}


def _kept(folder: Path, name: str, secret: str) -> str:
    path = folder / name
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret + "\n")
    return f"file:{path}"
