"""What the parser makes: words out of parts, commands out of words. Plain data, shared by all who run it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

__all__ = [
    "AndOr",
    "Arithmetic",
    "Assignment",
    "Branch",
    "Case",
    "Command",
    "Compound",
    "For",
    "Function",
    "Group",
    "HereDocument",
    "If",
    "Literal",
    "Loop",
    "Parameter",
    "Part",
    "Pipeline",
    "Redirect",
    "Sequence",
    "Simple",
    "Subshell",
    "Substitution",
    "Word",
]

# -- words


@dataclass(frozen=True)
class Literal:
    """Text as it stands. Quoted text is neither split nor a pattern; `""` is a quoted Literal without text."""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Parameter:
    """`${name operator argument}`: operator "" for the value alone, "length" for `${#name}`, else as written."""

    name: str
    operator: str = ""
    argument: Word | None = None
    quoted: bool = False


@dataclass(frozen=True)
class Substitution:
    """`$(…)` and backquotes."""

    body: Sequence
    quoted: bool = False


@dataclass(frozen=True)
class Arithmetic:
    """`$((…))`: the expression is expanded as a word before it is read."""

    expression: Word
    quoted: bool = False


Part = Literal | Parameter | Substitution | Arithmetic


@dataclass(frozen=True)
class Word:
    parts: tuple[Part, ...] = ()

    @cached_property
    def plain(self) -> str | None:
        """The text of a word in which nothing is to be done, the usual case; None when something is."""
        if len(self.parts) != 1 or not isinstance(self.parts[0], Literal):
            return None
        part = self.parts[0]
        special = not part.quoted and any(letter in part.text for letter in "*?[~")
        return None if special else part.text

    @cached_property
    def one_field(self) -> tuple[Literal | Parameter, ...] | None:
        """The parts of a word that is one argument whatever its parameters hold: none of it splits or is a pattern."""
        found = self.one_text or ()
        free = [part for part in found if not part.quoted]
        if not found or any(isinstance(part, Parameter) or not set("*?[").isdisjoint(part.text) for part in free):
            return None
        return found

    @cached_property
    def one_text(self) -> tuple[Literal | Parameter, ...] | None:
        """The parts of a word whose text is theirs one after the other: text without a `~`, and plain values."""
        found = tuple(part for part in self.parts if isinstance(part, Literal | Parameter))
        for part in found:
            home = isinstance(part, Literal) and not part.quoted and "~" in part.text
            if home or (isinstance(part, Parameter) and (part.operator or part.name in ("@", "*"))):
                return None
        return found if len(found) == len(self.parts) else None

    @property
    def bare(self) -> str | None:
        """Its text when nothing in it is quoted or expanded: what may be a reserved word or a name."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Literal) and not self.parts[0].quoted:
            return self.parts[0].text
        return None


@dataclass(frozen=True)
class Assignment:
    name: str
    value: Word


@dataclass
class HereDocument:
    """The body comes after the line that names it, so the lexer fills it in later. `strip`: `<<-`, leading tabs go."""

    delimiter: str
    quoted: bool
    strip: bool
    body: Word = Word()


@dataclass(frozen=True)
class Redirect:
    """`fd operator target`; the target of `<<` is a here-document."""

    fd: int
    operator: str
    target: Word | HereDocument


# -- commands


@dataclass(frozen=True)
class Simple:
    """Assignments, words, redirections, in the order of each."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]
    line: int = 0


@dataclass(frozen=True)
class Pipeline:
    """Commands joined by `|`; `negated` by `!`."""

    commands: tuple[Command, ...]
    negated: bool = False


@dataclass(frozen=True)
class AndOr:
    """`first && second || third`: (operator, pipeline) pairs after the first."""

    first: Pipeline
    rest: tuple[tuple[str, Pipeline], ...] = ()


@dataclass(frozen=True)
class Sequence:
    """Lists joined by `;`, newlines or `&`: (list, runs in the background)."""

    items: tuple[tuple[AndOr, bool], ...] = ()


@dataclass(frozen=True)
class Group:
    """`{ …; }`."""

    body: Sequence


@dataclass(frozen=True)
class Subshell:
    """`( … )`."""

    body: Sequence


@dataclass(frozen=True)
class If:
    """(condition, then) for `if` and each `elif`; `otherwise` is None without `else`."""

    branches: tuple[tuple[Sequence, Sequence], ...]
    otherwise: Sequence | None = None


@dataclass(frozen=True)
class Loop:
    """`while`, or `until` with `until=True`."""

    condition: Sequence
    body: Sequence
    until: bool = False


@dataclass(frozen=True)
class For:
    """`words` is None without `in`: the positional parameters."""

    name: str
    words: tuple[Word, ...] | None
    body: Sequence


@dataclass(frozen=True)
class Branch:
    patterns: tuple[Word, ...]
    body: Sequence


@dataclass(frozen=True)
class Case:
    subject: Word
    branches: tuple[Branch, ...]


@dataclass(frozen=True)
class Function:
    """`name() body`."""

    name: str
    body: Compound


@dataclass(frozen=True)
class Compound:
    """A compound command with the redirections that follow it."""

    command: Group | Subshell | If | Loop | For | Case
    redirects: tuple[Redirect, ...] = field(default=())


Command = Simple | Compound | Function
