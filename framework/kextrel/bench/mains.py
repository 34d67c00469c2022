"""What every power wire is, whatever switches the mains: a name, and on and off by one way to switch."""

from __future__ import annotations

from abc import ABC, abstractmethod

from kextrel.timing import Deadline

__all__ = ["Mains"]


class Mains(ABC):
    """protocols.Power but for `check` and `close`, which are each device's own."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def on(self, *, deadline: Deadline) -> None:
        self._switch(True, deadline)

    def off(self, *, deadline: Deadline) -> None:
        self._switch(False, deadline)

    @abstractmethod
    def _switch(self, on: bool, deadline: Deadline) -> None:
        """Raises BenchError where it is known that the mains did not follow."""
