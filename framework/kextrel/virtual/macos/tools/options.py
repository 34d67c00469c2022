"""Options of Apple's tools: short and long, with and without values, and what is left over."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kextrel.virtual.unix.process import Exit

__all__ = ["Options", "parse"]


@dataclass
class Options:
    """What a command line said: options by their canonical name (a flag has no values), and the operands."""

    given: dict[str, list[str]] = field(default_factory=dict)
    operands: list[str] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def last(self, name: str, default: str = "") -> str:
        """The value that was given last."""
        values = self.given.get(name)
        return values[-1] if values else default

    def all(self, name: str) -> list[str]:
        """Every value that was given, in order."""
        return self.given.get(name, [])


def parse(
    args: Sequence[str],
    *,
    flags: Collection[str] = (),
    values: Collection[str] = (),
    short: Mapping[str, str] | None = None,
    usage: str = "",
    code: int = 64,
) -> Options:
    """Reads `args`. `flags` and `values` are long names without dashes; `short` maps a letter to one of them.

    A word behind one dash is a long name when it is one (`-productVersion`), else letters. Exit(code) on an unknown.
    """
    reader = _Reader(list(args), frozenset(flags), frozenset(values), dict(short or {}))
    try:
        return reader.read()
    except _Bad as error:
        raise Exit(code, f"{error}\n{usage}".rstrip("\n")) from None


class _Bad(Exception):
    """An option that is not known, or lacks its value."""


class _Reader:
    def __init__(self, args: list[str], flags: frozenset[str], values: frozenset[str], short: dict[str, str]) -> None:
        self._rest, self._flags, self._values, self._short = args[::-1], flags, values, short
        self._found = Options()

    def read(self) -> Options:
        while self._rest:
            word = self._rest.pop()
            if word == "--":
                self._found.operands += self._rest[::-1]
                break
            if word.startswith("--") and len(word) > 2:
                self._long(word[2:], word)
            elif word.startswith("-") and len(word) > 1:
                self._dash(word)
            else:
                self._found.operands.append(word)
        return self._found

    def _dash(self, word: str) -> None:
        name = word[1:]
        if name in self._flags | self._values and name not in self._short:
            self._long(name, word)
            return
        while name:
            letter, name = name[0], name[1:]
            known = self._short.get(letter)
            if known is None:
                raise _Bad(f"Error: Unknown option '-{letter}'")
            if known in self._values:
                self._add(known, name or self._next(f"-{letter}"))
                return
            self._add(known)

    def _long(self, name: str, word: str) -> None:
        name, given, value = name.partition("=")
        if name in self._values:
            self._add(name, value if given else self._next(word))
        elif name in self._flags and not given:
            self._add(name)
        else:
            raise _Bad(f"Error: Unknown option '{word}'")

    def _next(self, word: str) -> str:
        if not self._rest:
            raise _Bad(f"Error: Missing value for '{word}'")
        return self._rest.pop()

    def _add(self, name: str, *value: str) -> None:
        self._found.given.setdefault(name, []).extend(value)
