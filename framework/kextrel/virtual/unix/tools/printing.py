"""echo and printf, for the tools and the shell's builtins alike."""

from __future__ import annotations

import errno
import os
import re

from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["echoed", "formatted"]

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"', "'": "'"}
_ESCAPE = re.compile(r"\\(?:0?([0-7]{1,3})|(.))", re.DOTALL)
_ECHO_ESCAPE = re.compile(r"\\(?:0([0-7]{0,3})|(.))", re.DOTALL)
_FIELD = re.compile(r"%(?:%|([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+)?)?([a-zA-Z]))|%")
_WIDEST = 1 << 20
"""Characters that a field may be made wide."""
_PRECISION = re.compile(r"\.(\*|\d*)")

Fault = tuple[str, str]


def echoed(args: list[str], *, escapes: bool) -> bytes:
    """What echo writes: `-n` leaves the newline out, `-e` and `-E` switch escapes; `\\c` ends the output."""
    newline = True
    while args and re.fullmatch(r"-[neE]+", args[0]):
        newline = newline and "n" not in args[0]
        escapes = (escapes or "e" in args[0]) and "E" not in args[0]
        args = args[1:]
    text = " ".join(args)
    if escapes:
        text, ended = _unescaped(text, _ECHO_ESCAPE)
        newline = newline and not ended
    return (text + ("\n" if newline else "")).encode(errors="surrogateescape")


def _unescaped(text: str, escape: re.Pattern[str]) -> tuple[str, bool]:
    """`text` without backslash escapes, up to a `\\c`; whether there was one."""
    text, ended = _cut_at_c(text)

    def replaced(match: re.Match[str]) -> str:
        if match.group(1) is not None:
            return _byte(int(match.group(1) or "0", 8))
        return _ESCAPES.get(match.group(2), match.group())

    return escape.sub(replaced, text), ended


def _cut_at_c(text: str) -> tuple[str, bool]:
    for match in re.finditer(r"\\.", text, re.DOTALL):
        if match.group() == "\\c":
            return text[: match.start()], True
    return text, False


def _byte(value: int) -> str:
    return bytes([value & 0xFF]).decode(errors="surrogateescape")


class _Printf:
    """One call of printf: the arguments not used yet, and what was wrong with those that were."""

    def __init__(self, arguments: list[str]) -> None:
        self.left, self.ended = list(arguments), False
        self.faults: list[Fault] = []

    def once(self, template: str) -> str:
        """The format filled in once."""
        pieces, place = [], 0
        for match in _FIELD.finditer(template):
            pieces.append(_unescaped(template[place : match.start()], _ESCAPE)[0])
            pieces.append(self._field(match))
            place = match.end()
            if self.ended:
                return "".join(pieces)
        text, self.ended = _unescaped(template[place:], _ESCAPE)
        return "".join([*pieces, text])

    def _next(self) -> str:
        return self.left.pop(0) if self.left else ""

    def _field(self, match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        if match.group() == "%" or match.group(4) not in "diouxXcsbeEfFgG":
            self.faults.append((match.group(), "invalid directive"))
            self.left.clear()
            return ""
        flags, width, letter = match.group(1) or "", match.group(2), match.group(4)
        width = str(self._number(self._next())) if width == "*" else width or ""
        precision = self._precision(match)
        if abs(int(width or 0)) > _WIDEST or (precision or 0) > _WIDEST:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        return self._converted(letter, flags, width, precision)

    def _precision(self, match: re.Match[str]) -> int | None:
        found = _PRECISION.search(match.group())
        if found is None:
            return None
        return self._number(self._next()) if found.group(1) == "*" else int(found.group(1) or 0)

    def _converted(self, letter: str, flags: str, width: str, precision: int | None) -> str:
        text = self._next() if letter not in "*" else ""
        if letter in "sbc":
            if letter == "b":
                text, self.ended = _unescaped(text, _ECHO_ESCAPE)
            text = text[:1] if letter == "c" else text[:precision]
            return f"%{flags.replace('0', '')}{width}s" % text
        shape = f"%{flags}{width}" + ("" if precision is None else f".{precision}")
        if letter in "eEfFgG":
            return (shape + letter) % self._float(text)
        value = self._number(text)
        value = value % (1 << 64) if value < 0 and letter in "ouxX" else value
        shown = (shape + ("d" if letter in "iu" else letter)) % value
        return shown.replace("0o", "0", 1) if letter == "o" and "#" in flags else shown

    def _number(self, text: str) -> int:
        if text[:1] in ("'", '"'):
            return ord(text[1]) if len(text) > 1 else 0
        match = re.match(r"\s*([-+]?)(0[xX][0-9a-fA-F]+|\d+)", text)
        if match is None or match.end() != len(text):
            if text:
                self.faults.append((text, "invalid number"))
            if match is None:
                return 0
        digits = match.group(2)
        value = int(digits, 16 if digits[:2] in ("0x", "0X") else 8 if re.fullmatch(r"0[0-7]+", digits) else 10)
        return -value if match.group(1) == "-" else value

    def _float(self, text: str) -> float:
        try:
            return float(text or 0)
        except ValueError:
            self.faults.append((text, "invalid number"))
            return 0.0


def formatted(template: str, arguments: list[str]) -> tuple[bytes, list[Fault]]:
    """What printf writes, the format used again while arguments are left; and (argument, what is wrong with it)."""
    call = _Printf(arguments)
    pieces = [call.once(template)]
    while call.left and not call.ended and len(call.left) < len(arguments):
        before = len(call.left)
        pieces.append(call.once(template))
        if len(call.left) == before:
            break
    return "".join(pieces).encode(errors="surrogateescape"), call.faults


@tool("/bin/echo")
async def _echo(proc: Proc) -> int:
    await proc.write(echoed(proc.args, escapes=False))
    return 0


@tool("/usr/bin/printf")
async def _printf(proc: Proc) -> int:
    if not proc.args:
        raise Exit(1, "usage: printf format [arguments ...]")
    data, faults = formatted(proc.args[0], proc.args[1:])
    await proc.write(data)
    for subject, reason in faults:
        proc.err(f"printf: {subject}: {reason}\n")
    return 1 if faults else 0
