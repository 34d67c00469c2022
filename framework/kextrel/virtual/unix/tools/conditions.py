"""test and [, for the tools and the shell's builtins alike (POSIX.1-2017, XCU test; -a, -o and parentheses besides)."""

from __future__ import annotations

import stat
from collections.abc import Callable

from kextrel.virtual.unix.nodes import Stat
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["BadCondition", "evaluate"]


class BadCondition(Exception):
    """Arguments that are no condition."""

    def __init__(self, subject: str, reason: str) -> None:
        self.subject, self.reason = subject, reason


_TYPES: dict[str, Callable[[Stat], bool]] = {
    "-e": lambda _: True, "-f": lambda s: s.is_file, "-d": lambda s: s.is_dir, "-s": lambda s: s.size > 0,
    "-p": lambda s: stat.S_ISFIFO(s.mode), "-c": lambda s: stat.S_ISCHR(s.mode), "-b": lambda s: stat.S_ISBLK(s.mode),
    "-S": lambda s: stat.S_ISSOCK(s.mode), "-u": lambda s: bool(s.mode & 0o4000), "-g": lambda s: bool(s.mode & 0o2000),
    "-k": lambda s: bool(s.mode & 0o1000), "-L": lambda s: s.is_link, "-h": lambda s: s.is_link,
}  # fmt: skip
_ACCESS = {"-r": 4, "-w": 2, "-x": 1}
_UNARY = frozenset((*_TYPES, *_ACCESS, "-n", "-z", "-t", "-O", "-G"))
_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b, "-ne": lambda a, b: a != b, "-lt": lambda a, b: a < b, "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b, "-ge": lambda a, b: a >= b,
}  # fmt: skip
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}  # fmt: skip
_FILES = frozenset(("-nt", "-ot", "-ef"))
_BINARY = frozenset((*_NUMBERS, *_TEXTS, *_FILES))


def evaluate(proc: Proc, args: list[str]) -> bool:
    """Whether the condition holds; BadCondition when it is none."""
    return _Condition(proc, args).whole()


class _Condition:
    def __init__(self, proc: Proc, args: list[str]) -> None:
        self._proc, self._args, self._place = proc, args, 0

    def whole(self) -> bool:
        """By the number of arguments up to four, as POSIX has it, so that no operand is taken for an operator."""
        args = self._args
        if not args:
            return False
        if len(args) == 1:
            return args[0] != ""
        if len(args) == 3 and args[1] in _BINARY:
            return self._binary(*args)
        if args[0] == "!" and len(args) in (2, 3, 4):
            return not _Condition(self._proc, args[1:]).whole()
        if len(args) in (3, 4) and args[0] == "(" and args[-1] == ")":
            return _Condition(self._proc, args[1:-1]).whole()
        held = self._or()
        if self._place < len(args):
            raise BadCondition(args[self._place], "unexpected operator" if len(args) < 4 else "too many arguments")
        return held

    def _peek(self, ahead: int = 0) -> str | None:
        place = self._place + ahead
        return self._args[place] if place < len(self._args) else None

    def _take(self) -> str:
        word = self._peek()
        if word is None:
            raise BadCondition("", "argument expected")
        self._place += 1
        return word

    def _or(self) -> bool:
        held = self._and()
        while self._peek() == "-o":
            self._place += 1
            held = self._and() or held
        return held

    def _and(self) -> bool:
        held = self._not()
        while self._peek() == "-a":
            self._place += 1
            held = self._not() and held
        return held

    def _not(self) -> bool:
        if self._peek() == "!" and self._peek(1) is not None:
            self._place += 1
            return not self._not()
        return self._primary()

    def _primary(self) -> bool:
        if self._peek(1) in _BINARY and self._peek(2) is not None:
            return self._binary(self._take(), self._take(), self._take())
        word = self._take()
        if word == "(" and self._peek() is not None:
            held = self._or()
            if self._take() != ")":
                raise BadCondition("", "`)' expected")
            return held
        if word in _UNARY and self._peek() is not None and self._peek() not in (")", "-a", "-o"):
            return self._unary(word, self._take())
        return word != ""

    def _unary(self, operator: str, operand: str) -> bool:
        if operator in ("-n", "-z"):
            return bool(operand) == (operator == "-n")
        if operator == "-t":
            file = self._proc.fds.get(_number(operand))
            return file is not None and file.is_tty
        if operator in _ACCESS:
            return self._proc.fs.may(operand, _ACCESS[operator])
        found = self._stat(operand, follow=operator not in ("-L", "-h"))
        if operator in ("-O", "-G"):
            mine = self._proc.user.uid if operator == "-O" else self._proc.user.gid
            return found is not None and (found.uid if operator == "-O" else found.gid) == mine
        return found is not None and _TYPES[operator](found)

    def _binary(self, left: str, operator: str, right: str) -> bool:
        if operator in _TEXTS:
            return _TEXTS[operator](left, right)
        if operator in _NUMBERS:
            return _NUMBERS[operator](_number(left), _number(right))
        first, second = self._stat(left), self._stat(right)
        if operator == "-ef":
            return first is not None and second is not None and first.ino == second.ino
        older, newer = (second, first) if operator == "-nt" else (first, second)
        return newer is not None and (older is None or older.mtime < newer.mtime)

    def _stat(self, path: str, *, follow: bool = True) -> Stat | None:
        try:
            return self._proc.fs.stat(path, follow=follow)
        except OSError:
            return None


def _number(text: str) -> int:
    try:
        return int(text.strip())
    except ValueError:
        raise BadCondition(text, "integer expression expected") from None


@tool("/bin/test", "/bin/[")
async def _test(proc: Proc) -> int:
    args = proc.args
    if proc.name == "[":
        if args[-1:] != ["]"]:
            raise Exit(2, "[: missing ]")
        args = args[:-1]
    try:
        return 0 if evaluate(proc, args) else 1
    except BadCondition as fault:
        raise Exit(2, f"{proc.name}: {fault.subject}: {fault.reason}") from None
