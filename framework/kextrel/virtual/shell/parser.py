"""The shell's grammar (POSIX.1-2017, XCU 2.10), one small function a rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from kextrel.virtual.shell.lexer import Incomplete, Lexer, ShellSyntaxError, Token
from kextrel.virtual.shell.tree import (
    AndOr,
    Assignment,
    Branch,
    Case,
    Command,
    Compound,
    For,
    Function,
    Group,
    If,
    Literal,
    Loop,
    Pipeline,
    Redirect,
    Sequence,
    Simple,
    Subshell,
    Word,
)

__all__ = ["RESERVED", "Parser", "parse"]

RESERVED = frozenset(
    [
        "!",
        "{",
        "}",
        "case",
        "do",
        "done",
        "elif",
        "else",
        "esac",
        "fi",
        "for",
        "if",
        "in",
        "then",
        "until",
        "while",
        "function",
    ]
)
_ENDING = frozenset(["}", "do", "done", "elif", "else", "esac", "fi", "then"])
_CLOSERS = {"{": "}", "if": "fi", "while": "done", "until": "done", "for": "done", "case": "esac"}
_REDIRECTIONS = {"<": 0, ">": 1, ">>": 1, "<<": 0, "<<-": 0, "<&": 0, ">&": 1, "<>": 0, ">|": 1}
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")


def _substitute(lexer: Lexer) -> Sequence:
    """The commands of a `$(` whose parenthesis was just read, and its `)`."""
    parser = Parser(lexer)
    body = parser.commands(may_be_empty=True)
    parser.expect(")")
    return body


@contextmanager
def _until(closer: str) -> Iterator[None]:
    """What is incomplete inside waits for `closer`."""
    try:
        yield
    except Incomplete as error:
        error.closer = closer
        raise


def parse(text: str) -> list[Sequence]:
    """A whole script, one Sequence for each complete line of commands."""
    parser, lines = Parser.of(text), []
    while (line := parser.line()) is not None:
        lines.append(line)
    return lines


class Parser:
    """Recursive descent over a Lexer with one token of look-ahead."""

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._next: Token | None = None
        self._separated = False

    @classmethod
    def of(cls, text: str, line: int = 1) -> Parser:
        """A parser of `text`, whose first line has that number."""
        return cls(Lexer(text, _substitute, line))

    # -- tokens

    def _peek(self) -> Token:
        if self._next is None:
            self._next = self._lexer.next()
        return self._next

    def _take(self) -> Token:
        token = self._peek()
        self._next = None
        return token

    def _is(self, *operators: str) -> bool:
        token = self._peek()
        return token.kind == "operator" and token.text in operators

    def _reserved(self) -> str | None:
        """The reserved word that comes next, if one does."""
        token = self._peek()
        bare = token.word.bare if token.kind == "word" else None
        return bare if bare in RESERVED and bare == token.text else None

    def _unexpected(self) -> NoReturn:
        token = self._peek()
        if token.kind == "end":
            raise Incomplete("syntax error: unexpected end of file", token.line)
        text = "newline" if token.text == "\n" else token.text
        raise ShellSyntaxError(f"syntax error near unexpected token `{text}'", token.line)

    def expect(self, operator: str) -> None:
        """Takes an operator that must come now."""
        if not self._is(operator):
            self._unexpected()
        self._take()

    def _expect_word(self, reserved: str) -> None:
        if self._reserved() != reserved:
            self._unexpected()
        self._take()

    def _skip_newlines(self) -> None:
        while self._is("\n"):
            self._take()

    # -- lists

    def line(self) -> Sequence | None:
        """The commands up to the end of the line that they end on; None at the end of the text."""
        self._skip_newlines()
        if self._peek().kind == "end":
            return None
        items: list[tuple[AndOr, bool]] = []
        while not self._is("\n") and self._peek().kind != "end":
            items.append(self._item())
            if not self._is("\n") and self._peek().kind != "end" and not self._separated:
                self._unexpected()
        if self._is("\n"):
            self._take()
        return Sequence(tuple(items))

    def commands(self, *, may_be_empty: bool = False) -> Sequence:
        """A list of commands up to a word or an operator that cannot begin one (it stays unread)."""
        items: list[tuple[AndOr, bool]] = []
        self._skip_newlines()
        while not self._at_ending():
            items.append(self._item())
            if not self._separated and not self._is("\n"):
                break
            self._skip_newlines()
        if not items and not may_be_empty:
            self._unexpected()
        return Sequence(tuple(items))

    def _at_ending(self) -> bool:
        return self._is(")", ";;") or self._peek().kind == "end" or self._reserved() in _ENDING

    def _item(self) -> tuple[AndOr, bool]:
        and_or = self._and_or()
        self._separated = self._is(";", "&")
        background = self._separated and self._take().text == "&"
        return and_or, background

    def _and_or(self) -> AndOr:
        first, rest = self._pipeline(), []
        while self._is("&&", "||"):
            operator = self._take().text
            self._skip_newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest))

    def _pipeline(self) -> Pipeline:
        negated = False
        while self._reserved() == "!":
            self._take()
            negated = not negated
        commands = [self._command()]
        while self._is("|"):
            self._take()
            self._skip_newlines()
            commands.append(self._command())
        return Pipeline(tuple(commands), negated)

    # -- commands

    def _command(self) -> Command:
        reserved = self._reserved()
        rules: dict[str, Callable[[], Group | If | Loop | For | Case]] = {
            "{": self._group,
            "if": self._if,
            "while": self._loop,
            "until": self._loop,
            "for": self._for,
            "case": self._case,
        }
        if reserved in rules:
            with _until(_CLOSERS[reserved]):
                command = rules[reserved]()
            return Compound(command, self._redirects())
        if self._is("("):
            return Compound(self._subshell(), self._redirects())
        if reserved == "function":
            self._take()
            return self._function(self._take())
        if reserved is not None:
            self._unexpected()
        return self._simple()

    def _group(self) -> Group:
        self._take()
        body = self.commands()
        self._expect_word("}")
        return Group(body)

    def _subshell(self) -> Subshell:
        self._take()
        with _until(")"):
            body = self.commands()
            self.expect(")")
        return Subshell(body)

    def _if(self) -> If:
        branches = []
        while self._reserved() in ("if", "elif"):
            self._take()
            condition = self.commands()
            self._expect_word("then")
            branches.append((condition, self.commands()))
        otherwise = None
        if self._reserved() == "else":
            self._take()
            otherwise = self.commands()
        self._expect_word("fi")
        return If(tuple(branches), otherwise)

    def _loop(self) -> Loop:
        until = self._take().text == "until"
        condition = self.commands()
        return Loop(condition, self._do_group(), until)

    def _do_group(self) -> Sequence:
        self._expect_word("do")
        body = self.commands()
        self._expect_word("done")
        return body

    def _for(self) -> For:
        self._take()
        token = self._take()
        if token.kind != "word" or not _NAME.match(token.text):
            raise ShellSyntaxError(f"`{token.text}': not a valid identifier", token.line)
        self._skip_newlines()
        words = None
        if self._reserved() == "in":
            self._take()
            words = self._words()
        if self._is(";"):
            self._take()
        self._skip_newlines()
        return For(token.text, words, self._do_group())

    def _words(self) -> tuple[Word, ...]:
        words = []
        while self._peek().kind == "word":
            words.append(self._take().word)
        return tuple(words)

    def _case(self) -> Case:
        self._take()
        subject = self._word()
        self._skip_newlines()
        self._expect_word("in")
        branches = []
        self._skip_newlines()
        while self._reserved() != "esac":
            branches.append(self._branch())
            self._skip_newlines()
        self._take()
        return Case(subject, tuple(branches))

    def _branch(self) -> Branch:
        if self._is("("):
            self._take()
        patterns = [self._word()]
        while self._is("|"):
            self._take()
            patterns.append(self._word())
        self.expect(")")
        body = self.commands(may_be_empty=True)
        if self._is(";;"):
            self._take()
        elif self._reserved() != "esac":
            self._unexpected()
        return Branch(tuple(patterns), body)

    def _word(self) -> Word:
        if self._peek().kind != "word":
            self._unexpected()
        return self._take().word

    # -- simple commands and functions

    def _simple(self) -> Command:
        line = self._peek().line
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            token = self._peek()
            if self._at_redirect():
                redirects.append(self._redirect())
            elif token.kind == "word":
                self._take()
                self._sort(token, assignments, words)
            elif self._is("(") and len(words) == 1 and not assignments and not redirects:
                return self._function(Token("word", words[0].bare or "", words[0], line))
            else:
                break
        if not (assignments or words or redirects):
            self._unexpected()
        return Simple(tuple(assignments), tuple(words), tuple(redirects), line)

    def _sort(self, token: Token, assignments: list[Assignment], words: list[Word]) -> None:
        """Puts a word where it belongs: assignments stand before the command's name."""
        first = token.word.parts[0] if token.word.parts else None
        match = _ASSIGNMENT.match(first.text) if isinstance(first, Literal) and not first.quoted else None
        if words or match is None or not isinstance(first, Literal):
            words.append(token.word)
            return
        rest = first.text[match.end() :]
        value = Word(((Literal(rest),) if rest else ()) + token.word.parts[1:])
        assignments.append(Assignment(match.group(1), value))

    def _function(self, token: Token) -> Function:
        if not _FUNCTION_NAME.match(token.text) or token.word.bare is None:
            raise ShellSyntaxError(f"`{token.text}': not a valid identifier", token.line)
        if self._is("("):
            self._take()
            self.expect(")")
        self._skip_newlines()
        body = self._command()
        if not isinstance(body, Compound):
            raise ShellSyntaxError("syntax error: a function needs a compound command", token.line)
        return Function(token.text, body)

    def _at_redirect(self) -> bool:
        return self._peek().kind == "number" or self._is(*_REDIRECTIONS)

    def _redirects(self) -> tuple[Redirect, ...]:
        redirects = []
        while self._at_redirect():
            redirects.append(self._redirect())
        return tuple(redirects)

    def _redirect(self) -> Redirect:
        number = int(self._take().text) if self._peek().kind == "number" else None
        operator = self._take().text
        if operator not in _REDIRECTIONS or self._peek().kind != "word":
            self._unexpected()
        fd = _REDIRECTIONS[operator] if number is None else number
        token = self._take()
        if operator in ("<<", "<<-"):
            return Redirect(fd, "<<", self._lexer.here_document(token, strip=operator == "<<-"))
        return Redirect(fd, operator, token.word)
