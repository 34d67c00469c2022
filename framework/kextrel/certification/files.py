"""Where the suite's scenarios lie: in the package, so in the wheel too."""

from __future__ import annotations

from pathlib import Path

from kextrel.scenario import SUFFIX

__all__ = ["SCENARIOS", "paths"]

SCENARIOS = Path(__file__).parent / "scenarios"


def paths() -> list[Path]:
    """The suite's files, sorted by name."""
    return sorted(SCENARIOS.glob(f"*{SUFFIX}"))
