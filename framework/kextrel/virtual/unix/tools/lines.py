"""Tools that read lines: cat, head, tail, wc, sort, uniq, cut, tr, tee, yes, seq."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from kextrel.virtual.unix.files import OpenFile
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool
from kextrel.virtual.unix.tools.options import Inputs, complain, getopt, whole_number
from kextrel.virtual.unix.tools.regex import CLASSES

__all__: list[str] = []

T = TypeVar("T")


@tool("/bin/cat")
async def _cat(proc: Proc) -> int:
    options, paths = getopt(proc, "benstuv")
    inputs = Inputs(proc, paths)
    if options.keys() & {"n", "b"}:
        number = 0
        async for line in inputs.lines():
            counted = "n" in options or bool(line.strip(b"\n"))
            number += counted
            await proc.write((b"%6d\t" % number if counted else b"") + line)
        return inputs.status
    async for chunk in inputs.chunks():
        await proc.write(chunk)
    return inputs.status


def _with_old_count(proc: Proc) -> None:
    """`head -5` is `head -n 5`."""
    proc.argv = [word for arg in proc.argv for word in (("-n", arg[1:]) if re.fullmatch(r"-\d+", arg) else (arg,))]


@tool("/usr/bin/head")
async def _head(proc: Proc) -> int:
    _with_old_count(proc)
    options, paths = getopt(proc, "n:c:q")
    inputs = Inputs(proc, paths)
    async for name, file in inputs.files():
        if len(inputs.paths) > 1 and "q" not in options:
            proc.out(f"{'' if name == inputs.paths[0] else chr(10)}==> {name} <==\n")
        left = whole_number(proc, options.get("c", options.get("n", "10")), "line count")
        while left > 0 and (piece := await (file.read(left, proc) if "c" in options else file.readline(proc))):
            left -= len(piece) if "c" in options else 1
            await proc.write(piece)
    return inputs.status


@tool("/usr/bin/tail")
async def _tail(proc: Proc) -> int:
    """-n and -c, from the end or (`+N`) from the beginning; -f waits for more once a Mac second."""
    _with_old_count(proc)
    options, paths = getopt(proc, "n:c:fFq")
    count = options.get("c", options.get("n", "10"))
    number = abs(whole_number(proc, count, "offset"))
    inputs = Inputs(proc, paths)
    async for _, file in inputs.files():
        data = await _rest(proc, file)
        pieces = [data[i : i + 1] for i in range(len(data))] if "c" in options else data.splitlines(keepends=True)
        first = number - 1 if count.startswith("+") else len(pieces) - number
        await proc.write(b"".join(pieces[max(first, 0) :]))
        while options.keys() & {"f", "F"}:
            if piece := await file.read(1 << 16, proc):
                await proc.write(piece)
            else:
                await proc.sleep(1)
    return inputs.status


async def _rest(proc: Proc, file: OpenFile) -> bytes:
    data = bytearray()
    while piece := await file.read(1 << 16, proc):
        data += piece
        proc.claim(len(data))
        await proc.breathe()
    return bytes(data)


@tool("/usr/bin/wc")
async def _wc(proc: Proc) -> int:
    options, paths = getopt(proc, "lwcm")
    shown = [letter for letter in "lwcm" if letter in options] or ["l", "w", "c"]
    inputs, totals, files = Inputs(proc, paths), dict.fromkeys("lwcm", 0), 0
    async for name, file in inputs.files():
        data = await _rest(proc, file)
        counts = {
            "l": data.count(b"\n"),
            "w": len(data.split()),
            "c": len(data),
            "m": len(data.decode(errors="replace")),
        }
        totals = {letter: totals[letter] + count for letter, count in counts.items()}
        files += 1
        _show_counts(proc, counts, shown, "" if name == "-" and not paths else name)
    if files > 1:
        _show_counts(proc, totals, shown, "total")
    return inputs.status


def _show_counts(proc: Proc, counts: dict[str, int], shown: list[str], name: str) -> None:
    proc.out("".join(f" {counts[letter]:7}" for letter in shown) + (f" {name}" if name else "") + "\n")


# -- order

_ROW = 64
"""Bytes of memory that a row takes besides its text."""


@tool("/usr/bin/sort")
async def _sort(proc: Proc) -> int:
    """-r -n -u -f -b -s, -t C and -k N[,M][nrfb]."""
    options, paths = getopt(proc, "rnufbst:k:o:c", code=2)
    inputs = Inputs(proc, paths)
    rows, size = [], 0
    async for line in inputs.lines():
        rows.append(line.rstrip(b"\n"))
        size += len(line) + _ROW
        proc.claim(size)
    key = _key(options)
    ordered = sorted(rows, key=lambda row: (key(row), row) if "s" not in options else (key(row), b""))
    if "c" in options:
        return 0 if ordered == rows else 1
    if "u" in options:
        ordered = [row for index, row in enumerate(ordered) if not index or key(row) != key(ordered[index - 1])]
    reverse = "r" in options or "r" in options.get("k", "")
    data = b"".join(row + b"\n" for row in (reversed(ordered) if reverse else ordered))
    if "o" in options:
        proc.fs.write_bytes(options["o"], data)
    else:
        await proc.write(data)
    return 2 if inputs.status else 0


def _key(options: dict[str, str]) -> Callable[[bytes], tuple[float, bytes]]:
    """What is compared of a row: a number first (0 for all when it is not by number), then text."""
    match = (
        re.fullmatch(r"(\d+)(?:\.\d+)?([a-z]*)(?:,(\d+)(?:\.\d+)?([a-z]*))?", options.get("k", ""))
        if "k" in options
        else None
    )
    letters = set(options) | set((match.group(2) or "") + (match.group(4) or "") if match else "")

    def key(row: bytes) -> tuple[float, bytes]:
        text = _columns(row, options.get("t"), match) if match else row
        text = text.lower() if "f" in letters else text
        if "n" not in letters:
            return 0.0, text.lstrip() if "b" in letters else text
        number = re.match(rb"\s*-?\d*\.?\d+", text)
        return (float(number.group()) if number else 0.0), b"" if "u" in letters or "s" in letters else text

    return key


def _columns(row: bytes, separator: str | None, match: re.Match[str]) -> bytes:
    columns = row.split(separator.encode()) if separator else re.findall(rb"\s*\S+", row)
    last = int(match.group(3)) if match.group(3) else len(columns)
    return (separator or "").encode().join(columns[int(match.group(1)) - 1 : last])


@tool("/usr/bin/uniq")
async def _uniq(proc: Proc) -> int:
    options, paths = getopt(proc, "cdui")
    inputs = Inputs(proc, paths[:1])
    groups: list[tuple[bytes, int]] = []
    async for line in inputs.lines():
        row = line.rstrip(b"\n")
        same = groups and (groups[-1][0].lower() == row.lower() if "i" in options else groups[-1][0] == row)
        groups = [*groups[:-1], (groups[-1][0], groups[-1][1] + 1)] if same else [*groups, (row, 1)]
    for row, count in groups:
        if ("d" in options and count == 1) or ("u" in options and count > 1):
            continue
        await proc.write((b"%4d " % count if "c" in options else b"") + row + b"\n")
    return inputs.status


@tool("/usr/bin/cut")
async def _cut(proc: Proc) -> int:
    options, paths = getopt(proc, "b:c:f:d:ns")
    listed = options.get("f") or options.get("c") or options.get("b")
    if not listed:
        raise Exit(
            1,
            "usage: cut -b list [-n] [file ...]\n       cut -f list [-s] [-d delim] [file ...]",
        )
    ranges = [_range(proc, part) for part in listed.split(",")]
    delimiter = options.get("d", "\t").encode()
    inputs = Inputs(proc, paths)
    async for line in inputs.lines():
        row = line.rstrip(b"\n")
        if "f" not in options:
            text = row.decode(errors="surrogateescape") if "c" in options else row.decode("latin-1")
            chosen = "".join(_chosen(text, ranges)).encode("utf-8" if "c" in options else "latin-1", "surrogateescape")
        elif delimiter not in row:
            if "s" in options:
                continue
            chosen = row
        else:
            chosen = delimiter.join(_chosen(row.split(delimiter), ranges))
        await proc.write(chosen + b"\n")
    return inputs.status


def _range(proc: Proc, text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d*)(-?)(\d*)", text)
    if match is None or not any(match.groups()):
        raise Exit(1, f"{proc.name}: [-bcf] list: illegal list value")
    first = int(match.group(1) or 1)
    return first, int(match.group(3)) if match.group(3) else (1 << 31 if match.group(2) else first)


def _chosen(items: Sequence[T], ranges: list[tuple[int, int]]) -> list[T]:
    return [item for place, item in enumerate(items, start=1) if any(low <= place <= high for low, high in ranges)]


# -- letters


_SET = re.compile(r"\[:([a-z]+):\]|\\([0-7]{1,3}|.)|(.)-(.)|(.)", re.DOTALL)
_ESCAPES = {"n": 10, "t": 9, "r": 13, "a": 7, "b": 8, "f": 12, "v": 11, "\\": 92}


def _letters(text: str) -> list[int]:
    """The bytes of a tr set: classes, ranges, escapes."""
    found: list[int] = []
    for name, escape, low, high, one in _SET.findall(text.encode().decode("latin-1")):
        if name:
            found += [code for code in range(256) if re.match(f"[{CLASSES[name]}]", chr(code))]
        elif escape:
            found.append(int(escape, 8) if escape.isdigit() else _ESCAPES.get(escape, ord(escape)))
        else:
            found += range(ord(low), ord(high) + 1) if low else [ord(one)]
    return found


@tool("/usr/bin/tr")
async def _tr(proc: Proc) -> int:
    options, sets = getopt(proc, "cCdsu")
    if not 1 <= len(sets) <= 2:
        raise Exit(1, "usage: tr [-Ccsu] string1 string2")
    first, second = _letters(sets[0]), _letters(sets[1]) if len(sets) > 1 else []
    if options.keys() & {"c", "C"}:
        first = [code for code in range(256) if code not in set(first)]
    deleting, squeezed = "d" in options, set(second or first) if "s" in options else set()
    padded = second + second[-1:] * (len(first) - len(second))
    table = bytes.maketrans(bytes(first), bytes(padded[: len(first)])) if second and not deleting else None
    last = -1
    async for chunk in Inputs(proc, []).chunks():
        data = chunk.translate(table, bytes(first) if deleting else b"")
        if squeezed:
            kept = bytearray()
            for code in data:
                if code != last or code not in squeezed:
                    kept.append(code)
                last = code
            data = bytes(kept)
        await proc.write(data)
    return 0


@tool("/usr/bin/tee")
async def _tee(proc: Proc) -> int:
    options, paths = getopt(proc, "ai")
    status, files = 0, []
    for path in paths:
        try:
            files.append(proc.open(path, "a" if "a" in options else "w"))
        except OSError as error:
            complain(proc, error, path)
            status = 1
    async for chunk in Inputs(proc, []).chunks():
        await proc.write(chunk)
        for file in files:
            file.write_now(chunk)
    for file in files:
        file.close()
    return status


# -- lines out of nothing


@tool("/usr/bin/yes")
async def _yes(proc: Proc) -> int:
    text = (" ".join(proc.args) or "y") + "\n"
    while True:
        await proc.write(text * 512)


@tool("/usr/bin/seq")
async def _seq(proc: Proc) -> int:
    numbers = [whole_number(proc, word, "number") for word in proc.args]
    if not 1 <= len(numbers) <= 3:
        raise Exit(1, "usage: seq [first [incr]] last")
    first, last = (1 if len(numbers) == 1 else numbers[0]), numbers[-1]
    step = numbers[1] if len(numbers) == 3 else 1 if first <= last else -1
    for start in range(first, last + (1 if step > 0 else -1), step * 4096):
        block = range(
            start, min(start + step * 4096, last + 1) if step > 0 else max(start + step * 4096, last - 1), step
        )
        await proc.write("".join(f"{number}\n" for number in block))
    return 0


@tool("/usr/bin/rev")
async def _rev(proc: Proc) -> int:
    inputs = Inputs(proc, proc.args)
    async for line in inputs.lines():
        await proc.write(line.decode(errors="surrogateescape").rstrip("\n")[::-1] + "\n")
    return inputs.status
