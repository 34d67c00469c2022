"""Everything that Kextrel raises on purpose, as one tree.

    KextrelError
    ├── UsageError            the caller is wrong: arguments, a profile, a scenario (exit 2)
    │   └── InputError        … with the file, the line and the nearest right word
    ├── BenchError            a wire, a board, a timeout: never the Mac's fault (exit 3)
    │   └── DeadlineExceeded  … because the time was up
    ├── UnreadableAnswer      the Mac answered something that we cannot read
    ├── NotPossible           the Mac cannot be asked this: not checked, with the reason
    └── (PolicyViolated, BenchFailed, NotChecked are verdicts: see kextrel.scenario.verdicts)

A violated rule is a verdict, not an error, so it is not here. Every message is one sentence: what, where, what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BenchError",
    "DeadlineExceeded",
    "InputError",
    "KextrelError",
    "NotPossible",
    "UnreadableAnswer",
    "UsageError",
    "nearest",
]


class KextrelError(Exception):
    """The root. `str()` of it is one sentence for people."""

    exit_code = 2


class UsageError(KextrelError):
    """The caller asked for something that cannot be meant; nothing was touched."""


class InputError(UsageError):
    """A file that somebody wrote is wrong.

    `path` and `line` (from 1) say where; `hint` is the nearest right word or what to do.
    """

    def __init__(self, what: str, *, path: str | None = None, line: int | None = None, hint: str = "") -> None:
        self.what, self.path, self.line, self.hint = what, path, line, hint
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line) if part is not None)
        head = f"{place}: {self.what}" if place else self.what
        return f"{head}; {self.hint}" if self.hint else head


class BenchError(KextrelError):
    """A wire failed. `wire` is the wire's name as `lab list` shows it, for example `mini.relay (/dev/pts/4)`."""

    exit_code = 3

    def __init__(self, what: str, *, wire: str, hint: str = "") -> None:
        self.what, self.wire, self.hint = what, wire, hint
        super().__init__(f"{wire}: {what}" + (f"; {hint}" if hint else ""))


class DeadlineExceeded(BenchError):
    """A wait ended because its Deadline did; what it had started was ended first."""


class UnreadableAnswer(KextrelError):
    """Output that is not what the command prints: `line` is the first one of `command`'s that could not be read."""

    exit_code = 3

    def __init__(self, command: str, line: str) -> None:
        self.command, self.line = command, line
        super().__init__(f"{command}: cannot read its answer at {line[:120]!r}")


class NotPossible(KextrelError):
    """What was asked cannot be done or seen on this Mac; a step that needs it is not checked."""

    exit_code = 4


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or all of them where none is close."""
    words = sorted(known)
    close = get_close_matches(word, words, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known are: {', '.join(words)}" if words else ""
