"""`$((…))`: signed 64-bit integers with C's operators and precedence (POSIX.1-2017, XCU 2.6.4)."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["ArithmeticFault", "evaluate"]

_TOKEN = re.compile(
    r"\s*(?:0[xX][0-9A-Fa-f]+|[0-9]+|[A-Za-z_]\w*"
    r"|<<=|>>=|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%<>=!~&|^?:()])"
)
_ASSIGNING = frozenset(("=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|="))
_LEVELS = tuple(line.split() for line in ["||", "&&", "|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* / %"])
_MAX_DEPTH = 32


class ArithmeticFault(Exception):
    """An expression that cannot be read, or a division by zero."""


def evaluate(text: str, get: Callable[[str], str], put: Callable[[str, str], None]) -> int:
    """The value of the expression. `get` gives a variable's text ("" when unset), `put` is told of assignments."""
    return _Reader(text, get, put, 0).whole()


def _wrap(value: int) -> int:
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _divided(left: int, right: int) -> int:
    if right == 0:
        raise ArithmeticFault("division by 0")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_BINARY: dict[str, Callable[[int, int], int]] = {
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    "<=": lambda a, b: int(a <= b),
    ">": lambda a, b: int(a > b),
    ">=": lambda a, b: int(a >= b),
    "<<": lambda a, b: a << (b & 63),
    ">>": lambda a, b: a >> (b & 63),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divided,
    "%": lambda a, b: a - b * _divided(a, b),
    "||": lambda a, b: int(bool(a or b)),
    "&&": lambda a, b: int(bool(a and b)),
}


class _Reader:
    """One expression, read and computed at once. While `_off` (an operand that does not count) nothing is stored."""

    def __init__(self, text: str, get: Callable[[str], str], put: Callable[[str, str], None], depth: int) -> None:
        self._text, self._get, self._put, self._depth = text, get, put, depth
        self._tokens = self._cut(text)
        self._place = self._off = 0

    def _cut(self, text: str) -> list[str]:
        tokens, place = [], 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise ArithmeticFault(f"{self._text}: syntax error: operand expected")
            tokens.append(match.group().strip())
            place = match.end()
        return tokens

    def whole(self) -> int:
        if not self._tokens:
            return 0
        value = self._assignment()
        if self._place < len(self._tokens):
            raise ArithmeticFault(f'{self._text}: syntax error in expression (error token is "{self._peek()}")')
        return value

    def _peek(self, ahead: int = 0) -> str:
        place = self._place + ahead
        return self._tokens[place] if place < len(self._tokens) else ""

    def _take(self) -> str:
        self._place += 1
        return self._tokens[self._place - 1]

    def _assignment(self) -> int:
        name = self._peek()
        if not _is_name(name) or self._peek(1) not in _ASSIGNING:
            return self._conditional()
        self._place += 2
        operator = self._tokens[self._place - 1]
        right = self._assignment()
        return self._store(name, right if operator == "=" else self._binary(operator[:-1], self._value(name), right))

    def _conditional(self) -> int:
        condition = self._level(0)
        if self._peek() != "?":
            return condition
        self._take()
        first = self._counted(bool(condition), self._assignment)
        if self._peek() != ":":
            raise ArithmeticFault(f"{self._text}: `:' expected for conditional expression")
        self._take()
        second = self._counted(not condition, self._conditional)
        return first if condition else second

    def _level(self, level: int) -> int:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while self._peek() in _LEVELS[level]:
            operator = self._take()
            counts = not (operator == "||" and left) and not (operator == "&&" and not left)
            right = self._counted(counts, lambda: self._level(level + 1))
            left = self._binary(operator, left, right)
        return left

    def _counted(self, counts: bool, read: Callable[[], int]) -> int:
        self._off += not counts
        value = read()
        self._off -= not counts
        return value

    def _binary(self, operator: str, left: int, right: int) -> int:
        return 0 if self._off and operator in "/%" else _wrap(_BINARY[operator](left, right))

    def _unary(self) -> int:
        operator = self._peek()
        if operator in ("++", "--") and _is_name(self._peek(1)):
            self._place += 2
            name = self._tokens[self._place - 1]
            return self._store(name, self._value(name) + (1 if operator == "++" else -1))
        if operator in ("-", "+", "!", "~"):
            self._take()
            value = self._unary()
            return _wrap({"-": -value, "+": value, "!": int(not value), "~": ~value}[operator])
        return self._primary()

    def _primary(self) -> int:
        word = self._peek()
        if word == "(":
            self._take()
            value = self._assignment()
            if self._peek() != ")":
                raise ArithmeticFault(f"{self._text}: missing `)'")
            self._take()
            return value
        if not word or not (word[0].isdigit() or _is_name(word)):
            raise ArithmeticFault(f'{self._text}: syntax error: operand expected (error token is "{word}")')
        self._take()
        return _number(word) if word[0].isdigit() else self._postfix(word)

    def _postfix(self, name: str) -> int:
        value = self._value(name)
        if self._peek() in ("++", "--"):
            self._store(name, value + (1 if self._take() == "++" else -1))
        return value

    def _value(self, name: str) -> int:
        text = self._get(name).strip()
        if re.fullmatch(r"[-+]?[0-9]\w*", text):
            return _wrap(-_number(text[1:]) if text[0] == "-" else _number(text.lstrip("+")))
        if self._depth >= _MAX_DEPTH:
            raise ArithmeticFault(f"{self._text}: expression recursion level exceeded")
        return _Reader(text, self._get, self._put, self._depth + 1).whole()

    def _store(self, name: str, value: int) -> int:
        if not self._off:
            self._put(name, str(_wrap(value)))
        return _wrap(value)


def _is_name(token: str) -> bool:
    return token[:1].isalpha() or token[:1] == "_"


def _number(token: str) -> int:
    try:
        if token[:2] in ("0x", "0X"):
            return _wrap(int(token, 16))
        return _wrap(int(token, 8) if token[0] == "0" and len(token) > 1 else int(token))
    except ValueError:
        raise ArithmeticFault(f"{token}: value too great for base") from None
