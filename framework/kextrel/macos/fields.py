"""One fact of an observation: a value, or UNKNOWN with the reason; which command said it, in which lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from kextrel.errors import UnreadableAnswer
from kextrel.macos.frames import Frames
from kextrel.macos.probes import command_of
from kextrel.macos.text import clean, meaningful
from kextrel.vocabulary import UNKNOWN, Unknown

__all__ = ["Field", "Said", "first_known", "known", "said"]

T = TypeVar("T")
R = TypeVar("R")

_LINES, _WIDTH = 12, 300


@dataclass(frozen=True)
class Field(Generic[T]):
    """`why` is empty when the value is known; `lines` are quoted from the answer of `command`, at most a dozen."""

    value: T | Unknown
    why: str = ""
    command: str = ""
    lines: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        return self.value is not UNKNOWN


@dataclass(frozen=True)
class Said(Generic[R]):
    """What one section was read as: a reading and its text, or None and the reason."""

    command: str
    reading: R | None
    why: str = ""
    text: str = ""

    def field(self, pick: Callable[[R], T | Unknown], *words: str) -> Field[T]:
        """The fact that `pick` finds in the reading; `words` tell the lines that it stands in."""
        if self.reading is None:
            return Field(UNKNOWN, self.why, self.command)
        value = pick(self.reading)
        if value is UNKNOWN:
            return Field(UNKNOWN, f"{self.command}: it does not say", self.command)
        return Field(value, "", self.command, self._quoted(words))

    def refused(self, why: str) -> Field[Any]:
        """An unknown fact although there is a reading: it is not to be trusted, for the reason `why`."""
        return Field(UNKNOWN, f"{self.command}: {why}", self.command)

    def _quoted(self, words: tuple[str, ...]) -> tuple[str, ...]:
        lines = (line[:_WIDTH] for line in self._lines if not words or any(word in line for word in words))
        return tuple(line for line, _ in zip(lines, range(_LINES), strict=False))

    @cached_property
    def _lines(self) -> tuple[str, ...]:
        """Many facts are quoted from one text."""
        return tuple(meaningful(self.text))


def said(
    frames: Frames, name: str, read: Callable[[Any], R], *, failure_speaks: bool = False, file: bool = False
) -> Said[R]:
    """Reads section `name`. `failure_speaks`: an exit code other than 0 is part of the answer, and so is stderr.
    `file`: it is a file's content, which may be no text: `read` gets the bytes."""
    command = command_of(name)
    section = frames.sections.get(name)
    if section is None:
        return Said(command, None, f"{command}: {frames.problem or 'it was not asked'}")
    if section.problem:
        return Said(command, None, f"{command}: {section.problem}")
    out, err = clean(section.stdout), clean(section.stderr)
    if section.exit_code != 0 and (not failure_speaks or not (out + err).strip()):
        first = next(meaningful(err or out), "it said nothing")
        return Said(command, None, f"{command}: it ended with {section.exit_code}: {first[:_WIDTH].strip()}")
    text = f"{out}\n{err}" if failure_speaks else out
    try:
        return Said(command, read(section.stdout if file else text), "", text)
    except UnreadableAnswer as error:
        return Said(command, None, str(error), text)


def known(value: T, why: str = "") -> Field[T]:
    """A fact that follows from others; `why` says how."""
    return Field(value, "", "", (why,) if why else ())


def first_known(*fields: Field[T]) -> Field[T]:
    """The first of several sources that knows; else unknown, with every source's reason."""
    for field in fields:
        if field.known:
            return field
    reasons = dict.fromkeys(field.why for field in fields if field.why)
    return Field(UNKNOWN, "; ".join(reasons), fields[0].command)
