"""Peers for the suites of kextrel.testing: a virtual Mac on its own wires, and what the rooms' other peers lack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kextrel.lab import default_profile_path, load_profile, served


@pytest.fixture(scope="module")
def virtual_mac() -> Iterator[dict[str, Any]]:
    """The profile of a running virtual Mac, as `kextrel virtual serve --write-lab` writes it."""
    shipped = default_profile_path()
    with served(shipped, load_profile(shipped), only=["mini"]) as lab:
        (mac,) = json.loads(lab.read_text())["macs"].values()
        for account in mac["accounts"].values():
            account["password"] = Path(account["password"].removeprefix("file:")).read_text().strip()
        yield mac
