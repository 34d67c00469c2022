"""From text to tokens. Words are read whole, with what is quoted and what is to be expanded in them.

The shell's grammar cannot be cut into tokens beforehand (a `$(` holds a program, a here-document lies after the line),
so the parser asks for one token at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn

from kextrel.virtual.shell.tree import Arithmetic, HereDocument, Literal, Parameter, Part, Sequence, Substitution, Word

__all__ = ["Incomplete", "Lexer", "ShellSyntaxError", "Token"]

_OPERATOR = re.compile(r"<<-|&&|\|\||;;|<<|>>|<&|>&|<>|>\||[&|;<>()\n]")
_BLANKS = re.compile(r"(?:[ \t\r]+|\\\n|#[^\n]*)*")
_META = frozenset(" \t\n;&|<>()")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_SHORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_EXPANSION_OPERATOR = re.compile(r":?[-=?+]|##?|%%?")
_PLAIN = re.compile(r"[^\s;&|<>()'\"\\$`]+")
_PLAIN_QUOTED = re.compile(r'[^"\\$`]+')
_PLAIN_HERE = re.compile(r"[^\\$`]+")
_PLAIN_DEFAULT = re.compile(r'[^"}\\$`]+')
_PLAIN_ARITHMETIC = re.compile(r'[^()"\\$`]+')

_NO_WORD = Word()


class ShellSyntaxError(Exception):
    """Text that is no shell command. `line` counts from 1."""

    def __init__(self, text: str, line: int) -> None:
        self.text, self.line = text, line
        super().__init__(f"line {line}: {text}")


class Incomplete(ShellSyntaxError):
    """The text ends too early: with more lines it may be right.

    `delimiter`: what a here-document waits for. `closer`: what must come, at least, before the outermost command that
    is open can end (`}`, `fi`, a quotation mark); "" when that is not known.
    """

    def __init__(self, text: str, line: int, delimiter: str | None = None, closer: str = "") -> None:
        self.delimiter, self.closer = delimiter, closer
        super().__init__(text, line)


@dataclass(frozen=True)
class Token:
    """`kind`: "word", "operator" (and newline), "number" (before a redirection) or "end". `text` is as written."""

    kind: str
    text: str
    word: Word = _NO_WORD
    line: int = 0


class Lexer:
    """Reads tokens from `text`. `substitute(lexer)` parses the commands of a `$(` that has begun, up to its `)`."""

    def __init__(self, text: str, substitute: Callable[[Lexer], Sequence], line: int = 1) -> None:
        self.text, self.position = text, 0
        self._substitute = substitute
        self._counted, self._line = 0, line
        self.waiting: list[HereDocument] = []

    @property
    def line(self) -> int:
        """The line that the next character is on."""
        if self.position < self._counted:
            self._line -= self.text.count("\n", self.position, self._counted)
        else:
            self._line += self.text.count("\n", self._counted, self.position)
        self._counted = self.position
        return self._line

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def fail(self, text: str) -> NoReturn:
        raise ShellSyntaxError(text, self.line)

    # -- tokens

    def next(self) -> Token:
        """The next token; here-document bodies are read when their line ends."""
        blanks = _BLANKS.match(self.text, self.position)
        self.position = blanks.end() if blanks else self.position
        line = self.line
        if self.at_end:
            if self.waiting:
                raise Incomplete("here-document is not ended", line, self.waiting[0].delimiter)
            return Token("end", "", line=line)
        operator = _OPERATOR.match(self.text, self.position)
        if operator is None:
            return self._word_token(line)
        self.position = operator.end()
        if operator.group() == "\n":
            self._read_here_documents()
        return Token("operator", operator.group(), line=line)

    def _word_token(self, line: int) -> Token:
        start = self.position
        word = self.word()
        text = self.text[start : self.position]
        if text.isdigit() and self._peek() in ("<", ">"):
            return Token("number", text, line=line)
        return Token("word", text, word, line)

    def _peek(self, ahead: int = 0) -> str:
        return self.text[self.position + ahead : self.position + ahead + 1]

    # -- words

    def word(self) -> Word:
        """One word, up to a blank or an operator."""
        parts: list[Part] = []
        while not self.at_end and self._peek() not in _META:
            plain = _PLAIN.match(self.text, self.position)
            if plain:
                self.position = plain.end()
                parts.append(Literal(plain.group()))
            else:
                self._special(parts)
        return Word(_joined(parts))

    def _special(self, parts: list[Part]) -> None:
        """A quotation mark, a backslash, `$` or backquote, outside double quotes."""
        letter = self._peek()
        if letter == "'":
            parts.append(Literal(self._single_quoted(), quoted=True))
        elif letter == '"':
            self.position += 1
            parts.extend(self._double_quoted() or [Literal("", quoted=True)])
        elif letter == "\\":
            self._backslash(parts)
        elif letter in ("$", "`"):
            parts.append(self._expansion(quoted=False))
        else:
            self.position += 1
            parts.append(Literal(letter))

    def _single_quoted(self) -> str:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            raise Incomplete("unexpected end of file while looking for matching `''", self.line, closer="'")
        text = self.text[self.position + 1 : end]
        self.position = end + 1
        return text

    def _backslash(self, parts: list[Part]) -> None:
        if self.position + 1 >= len(self.text):
            self.position += 1
            parts.append(Literal("\\", quoted=True))
            return
        letter = self._peek(1)
        self.position += 2
        if letter != "\n":
            parts.append(Literal(letter, quoted=True))

    def _double_quoted(self) -> list[Part]:
        """What is inside double quotes, after the first one and past the last one."""
        parts = self._quoted_parts(lambda: self._peek() == '"', '$`"\\', _PLAIN_QUOTED)
        self.position += 1
        return parts

    def _quoted_parts(self, ended: Callable[[], bool], escapes: str, plain: re.Pattern[str]) -> list[Part]:
        """Parts under the rules of double quotes, up to where `ended` says so (that stays unread).

        `escapes`: what a backslash takes its meaning from; `plain`: a stretch in which nothing can happen.
        """
        parts: list[Part] = []
        while not ended():
            if self.at_end:
                raise Incomplete("unexpected end of file in a quotation", self.line)
            letter, stretch = self._peek(), plain.match(self.text, self.position)
            if stretch:
                self.position = stretch.end()
                parts.append(Literal(stretch.group(), quoted=True))
            elif letter == "\\":
                parts.append(Literal(self._escaped(escapes), quoted=True))
            elif letter in ("$", "`"):
                parts.append(self._expansion(quoted=True))
            else:
                self.position += 1
                parts.append(Literal(letter, quoted=True))
        return list(_joined(parts))

    def _escaped(self, escapes: str) -> str:
        letter = self._peek(1)
        self.position += 2
        if letter == "\n":
            return ""
        return letter if letter and letter in escapes else "\\" + letter

    # -- expansions

    def _expansion(self, *, quoted: bool) -> Part:
        """What begins with `$` or a backquote here; a `$` that begins nothing is itself."""
        if self._peek() == "`":
            return self._backquoted(quoted)
        self.position += 1
        if self.text.startswith("((", self.position):
            arithmetic = self._arithmetic(quoted)
            if arithmetic:
                return arithmetic
        if self._peek() == "(":
            self.position += 1
            return Substitution(self._substitute(self), quoted)
        if self._peek() == "{":
            self.position += 1
            return self._braced(quoted)
        name = _SHORT_NAME.match(self.text, self.position)
        if name is None:
            return Literal("$", quoted)
        self.position = name.end()
        return Parameter(name.group(), quoted=quoted)

    def _backquoted(self, quoted: bool) -> Part:
        inside, escapes = [], '$`\\"' if quoted else "$`\\"
        self.position += 1
        line = self.line
        while self._peek() != "`":
            if self.at_end:
                raise Incomplete("unexpected end of file while looking for matching ``'", self.line)
            if self._peek() == "\\" and self._peek(1) and self._peek(1) in escapes:
                self.position += 1
            inside.append(self._peek())
            self.position += 1
        self.position += 1
        lexer = Lexer("".join(inside) + "\n)", self._substitute, line)
        return Substitution(self._substitute(lexer), quoted)

    def _arithmetic(self, quoted: bool) -> Part | None:
        """`((…))`, or None (and nothing read) when it is a subshell in a substitution after all."""
        start = self.position
        self.position += 2
        depth = 0

        def ended() -> bool:
            nonlocal depth
            if self._peek() == ")" and not depth:
                return True
            depth += {"(": 1, ")": -1}.get(self._peek(), 0)
            return False

        parts = self._quoted_parts(ended, '$`"\\', _PLAIN_ARITHMETIC)
        if not self.text.startswith("))", self.position):
            self.position = start
            return None
        self.position += 2
        return Arithmetic(Word(tuple(parts)), quoted)

    def _braced(self, quoted: bool) -> Part:
        """`${…}` after its brace."""
        length = re.compile(r"#(?=([A-Za-z_]\w*|[0-9]+|[@*#?$!-])\})").match(self.text, self.position)
        if length:
            self.position = length.end()
        name = _NAME.match(self.text, self.position)
        if name is None:
            self._bad_substitution()
        self.position = name.end()
        if self._peek() == "}":
            self.position += 1
            return Parameter(name.group(), "length" if length else "", quoted=quoted)
        operator = _EXPANSION_OPERATOR.match(self.text, self.position)
        if operator is None:
            self._bad_substitution()
        self.position = operator.end()
        argument = self._argument(operator.group(), quoted)
        return Parameter(name.group(), operator.group(), argument, quoted)

    def _bad_substitution(self) -> NoReturn:
        if self.text.find("}", self.position) < 0:
            raise Incomplete("unexpected end of file while looking for matching `}'", self.line, closer="}")
        self.fail("bad substitution")

    def _argument(self, operator: str, quoted: bool) -> Word:
        """The word after the operator, past its `}`. In double quotes a default's quotes are text, a pattern's not."""
        as_text = quoted and operator[-1] not in "#%"
        parts = self._quoted_default() if as_text else self._unquoted_argument()
        self.position += 1
        return Word(_joined(parts))

    def _quoted_default(self) -> list[Part]:
        parts: list[Part] = []
        while self._peek() != "}":
            if self.at_end:
                raise Incomplete("unexpected end of file while looking for matching `}'", self.line, closer="}")
            if self._peek() == '"':
                self.position += 1
                parts.extend(self._double_quoted() or [Literal("", quoted=True)])
            else:
                parts.extend(self._quoted_parts(lambda: self._peek() in ("}", '"'), '$`"\\}', _PLAIN_DEFAULT))
        return parts

    def _unquoted_argument(self) -> list[Part]:
        parts: list[Part] = []
        while self._peek() != "}":
            if self.at_end:
                raise Incomplete("unexpected end of file while looking for matching `}'", self.line, closer="}")
            self._special(parts)
        return parts

    # -- here-documents

    def here_document(self, token: Token, *, strip: bool) -> HereDocument:
        """A here-document with the delimiter `token`, to be read when this line is over."""
        delimiter = "".join(part.text for part in token.word.parts if isinstance(part, Literal))
        quoted = any(part.quoted for part in token.word.parts)
        self.waiting.append(HereDocument(delimiter, quoted, strip))
        return self.waiting[-1]

    def _read_here_documents(self) -> None:
        while self.waiting:
            document = self.waiting[0]
            text = self._here_text(document)
            document.body = self._here_body(text, quoted=document.quoted)
            self.waiting.pop(0)

    def _here_text(self, document: HereDocument) -> str:
        lines: list[str] = []
        while True:
            if self.at_end:
                raise Incomplete("here-document is not ended", self.line, document.delimiter)
            end = self.text.find("\n", self.position)
            end = len(self.text) if end < 0 else end
            line = self.text[self.position : end]
            self.position = min(end + 1, len(self.text))
            line = line.lstrip("\t") if document.strip else line
            if line == document.delimiter:
                return "".join(lines)
            lines.append(line + "\n")

    def _here_body(self, text: str, *, quoted: bool) -> Word:
        if quoted:
            return Word((Literal(text, quoted=True),))
        lexer = Lexer(text, self._substitute, self.line)
        return Word(tuple(lexer._quoted_parts(lambda: lexer.at_end, "$`\\", _PLAIN_HERE)))


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Neighbouring literals of one kind as one."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Literal) and isinstance(last, Literal) and part.quoted == last.quoted:
            joined[-1] = replace(last, text=last.text + part.text)
        else:
            joined.append(part)
    return tuple(joined)
