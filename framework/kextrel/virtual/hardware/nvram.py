"""NVRAM: names and values that outlive a restart. Writes are buffered and a power cut may lose them.

nvram(8): writes reach the chip at a clean restart, on `nvram -s`, or after up to 15 minutes.
"""

from __future__ import annotations

from collections.abc import Mapping

from kextrel.virtual.clock import Clock, Timer

__all__ = ["Nvram"]

FLUSH_AFTER = 900.0


class Nvram:
    """The variables of one Mac. Values are the bytes that were written."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._chip: dict[str, bytes] = {}
        self._buffer: dict[str, bytes] = {}
        self._flush: Timer | None = None

    def variables(self) -> Mapping[str, bytes]:
        """What the running system reads, its own buffered writes among it; a copy."""
        return dict(self._buffer)

    def get(self, name: str) -> bytes | None:
        return self._buffer.get(name)

    def set(self, name: str, value: bytes) -> None:
        self._buffer[name] = value
        self._later()

    def delete(self, name: str) -> bool:
        """Takes a variable away; False when there was none."""
        found = self._buffer.pop(name, None) is not None
        self._later()
        return found

    def take(self, name: str) -> bytes | None:
        """What firmware does with a variable that counts for one boot: reads it, and it is gone from the chip."""
        value = self.get(name)
        if value is not None:
            self.delete(name)
            self.sync()
        return value

    def sync(self) -> None:
        """Everything buffered reaches the chip."""
        self._chip = dict(self._buffer)
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None

    def power_lost(self) -> None:
        """What was not flushed yet is gone."""
        self._buffer = dict(self._chip)
        self.sync()

    def _later(self) -> None:
        if self._flush is None:
            self._flush = self._clock.call_later(FLUSH_AFTER, self.sync, background=True)
