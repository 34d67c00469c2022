"""A kext that was blocked, and for how long its user is offered to allow it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["APPROVAL_WINDOW", "Pending"]

APPROVAL_WINDOW = 30 * 60.0
"""Mac seconds that Settings offers a blocked kext after it was asked for (Apple TN2459)."""


@dataclass(frozen=True)
class Pending:
    """A kext that waits for its user. `allowed_by_policy`: LocalPolicy lets it be; else recovery comes first.
    `forbidden`: a profile says that nobody may approve it."""

    bundle_id: str
    team_id: str
    developer_name: str
    allowed_by_policy: bool
    since: float
    path: str
    forbidden: bool = False
