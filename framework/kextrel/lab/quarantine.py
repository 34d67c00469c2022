"""Macs that are put aside: what could not be taken back to its baseline is not used before somebody looked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["put_aside", "reason", "release"]


def put_aside(folder: Path, mac: str, why: str) -> None:
    """Quarantines `mac`; the first reason stays."""
    path = _path(folder, mac)
    if not path.exists():
        at = datetime.now(UTC).isoformat(timespec="seconds")
        path.write_text(json.dumps({"at": at, "why": why}, ensure_ascii=False), encoding="utf-8")


def reason(folder: Path, mac: str) -> str | None:
    """Why `mac` is put aside and since when, None when it is not."""
    path = _path(folder, mac)
    if not path.exists():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return f"{said['why']} (since {said['at']})"
    except (OSError, ValueError, KeyError, TypeError):
        return f"for a reason that cannot be read any more ({path})"


def release(folder: Path, mac: str) -> str | None:
    """Ends a quarantine; returns its reason, None where there was none."""
    why = reason(folder, mac)
    _path(folder, mac).unlink(missing_ok=True)
    return why


def _path(folder: Path, mac: str) -> Path:
    return folder / f"{mac}.quarantine"
