"""grep, egrep, fgrep and sed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kextrel.virtual.unix.files import OpenFile
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool
from kextrel.virtual.unix.tools.options import Inputs, complain, getopt, lines_of, whole_number
from kextrel.virtual.unix.tools.regex import BRACKET, Regex, compiled

__all__: list[str] = []

_USAGE = (
    "usage: grep [-abcdDEFGHhIiJLlMmnOopqRSsUVvwXxZz] [-A num] [-B num] [-C[num]]\n"
    "\t[-e pattern] [-f file] [pattern] [file ...]"
)


@tool("/usr/bin/grep", "/usr/bin/egrep", "/usr/bin/fgrep")
async def _grep(proc: Proc) -> int:
    """-E -F -i -v -c -l -L -q -n -o -r -s -w -x -h -H -e -m -a; no context."""
    options, operands = getopt(proc, "EFGivclLqnorRswxhHae:m:", usage=_USAGE, code=2)
    if "e" not in options and not operands:
        raise Exit(2, _USAGE)
    pattern = options["e"] if "e" in options else operands.pop(0)
    search = _Search(proc, options, _pattern(proc, options, pattern))
    return await search.all(operands)


def _pattern(proc: Proc, options: dict[str, str], text: str) -> Regex:
    fixed = "F" in options or proc.name == "fgrep"
    extended = "E" in options or proc.name == "egrep"
    texts = []
    for line in text.split("\n"):
        one = (
            re.escape(line.encode(errors="surrogateescape"))
            if fixed
            else compiled(proc, line, extended=extended).pattern
        )
        one = rb"\b(?:" + one + rb")\b" if "w" in options else one
        texts.append(rb"\A(?:" + one + rb")\Z" if "x" in options else b"(?:" + one + b")")
    return Regex(proc.name, b"|".join(texts), ignore_case="i" in options)


class _Search:
    """One run of grep over its files."""

    def __init__(self, proc: Proc, options: dict[str, str], pattern: Regex) -> None:
        self._proc, self._options, self._pattern = proc, options, pattern
        self._limit = whole_number(proc, options["m"], "number") if "m" in options else None
        self._named = False

    async def all(self, paths: list[str]) -> int:
        """Exit code 0 when something was found, 1 when not, 2 after an error."""
        options, found, failed = self._options, False, False
        files = self._files(paths or (["."] if options.keys() & {"r", "R"} else ["-"]))
        self._named = ("H" in options or len(files) > 1 or bool(options.keys() & {"r", "R"})) and "h" not in options
        for path in files:
            try:
                file = self._proc.file(0).dup() if path == "-" else self._proc.open(path)
                found = await self._one(path, file) or found
                file.close()
            except OSError as error:
                failed = True
                if "s" not in options:
                    complain(self._proc, error, path)
            if found and "q" in options:
                return 0
        return 2 if failed else int(not found)

    def _files(self, paths: list[str]) -> list[str]:
        if not self._options.keys() & {"r", "R"}:
            return paths
        fs = self._proc.fs
        return [one for path in paths for one in (fs.walk(path) if fs.exists(path) else [path]) if not fs.is_dir(one)]

    async def _one(self, path: str, file: OpenFile) -> bool:
        options, count, number = self._options, 0, 0
        quiet = bool(options.keys() & {"q", "c", "l", "L"})
        name = "(standard input)" if path == "-" else path
        async for line in lines_of(self._proc, file):
            number += 1
            row = line.rstrip(b"\n")
            if (self._pattern.search(row) is None) == ("v" not in options):
                continue
            count += 1
            if not quiet:
                await self._show(name, number, row)
            if options.keys() & {"q", "l"} or count == self._limit:
                break
        self._sum_up(name, count)
        return count > 0

    async def _show(self, name: str, number: int, row: bytes) -> None:
        head = (f"{name}:" if self._named else "") + (f"{number}:" if "n" in self._options else "")
        rows = [row]
        if "o" in self._options:
            rows = [match.group() for match in self._pattern.all(row) if match.group()]
        for one in rows:
            await self._proc.write(head.encode() + one + b"\n")

    def _sum_up(self, name: str, count: int) -> None:
        if "c" in self._options:
            self._proc.out((f"{name}:" if self._named else "") + f"{count}\n")
        elif ("l" in self._options and count) or ("L" in self._options and not count):
            self._proc.out(f"{name}\n")


# -- sed


@dataclass
class _Address:
    """A line number, "$", or a pattern."""

    number: int | None = None
    last: bool = False
    pattern: Regex | None = None

    def holds(self, number: int, row: bytes, last: bool) -> bool:
        if self.pattern is not None:
            return self.pattern.search(row) is not None
        return last if self.last else number == self.number


@dataclass
class _Edit:
    """One command: addresses, its letter, what it takes. `inside`: between its two addresses now."""

    addresses: list[_Address]
    negated: bool
    letter: str
    pattern: Regex | None = None
    text: bytes = b""
    flags: str = ""
    table: bytes = b""
    inside: bool = field(default=False)

    def chosen(self, number: int, row: bytes, last: bool) -> bool:
        return self._in_range(number, row, last) != self.negated

    def _in_range(self, number: int, row: bytes, last: bool) -> bool:
        if len(self.addresses) < 2:
            return not self.addresses or self.addresses[0].holds(number, row, last)
        first, second = self.addresses
        if not self.inside and first.holds(number, row, last):
            self.inside = second.number is None or second.number > number
            return True
        if self.inside and second.holds(number, row, last):
            self.inside = False
            return True
        return self.inside


class _Script:
    """Reads a sed script: commands s y p d q a i c = with addresses, `!`, and `;` or newlines between."""

    def __init__(self, proc: Proc, text: str, *, extended: bool) -> None:
        self._proc, self._text, self._extended, self._place = proc, text, extended, 0

    def read(self) -> list[_Edit]:
        edits: list[_Edit] = []
        while True:
            while self._peek() in (";", "\n", " ", "\t") and self._peek():
                self._place += 1
            if not self._peek():
                return edits
            if self._peek() == "#":
                end = self._text.find("\n", self._place)
                self._place = len(self._text) if end < 0 else end
                continue
            edits.append(self._edit())

    def _peek(self) -> str:
        return self._text[self._place : self._place + 1]

    def _fail(self, what: str) -> Exit:
        return Exit(1, f"sed: 1: {self._text!r}: {what}".replace("'", '"'))

    def _edit(self) -> _Edit:
        addresses = [address] if (address := self._address()) else []
        if addresses and self._peek() == ",":
            self._place += 1
            if (second := self._address()) is None:
                raise self._fail("expected context address")
            addresses.append(second)
        self._blanks()
        negated = self._peek() == "!"
        self._place += negated
        self._blanks()
        letter = self._peek()
        self._place += 1
        return self._command(_Edit(addresses, negated, letter))

    def _blanks(self) -> None:
        while self._peek() in (" ", "\t") and self._peek():
            self._place += 1

    def _address(self) -> _Address | None:
        match = re.compile(r"\d+|\$").match(self._text, self._place)
        if match:
            self._place = match.end()
            return _Address(last=True) if match.group() == "$" else _Address(number=int(match.group()))
        if self._peek() not in ("/", "\\") or not self._peek():
            return None
        self._place += self._peek() == "\\"
        delimiter = self._peek()
        self._place += 1
        return _Address(pattern=compiled(self._proc, self._until(delimiter, pattern=True), extended=self._extended))

    def _until(self, delimiter: str, *, pattern: bool = False) -> str:
        """Text up to a delimiter that is neither escaped nor, in a pattern, in brackets; past it."""
        found: list[str] = []
        while self._peek() != delimiter:
            bracket = BRACKET.match(self._text, self._place) if pattern else None
            if bracket:
                found.append(bracket.group())
                self._place = bracket.end()
                continue
            if not self._peek():
                raise self._fail("unterminated substitute pattern")
            if self._peek() == "\\" and self._text[self._place + 1 : self._place + 2] == delimiter:
                self._place += 1
            elif self._peek() == "\\":
                found.append("\\")
                self._place += 1
            found.append(self._peek())
            self._place += 1
        self._place += 1
        return "".join(found)

    def _command(self, edit: _Edit) -> _Edit:
        if edit.letter in ("s", "y"):
            delimiter = self._peek()
            self._place += 1
            first, second = self._until(delimiter, pattern=edit.letter == "s"), self._until(delimiter)
            if edit.letter == "y":
                edit.table = bytes.maketrans(first.encode(), second.encode())
                return edit
            flags = re.compile(r"[gpIi0-9]*").match(self._text, self._place)
            assert flags is not None
            self._place, edit.flags = flags.end(), flags.group()
            ignore = bool(set("Ii") & set(edit.flags))
            edit.pattern = compiled(self._proc, first, extended=self._extended, ignore_case=ignore)
            edit.text = second.encode(errors="surrogateescape")
        elif edit.letter in ("a", "i", "c"):
            end = (
                self._text.find("\n", self._text.find("\\\n", self._place) + 2)
                if "\\\n" in self._text[self._place :]
                else -1
            )
            text = self._text[self._place : end if end >= 0 else len(self._text)]
            self._place = end if end >= 0 else len(self._text)
            edit.text = re.sub(r"^\s*\\?\n?", "", text).encode() + b"\n"
        elif edit.letter not in tuple("pdq="):
            raise self._fail(f"invalid command code {edit.letter}")
        return edit


def _substituted(edit: _Edit, row: bytes) -> tuple[bytes, bool]:
    """The row after `s`, and whether anything matched."""
    assert edit.pattern is not None
    digits = re.search(r"\d+", edit.flags)
    wanted = int(digits.group()) if digits else 1
    found = edit.pattern.all(row)[wanted - 1 :]
    pieces, place = [], 0
    for match in found if "g" in edit.flags else found[:1]:
        pieces += [row[place : match.start()], _replacement(edit.text, match)]
        place = match.end()
    return b"".join([*pieces, row[place:]]), bool(found)


def _replacement(text: bytes, match: re.Match[bytes]) -> bytes:
    return re.sub(rb"\\([0-9])|\\(n)|\\(.)|(&)", lambda part: _filled(part, match), text, flags=re.DOTALL)


def _filled(part: re.Match[bytes], match: re.Match[bytes]) -> bytes:
    if part.group(1):
        return match.group(int(part.group(1))) or b""
    if part.group(2):
        return b"\n"
    return match.group() if part.group(4) else part.group(3)


def _edited(edits: list[_Edit], row: bytes, number: int, last: bool, silent: bool) -> tuple[list[bytes], bool]:
    """What one line becomes, and whether it was the last one to be read."""
    out: list[bytes] = []
    after: list[bytes] = []
    ended = False
    for edit in edits:
        if not edit.chosen(number, row, last):
            continue
        if edit.letter == "d":
            return out + after, False
        if edit.letter == "c":
            return [*out, edit.text, *after], False
        if edit.letter == "s":
            row, matched = _substituted(edit, row)
            out += [row + b"\n"] if matched and "p" in edit.flags else []
        elif edit.letter == "y":
            row = row.translate(edit.table)
        elif edit.letter in ("a", "i"):
            (after if edit.letter == "a" else out).append(edit.text)
        elif edit.letter == "q":
            ended = True
            break
        else:
            out.append(row + b"\n" if edit.letter == "p" else b"%d\n" % number)
    return out + ([] if silent else [row + b"\n"]) + after, ended


@tool("/usr/bin/sed")
async def _sed(proc: Proc) -> int:
    """-n -e -E -i '' with the commands s y p d q a i c =."""
    texts: list[str] = []
    args, proc.argv = proc.args, proc.argv[:1]
    while args[:1] == ["-e"] and len(args) > 1:
        texts.append(args[1])
        args = args[2:]
    proc.argv += args
    options, operands = getopt(proc, "nErae:i:")
    texts += [options["e"]] if "e" in options else []
    if not texts and not operands:
        raise Exit(1, "usage: sed script [-EHalnru] [-i extension] [file ...]")
    text = "\n".join(texts) if texts else operands.pop(0)
    edits = _Script(proc, text, extended=bool(options.keys() & {"E", "r"})).read()
    if "i" in options:
        for path in operands:
            done, _ = _run(edits, proc.fs.read_bytes(path), silent="n" in options)
            proc.fs.write_bytes(path, done)
        return 0
    inputs = Inputs(proc, operands)
    done, _ = _run(edits, await inputs.whole(), silent="n" in options)
    await proc.write(done)
    return inputs.status


def _run(edits: list[_Edit], data: bytes, *, silent: bool) -> tuple[bytes, int]:
    rows = data.split(b"\n")
    ended_with_newline = rows[-1] == b""
    rows = rows[:-1] if ended_with_newline else rows
    out: list[bytes] = []
    for number, row in enumerate(rows, start=1):
        lines, ended = _edited(edits, row, number, number == len(rows), silent)
        out += lines
        if ended:
            break
    joined = b"".join(out)
    return (joined if ended_with_newline or not rows else joined.removesuffix(b"\n")), len(rows)
