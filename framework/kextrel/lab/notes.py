"""Small notes in the state folder, for whoever shares it: written whole or not at all, readable for everybody."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kextrel.errors import UsageError

__all__ = ["read", "write"]

_FOR_ALL = 0o644  # whoever shares the folder must be told, also by somebody with a umask of 077


def write(path: Path, said: Mapping[str, Any]) -> None:
    """Replaces the note by a new file: an earlier one may be another user's. Raises UsageError where that cannot be."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        fresh.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
        fresh.chmod(_FOR_ALL)
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):  # what failed is said; that something of it is left is no second failure
            fresh.unlink(missing_ok=True)
        raise UsageError(f"cannot write {path}: {error.strerror}; look at the folder's permissions") from error


def read(path: Path) -> dict[str, Any] | None:
    """What a note says; None for one that cannot be read. Raises FileNotFoundError where there is none."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
