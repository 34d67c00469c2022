"""How long the suites wait."""

from __future__ import annotations

from kextrel.timing import Deadline

__all__ = ["Patient"]


class Patient:
    """Set these for a bench that is slow, in wall seconds: `patience` is what one call of the driver may take, `brief`
    how long a test lets it wait in vain."""

    patience = 30.0
    brief = 0.5

    def soon(self, seconds: float | None = None) -> Deadline:
        """A deadline `seconds` from now, or after all of the patience."""
        return Deadline.after(self.patience if seconds is None else seconds, "the conformance test's call")

    def briefly(self) -> Deadline:
        """The deadline of a wait that is in vain."""
        return self.soon(self.brief)
