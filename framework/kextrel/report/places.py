"""Where each Mac was, and how long, as its wires tell: off, on its way, macOS, safe mode, recovery.

Nothing here asks a Mac. Each record of the evidence that says where the Mac is begins a span, the next one that says
otherwise ends it; from the record in which the shell or the picture went until something is seen again it is `boot`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kextrel.device.flows.place import Place, by_words

__all__ = ["BOOT", "KINDS", "MACOS", "OFF", "RECOVERY", "SAFE_MODE", "UNKNOWN", "Span", "Track"]

OFF, BOOT, MACOS, SAFE_MODE, RECOVERY, UNKNOWN = "off", "boot", "macOS", "safe mode", "recovery", "not known"
KINDS = (OFF, BOOT, MACOS, SAFE_MODE, RECOVERY, UNKNOWN)

_BY_PLACE = {Place.MACOS: MACOS, Place.RECOVERY: RECOVERY, Place.STARTUP_OPTIONS: BOOT, Place.OFF: OFF}
_BY_ENVIRONMENT = {
    "macos": MACOS,
    "safe-mode": SAFE_MODE,
    "1tr": RECOVERY,
    "recoveryos": RECOVERY,
    "fallback-recoveryos": RECOVERY,
}
_KERNEL = "Darwin Kernel Version"  # the first words of xnu on the serial console


@dataclass(frozen=True)
class Span:
    """One stay in one place. Both times are UTC, by the clock of the bench."""

    kind: str
    began: datetime
    ended: datetime

    @property
    def seconds(self) -> float:
        """How long; 0 where the clock was set back meanwhile."""
        return max(0.0, (self.ended - self.began).total_seconds())


@dataclass
class Track:
    """The spans of one Mac. `follow` takes its records in the order in which they were written."""

    spans: list[Span] = field(default_factory=list)
    _kind: str = UNKNOWN
    _began: datetime | None = None
    _last: datetime | None = None

    def follow(self, record: Mapping[str, Any]) -> None:
        """One more record of this Mac."""
        at = datetime.fromisoformat(record["at"])
        if self._began is None:
            self._began = at
        self._last = at
        kind = self._told(record)
        if kind is not None and kind != self._kind:
            self._turn(kind, at)

    def ended(self) -> list[Span]:
        """All spans, the last one up to the last record."""
        if self._began is None or self._last is None:
            return []
        return [*self.spans, Span(self._kind, self._began, self._last)]

    def _turn(self, kind: str, at: datetime) -> None:
        """What came before the first sign is the place that it names: nobody had touched the Mac by then."""
        if self._began is not None and self._kind != UNKNOWN:
            self.spans.append(Span(self._kind, self._began, at))
            self._began = at
        self._kind = kind

    def _told(self, record: Mapping[str, Any]) -> str | None:
        """Where the Mac is by this record; None where it does not say."""
        data = record["data"] if isinstance(record["data"], Mapping) else {}
        match record["wire"], record["event"]:
            case "device", "observation":
                return _BY_ENVIRONMENT.get(str(_of(data, "facts").get("environment")))
            case "shell", "connect":
                return self._up()
            case "shell", "run":
                return self._up() if data.get("exit_code") is not None else None
            case "shell", "gone":
                return BOOT
            case "screen", "text":
                return self._by_screen(data)
            case "console", "read":
                return BOOT if _KERNEL in str(data.get("data")) else None
            case "power", ("relay" | "mains"):
                return self._mains(bool(data.get("on")))
        return None

    def _mains(self, on: bool) -> str | None:
        """They may be told what they do already."""
        if not on:
            return OFF
        return BOOT if self._kind == OFF else None

    def _by_screen(self, data: Mapping[str, Any]) -> str | None:
        """A Mac on its way to macOS shows the desktop before its shell answers; in safe mode the words are the same."""
        if not data.get("signal"):
            return OFF
        place = by_words(str(data.get("text", "")))
        if place is None:
            return BOOT if self._kind == OFF else None
        return self._up() if place is Place.MACOS else _BY_PLACE[place]

    def _up(self) -> str:
        return SAFE_MODE if self._kind == SAFE_MODE else MACOS


def _of(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    return value if isinstance(value, Mapping) else {}
