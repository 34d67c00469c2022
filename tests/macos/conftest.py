"""Captures: outputs from the field with the facts that a reading of them must find."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CAPTURES = Path(__file__).parent / "captures"

# Folders whose captures are of several command lines: all are read as this one, which people would give to `parse`.
COMMAND_OF = {
    "kext-load-errors": "kmutil load",
    "kmutil-showloaded": "kmutil showloaded",
    "kextstat": "kextstat",
    "bputil": "bputil -d",
}


@dataclass(frozen=True)
class Capture:
    folder: str
    name: str
    command: str
    text: str
    facts: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.folder}/{self.name}"


def all_captures() -> list[Capture]:
    found = []
    for path in sorted(CAPTURES.rglob("*.txt")):
        said = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        folder = path.parent.name
        command = COMMAND_OF.get(folder, said["command"])
        found.append(Capture(folder, path.stem, command, path.read_text(encoding="utf-8"), said["facts"]))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "capture" in metafunc.fixturenames:
        metafunc.parametrize("capture", all_captures(), ids=lambda capture: capture.id)


@pytest.fixture
def capture_text() -> Callable[[str], str]:
    """`capture_text("bputil/01")`: the text of one capture."""
    return lambda name: (CAPTURES / f"{name}.txt").read_text(encoding="utf-8")
