"""How long the suites wait."""

from __future__ import annotations

from kextrel.timing import Deadline

__all__ = ["Patient"]


class Patient:
    """Set `patience` higher for a bench that is slow: wall seconds that one call of the driver may take."""

    patience = 30.0

    def soon(self, seconds: float | None = None) -> Deadline:
        """A deadline `seconds` from now, or after all of the patience."""
        return Deadline.after(self.patience if seconds is None else seconds, "the conformance test's call")
