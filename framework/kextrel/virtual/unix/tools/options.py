"""What the tools share: options as getopt(3) reads them, and input from files or standard input."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from kextrel.virtual.unix.files import OpenFile
from kextrel.virtual.unix.process import Exit, Proc

__all__ = ["Inputs", "complain", "getopt", "whole_number"]


def getopt(proc: Proc, letters: str, *, usage: str = "", code: int = 1) -> tuple[dict[str, str], list[str]]:
    """Options and operands of a tool, BSD fashion: options end at the first operand or at `--`.

    `letters` as for getopt(3): "ab:" takes -a, and -b with an argument. The last of two counts; an unknown one ends the
    tool.
    """
    found: dict[str, str] = {}
    args = list(proc.args)
    while args and args[0].startswith("-") and args[0] != "-":
        word = args.pop(0)
        if word == "--":
            break
        _one_word(proc, word[1:], letters, found, args, usage=usage, code=code)
    return found, args


def _one_word(
    proc: Proc, word: str, letters: str, found: dict[str, str], args: list[str], *, usage: str, code: int
) -> None:
    while word:
        letter, word = word[0], word[1:]
        place = letters.find(letter) if letter != ":" else -1
        if place < 0:
            raise Exit(code, "\n".join(filter(None, (f"{proc.name}: illegal option -- {letter}", usage))))
        if letters[place + 1 : place + 2] != ":":
            found[letter] = ""
            continue
        if not word and not args:
            raise Exit(code, "\n".join(filter(None, (f"{proc.name}: option requires an argument -- {letter}", usage))))
        found[letter] = word or args.pop(0)
        return


def complain(proc: Proc, error: OSError, path: str = "") -> None:
    """`NAME: PATH: TEXT` on standard error."""
    proc.err(f"{proc.name}: {path or error.filename}: {error.strerror}\n")


def whole_number(proc: Proc, text: str, what: str) -> int:
    """A decimal number, or the end of the tool."""
    if not text.lstrip("+-").isdigit():
        raise Exit(1, f"{proc.name}: illegal {what} -- {text}")
    return int(text)


class Inputs:
    """The files that a tool reads in turn; none named, or "-", is standard input. `status` is 1 after an error."""

    def __init__(self, proc: Proc, paths: Sequence[str]) -> None:
        self._proc, self.paths = proc, list(paths) or ["-"]
        self.status = 0

    async def files(self) -> AsyncIterator[tuple[str, OpenFile]]:
        """Each that can be opened, with its name."""
        for path in self.paths:
            try:
                file = self._proc.file(0).dup() if path == "-" else self._proc.open(path)
            except OSError as error:
                complain(self._proc, error, path)
                self.status = 1
                continue
            try:
                yield path, file
            finally:
                file.close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """All bytes of all files."""
        async for _, file in self.files():
            while data := await file.read(1 << 16, self._proc):
                yield data
                await self._proc.breathe()

    async def lines(self) -> AsyncIterator[bytes]:
        """All lines of all files, with their newlines."""
        async for _, file in self.files():
            async for line in lines_of(self._proc, file):
                yield line

    async def whole(self) -> bytes:
        """Everything."""
        data = bytearray()
        async for chunk in self.chunks():
            data += chunk
            self._proc.claim(len(data))
        return bytes(data)


async def lines_of(proc: Proc, file: OpenFile) -> AsyncIterator[bytes]:
    """The lines of one file, with their newlines; reads ahead."""
    rest = bytearray()
    while data := await file.read(1 << 16, proc):
        await proc.breathe()
        first, newline, others = data.partition(b"\n")
        rest += first
        proc.claim(len(rest))
        if newline:
            yield bytes(rest) + newline
            *whole, last = others.split(b"\n")
            for line in whole:
                yield line + b"\n"
            rest = bytearray(last)
    if rest:
        yield bytes(rest)
