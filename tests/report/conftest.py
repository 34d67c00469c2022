"""Runs made up for the report: results and evidence as the plugin would have left them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kextrel.report.page import Bounds, write
from kextrel.vocabulary import Architecture, Mac

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STATE = {"boot": "macos", "loaded_kexts": [], "sip": True}


@dataclass(frozen=True)
class Law:
    """A rule as the report needs it; it holds on Apple silicon alone where `silicon` is true."""

    id: str
    text: str
    sources: tuple[str, ...] = ("S1", "M:kmutil")
    open: bool = False
    silicon: bool = False
    shown: bool = True

    def holds_for(self, mac: Mac) -> bool:
        return not self.silicon or mac.architecture is Architecture.APPLE_SILICON


LAWS = {
    law.id: law
    for law in (
        Law("KEXT-04", "loads after a restart"),
        Law("KEXT-06", "needs reduced or permissive", silicon=True),
        Law("SYS-01", "asks the user", open=True),
    )
}


class Made:
    """Builders of what a run leaves."""

    laws = LAWS
    began = BEGAN

    @staticmethod
    def step(number: int = 1, verdict: str = "held", **changes: Any) -> dict[str, Any]:
        """A load that should have been refused; held unless told otherwise."""
        seen = {"held": ("refused", "security-mode", []), "violated": ("loaded", None, ["com.example.kext"])}
        outcome, reason, loaded = seen.get(verdict, seen["held"])
        observed = {"outcome": outcome, "reason": reason, "state": {**STATE, "loaded_kexts": loaded}}
        told = {
            "step": number,
            "action": {"load": "driver"},
            "outcomes": [{"outcome": "refused", "reason": "security-mode"}],
            "rules": ["KEXT-06"],
            "open": False,
            "state": STATE,
            "observed": observed if verdict in seen else None,
            "verdict": {
                "verdict": verdict,
                "rule": "KEXT-06" if verdict == "violated" else None,
                "reason": f"so it ended: {verdict}",
            },
            "evidence": [1, 2],
        }
        return {**told, **changes}

    @staticmethod
    def result(*steps: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """A scenario on the Mac `mini`, as bad as the worst of its steps."""
        verdicts = [step["verdict"]["verdict"] for step in steps]
        order = ("violated", "bench-failed", "not-checked", "held")
        worst = next((verdict for verdict in order if verdict in verdicts), "not-checked")
        blamed = next((step["verdict"]["rule"] for step in steps if step["verdict"]["rule"]), None)
        told = {
            "file": "/suite/walk.mac.yaml",
            "name": "a walk",
            "mac": "mini",
            "facts": {"architecture": "apple-silicon", "macos": "14.5", "enrollment": "none"},
            "steps": list(steps),
            "verdict": {"verdict": worst, "rule": blamed, "reason": f"the worst: {worst}"},
            "started": BEGAN.isoformat(),
            "seconds": 3600.0,
            "lab_minutes": 12.5,
        }
        return {**told, **changes}

    @staticmethod
    def record(n: int, wire: str = "shell", event: str = "run", mac: str = "mini", **data: Any) -> dict[str, Any]:
        """Record `n`, written `n` seconds after the beginning."""
        at = (BEGAN + timedelta(seconds=n)).isoformat(timespec="milliseconds")
        return {"n": n, "at": at, "mac": mac, "wire": wire, "event": event, "data": data}

    @staticmethod
    def leave(folder: Path, results: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any]] = ()) -> None:
        """Writes results.jsonl and evidence.jsonl."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, several in (("results.jsonl", results), ("evidence.jsonl", records)):
            lines = "".join(json.dumps(one) + "\n" for one in several)
            (folder / name).write_text(lines, encoding="utf-8")


@pytest.fixture(scope="session")
def made() -> Made:
    return Made()


@pytest.fixture
def draw(made: Made, tmp_path: Path) -> Callable[..., str]:
    """Draws results and records into `tmp_path` and returns the page's text."""

    def drawn(
        results: Sequence[Mapping[str, Any]],
        records: Sequence[Mapping[str, Any]] = (),
        bounds: Bounds | None = None,
    ) -> str:
        made.leave(tmp_path, results, records)
        return write(tmp_path, made.laws, {"lab": "a lab"}, bounds).read_text(encoding="utf-8")

    return drawn
