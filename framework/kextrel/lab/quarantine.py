"""Macs that are put aside: what could not be taken back to its baseline is not used before somebody looked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["put_aside", "reason", "release"]


def put_aside(folder: Path, key: str, why: str) -> None:
    """Quarantines the Mac that `key` names; the first reason stays."""
    path = _path(folder, key)
    if not path.exists():
        said = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "why": why}
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
        fresh.replace(path)


def reason(folder: Path, key: str) -> str | None:
    """Why a Mac is put aside and since when, None when it is not."""
    path = _path(folder, key)
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return f"{said['why']} (since {said['at']})"
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return f"for a reason that cannot be read any more ({path})"


def release(folder: Path, key: str) -> str | None:
    """Ends a quarantine; returns its reason, None where there was none."""
    why = reason(folder, key)
    _path(folder, key).unlink(missing_ok=True)
    return why


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.quarantine"
