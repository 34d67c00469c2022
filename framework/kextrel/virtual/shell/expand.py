"""What a word means here and now: tilde, parameters, command substitution, arithmetic, splitting, names of files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from kextrel.virtual.shell.arithmetic import ArithmeticFault, evaluate
from kextrel.virtual.shell.fields import BREAK, Fragment, split
from kextrel.virtual.shell.patterns import Piece, expand_path, is_pattern, plain, strip_prefix, strip_suffix
from kextrel.virtual.shell.state import Shell, ShellError
from kextrel.virtual.shell.tree import Arithmetic, Literal, Parameter, Part, Sequence, Substitution, Word

__all__ = ["Expander", "Substitute"]

Substitute = Callable[[Shell, Sequence], Awaitable[str]]
_UNBOUND = 127


class Expander:
    """Expands words for `shell`. `substitute` runs the commands of `$(…)` and gives their output."""

    def __init__(self, shell: Shell, substitute: Substitute) -> None:
        self._shell, self._substitute = shell, substitute

    async def fields(self, words: Iterable[Word]) -> list[str]:
        """The arguments that the words make: any number each."""
        found: list[str] = []
        for word in words:
            if (text := word.plain) is not None:
                found.append(text)
                continue
            if (parts := word.one_field) is not None:
                found.append(self._together(parts))
                continue
            fragments = await self._fragments(word, splits=True)
            for pieces in split(fragments, self._separators()):
                found.extend(self._files(pieces))
        return found

    async def text(self, word: Word, *, assigned: bool = False) -> str:
        """The word as one text, not split and no pattern: a value, a file's name, a here-document."""
        if (text := word.plain) is not None:
            return text
        if (parts := word.one_text) is not None:
            return self._together(parts)
        return plain(await self.pattern(word, assigned=assigned))

    async def pattern(self, word: Word, *, assigned: bool = False) -> list[Piece]:
        """The word as one pattern: for `case` and for `${x#…}`."""
        fragments = await self._fragments(word, splits=False, assigned=assigned)
        return [(" " if part is BREAK else part.text, part.quoted) for part in fragments]

    async def number(self, word: Word) -> int:
        """The value of an arithmetic expression."""
        text = await self.text(word)
        try:
            return evaluate(text, lambda name: self._shell.get(name) or "", self._shell.set)
        except ArithmeticFault as fault:
            raise ShellError(str(fault), 2 if self._shell.dialect == "dash" else 1) from None

    def _separators(self) -> str:
        separators = self._shell.get("IFS")
        return " \t\n" if separators is None else separators

    def _files(self, pieces: list[Piece]) -> list[str]:
        if "noglob" in self._shell.options or not is_pattern(pieces):
            return [plain(pieces)]
        found = expand_path(pieces, self._shell.proc.fs)
        if not found and self._shell.dialect == "zsh":
            raise ShellError(f"no matches found: {plain(pieces)}")
        return found or [plain(pieces)]

    # -- parts

    def _together(self, parts: tuple[Literal | Parameter, ...]) -> str:
        """The text of parts of which each is a text as it stands or a parameter's value."""
        return "".join(part.text if isinstance(part, Literal) else self._bound(part.name) for part in parts)

    def _bound(self, name: str) -> str:
        value = self._value(name)
        self._need_bound(name, value)
        return value or ""

    async def _fragments(self, word: Word, *, splits: bool, assigned: bool = False) -> list[Fragment]:
        found: list[Fragment] = []
        for part in self._with_home(word.parts, assigned=assigned):
            found.extend(await self._part(part, splits=splits))
        return found

    async def _part(self, part: Part, *, splits: bool) -> list[Fragment]:
        if isinstance(part, Literal):
            return [Fragment(part.text, part.quoted)]
        splits = splits and not part.quoted
        if isinstance(part, Parameter):
            return await self._parameter(part, splits=splits and self._shell.dialect != "zsh")
        if isinstance(part, Substitution):
            text = (await self._substitute(self._shell, part.body)).rstrip("\n")
        else:
            assert isinstance(part, Arithmetic)
            text = str(await self.number(part.expression))
        return [Fragment(text, part.quoted, splits)]

    def _with_home(self, parts: tuple[Part, ...], *, assigned: bool) -> list[Part]:
        """The parts with `~` and `~user` replaced, where they stand at the beginning (or after a colon in a value)."""
        found: list[Part] = list(parts)
        first = parts[0] if parts else None
        if not isinstance(first, Literal) or first.quoted or "~" not in first.text:
            return found
        pieces = first.text.split(":") if assigned else [first.text]
        replaced: list[Part] = []
        for index, piece in enumerate(pieces):
            replaced.extend([Literal(":")] if index else [])
            ends_word = index < len(pieces) - 1 or len(parts) == 1
            replaced.extend(self._home(piece, ends_word=ends_word))
        return replaced + found[1:]

    def _home(self, text: str, *, ends_word: bool) -> list[Part]:
        name, slash, rest = text.partition("/")
        if not name.startswith("~") or not (slash or ends_word):
            return [Literal(text)]
        user = self._shell.proc.system.users.get(name[1:])
        home = (user.home if user else None) if name[1:] else self._shell.get("HOME")
        return [Literal(text)] if home is None else [Literal(home, quoted=True), Literal(slash + rest)]

    # -- parameters

    async def _parameter(self, part: Parameter, *, splits: bool) -> list[Fragment]:
        value = self._value(part.name)
        if part.operator == "length":
            return [Fragment(self._length(part.name, value), part.quoted, splits)]
        if part.operator[:1] in ("#", "%"):
            return await self._trimmed(part, value, splits=splits)
        if part.operator:
            return await self._conditional(part, value, splits=splits)
        self._need_bound(part.name, value)
        return self._shown(part, value, splits=splits)

    def _value(self, name: str) -> str | None:
        shell = self._shell
        if name in ("@", "*"):
            return self._joined() if shell.parameters else None
        return shell.special(name) if name[0].isdigit() or name in "?$!#-" else shell.get(name)

    def _joined(self) -> str:
        separators = self._shell.get("IFS")
        return (" " if separators is None else separators[:1]).join(self._shell.parameters)

    def _length(self, name: str, value: str | None) -> str:
        if name in ("@", "*"):
            return str(len(self._shell.parameters))
        self._need_bound(name, value)
        return str(len(value or ""))

    def _need_bound(self, name: str, value: str | None) -> None:
        if value is None and "nounset" in self._shell.options and name not in ("@", "*"):
            raise ShellError(
                f"{name}: unbound variable" if self._shell.dialect != "zsh" else f"{name}: parameter not set", _UNBOUND
            )

    def _shown(self, part: Parameter, value: str | None, *, splits: bool) -> list[Fragment]:
        """The value itself; `$@` and an unquoted `$*` are a field for each parameter."""
        if part.name == "@" or (part.name == "*" and not part.quoted):
            found: list[Fragment] = []
            for parameter in self._shell.parameters:
                found += (
                    [BREAK, Fragment(parameter, part.quoted, splits)]
                    if found
                    else [Fragment(parameter, part.quoted, splits)]
                )
            return found
        return [Fragment(value or "", part.quoted, splits)]

    async def _trimmed(self, part: Parameter, value: str | None, *, splits: bool) -> list[Fragment]:
        self._need_bound(part.name, value)
        assert part.argument is not None
        pieces = await self.pattern(part.argument)
        strip: Any = strip_prefix if part.operator[0] == "#" else strip_suffix
        return [Fragment(strip(pieces, value or "", longest=len(part.operator) == 2), part.quoted, splits)]

    async def _conditional(self, part: Parameter, value: str | None, *, splits: bool) -> list[Fragment]:
        """`-`, `=`, `?` and `+`, with and without colon."""
        missing = value is None or (part.operator[0] == ":" and not value)
        kind = part.operator[-1]
        if kind == "+":
            return [Fragment("", part.quoted)] if missing else await self._argument(part, splits=splits)
        if not missing:
            return self._shown(part, value, splits=splits)
        if kind == "-":
            return await self._argument(part, splits=splits)
        assert part.argument is not None
        text = await self.text(part.argument)
        if kind == "?":
            raise ShellError(f"{part.name}: {text or 'parameter null or not set'}", _UNBOUND)
        if not (part.name[0].isalpha() or part.name[0] == "_"):
            raise ShellError(f"${part.name}: cannot assign in this way")
        self._shell.set(part.name, text)
        return [Fragment(text, part.quoted, splits)]

    async def _argument(self, part: Parameter, *, splits: bool) -> list[Fragment]:
        """The word of a default: its unquoted text is split too."""
        assert part.argument is not None
        fragments = await self._fragments(part.argument, splits=splits)
        if part.quoted:
            return fragments or [Fragment("", quoted=True)]
        return [
            Fragment(one.text, one.quoted, splits and not one.quoted) if one is not BREAK else one for one in fragments
        ]
