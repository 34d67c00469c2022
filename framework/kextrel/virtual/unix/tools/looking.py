"""Tools that look at files: ls, stat, readlink, realpath, basename, dirname, cmp."""

from __future__ import annotations

import posixpath
import re
import stat
import time

from kextrel.virtual.unix.nodes import Stat
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool
from kextrel.virtual.unix.tools.modes import shown_mode
from kextrel.virtual.unix.tools.options import complain, getopt

__all__: list[str] = []

_HALF_A_YEAR = 182 * 86400


# -- ls


@tool("/bin/ls")
async def _ls(proc: Proc) -> int:
    options, paths = getopt(proc, "1AaCdFGhilnoOpRrStTux@%eHLPs")
    listing = _Listing(proc, options)
    return await listing.all(paths or ["."])


class _Listing:
    def __init__(self, proc: Proc, options: dict[str, str]) -> None:
        self._proc, self._options, self._status = proc, options, 0
        self._shown = 0

    async def all(self, paths: list[str]) -> int:
        files: list[str] = []
        folders: list[str] = []
        for path in paths:
            try:
                found = self._proc.fs.stat(path, follow="l" not in self._options)
            except OSError as error:
                try:
                    found = self._proc.fs.stat(path, follow=False)
                except OSError:
                    complain(self._proc, error, path)
                    self._status = 1
                    continue
            (folders if found.is_dir and "d" not in self._options else files).append(path)
        await self._rows("", self._ordered("", files))
        self._shown += bool(files)
        for folder in self._ordered("", folders):
            await self._folder(folder, named=len(paths) > 1 or "R" in self._options)
        return self._status

    async def _folder(self, folder: str, *, named: bool) -> None:
        try:
            names = self._proc.fs.listdir(folder)
        except OSError as error:
            complain(self._proc, error, folder)
            self._status = 1
            return
        if named and (self._shown or "R" not in self._options):
            self._proc.out(("\n" if self._shown else "") + f"{folder}:\n")
        self._shown += 1
        if "a" in self._options:
            names = [".", "..", *names]
        elif "A" not in self._options:
            names = [name for name in names if not name.startswith(".")]
        names = self._ordered(folder, names)
        if self._options.keys() & {"l", "n", "o"}:
            blocks = sum(self._stat(folder, name).blocks for name in names)
            self._proc.out(f"total {blocks}\n")
        await self._rows(folder, names)
        if "R" in self._options:
            for name in names:
                if name not in (".", "..") and self._stat(folder, name).is_dir:
                    await self._folder(posixpath.join(folder, name), named=True)

    def _stat(self, folder: str, name: str) -> Stat:
        return self._proc.fs.stat(posixpath.join(folder, name), follow=False)

    def _ordered(self, folder: str, names: list[str]) -> list[str]:
        names = sorted(names)
        if "t" in self._options:
            names.sort(key=lambda name: -self._stat(folder, name).mtime)
        if "S" in self._options:
            names.sort(key=lambda name: -self._stat(folder, name).size)
        return names[::-1] if "r" in self._options else names

    async def _rows(self, folder: str, names: list[str]) -> None:
        stats = [self._stat(folder, name) for name in names]
        long = bool(self._options.keys() & {"l", "n", "o"})
        widths = self._widths(stats) if long else (0, 0, 0, 0)
        for name, found in zip(names, stats, strict=True):
            row = f"{found.ino} " if "i" in self._options else ""
            row += self._long(folder, name, found, widths) if long else name + self._mark(found)
            await self._proc.write(row + "\n")

    def _mark(self, found: Stat) -> str:
        if found.is_dir and self._options.keys() & {"F", "p"}:
            return "/"
        if "F" not in self._options:
            return ""
        return "@" if found.is_link else "*" if found.is_file and found.mode & 0o111 else ""

    def _people(self, found: Stat) -> tuple[str, str]:
        if "n" in self._options:
            return str(found.uid), str(found.gid)
        users = self._proc.system.users
        user = users.by_uid(found.uid)
        return (user.name if user else str(found.uid)), users.group_name(found.gid)

    def _size(self, found: Stat) -> str:
        if stat.S_ISCHR(found.mode):
            return "0x3000002"
        size, units = float(found.size), "BKMGT"
        if "h" not in self._options:
            return str(found.size)
        while size >= 1024:
            size, units = size / 1024, units[1:]
        return f"{size:.0f}{units[0]}" if size >= 10 or units[0] == "B" else f"{size:.1f}{units[0]}"

    def _widths(self, stats: list[Stat]) -> tuple[int, int, int, int]:
        people = [self._people(found) for found in stats] or [("", "")]
        links = max((len(str(found.nlink)) for found in stats), default=0)
        sizes = max((len(self._size(found)) for found in stats), default=0)
        return links, max(len(one) for one, _ in people), max(len(two) for _, two in people), sizes

    def _long(self, folder: str, name: str, found: Stat, widths: tuple[int, int, int, int]) -> str:
        owner, group = self._people(found)
        links, owners, groups, sizes = widths
        middle = f"{owner:<{owners}}  " + ("" if "o" in self._options else f"{group:<{groups}}  ")
        flags = "-  " if "O" in self._options else ""
        head = f"{shown_mode(found.mode)} {found.nlink:{links + 1}} {middle}{flags}{self._size(found):>{sizes}}"
        arrow = f" -> {self._proc.fs.readlink(posixpath.join(folder, name))}" if found.is_link else ""
        return f"{head} {self._when(found.mtime)} {name}{self._mark(found)}{arrow}"

    def _when(self, mtime: float) -> str:
        moment = time.gmtime(mtime)
        if "T" in self._options:
            return time.strftime("%b %e %H:%M:%S %Y", moment)
        recent = abs(self._proc.system.clock.now() - mtime) < _HALF_A_YEAR
        return time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", moment)


# -- stat


def _kind(found: Stat) -> str:
    kinds = {stat.S_IFDIR: "Directory", stat.S_IFREG: "Regular File", stat.S_IFLNK: "Symbolic Link"}
    return kinds.get(stat.S_IFMT(found.mode), "Character Device")


@tool("/usr/bin/stat")
async def _stat(proc: Proc) -> int:
    """-f FORMAT with %N %z %m %u %g %Su %Sg %p %Lp %Sp %HT %i %l %b %Sm; -x, -L, -n, -t, and the one-line form."""
    options, paths = getopt(proc, "FLnqlrsxf:t:")
    form = options.get("f", '%d %i %Sp %l %Su %Sg %r %z "%Sa" "%Sm" "%Sc" "%SB" %k %b 0 %N')
    status = 0
    for path in paths:
        try:
            found = proc.fs.stat(path, follow="L" in options)
        except OSError as error:
            if "q" not in options:
                proc.err(f"stat: {path}: stat: {error.strerror}\n")
            status = 1
            continue
        text = _filled(proc, form, path, found, options.get("t", "%b %e %H:%M:%S %Y"))
        proc.out(text + ("" if "n" in options else "\n"))
    return status


def _filled(proc: Proc, form: str, path: str, found: Stat, when: str) -> str:
    user = proc.system.users.by_uid(found.uid)
    moment = time.strftime(when, time.gmtime(found.mtime))
    seconds = str(int(found.mtime))
    known = {
        "N": path,
        "z": str(found.size),
        "Su": user.name if user else str(found.uid),
        "u": str(found.uid),
        "g": str(found.gid),
        "Sg": proc.system.users.group_name(found.gid),
        "p": f"{found.mode:o}",
        "Lp": f"{found.mode & 0o777:o}",
        "OLp": f"{found.mode & 0o777:o}",
        "Mp": f"{found.mode >> 9 & 7:o}",
        "Sp": shown_mode(found.mode),
        "HT": _kind(found),
        "T": {"Directory": "/", "Symbolic Link": "@"}.get(_kind(found), ""),
        "i": str(found.ino),
        "l": str(found.nlink),
        "b": str(found.blocks),
        "k": "4096",
        "d": "16777234",
        "r": "0",
        "n": "\n",
        "t": "\t",
        "%": "%",
        "Y": proc.fs.readlink(path) if found.is_link else "",
        "SY": f" -> {proc.fs.readlink(path)}" if found.is_link else "",
        **{f"S{letter}": moment for letter in "amcB"},
        **dict.fromkeys("amcB", seconds),
        "A": "",
        "Sf": "-",
        "f": "0",
    }

    def replaced(match: re.Match[str]) -> str:
        return known.get(match.group(2), match.group())

    return re.sub(r"%([-+#0 ]?\d*(?:\.\d+)?)([SHLMO]{0,2}[a-zA-Z%])", replaced, form)


# -- names


@tool("/usr/bin/readlink")
async def _readlink(proc: Proc) -> int:
    options, paths = getopt(proc, "fn")
    try:
        found = [proc.fs.real(path) if "f" in options else proc.fs.readlink(path) for path in paths]
    except OSError:
        return 1
    proc.out("".join(path + ("" if "n" in options else "\n") for path in found))
    return 0


@tool("/bin/realpath", "/usr/bin/realpath")
async def _realpath(proc: Proc) -> int:
    _, paths = getopt(proc, "q")
    for path in paths or ["."]:
        proc.fs.stat(path)
        proc.out(proc.fs.real(path) + "\n")
    return 0


@tool("/usr/bin/basename")
async def _basename(proc: Proc) -> int:
    if not proc.args:
        raise Exit(1, "usage: basename string [suffix]\n       basename [-a] [-s suffix] string [...]")
    options, names = getopt(proc, "as:")
    every = bool(options)
    suffix = options.get("s", "" if every or len(names) < 2 else names[1])
    for name in names if every else names[:1]:
        last = posixpath.basename(name.rstrip("/")) or ("/" if name else "")
        proc.out((last.removesuffix(suffix) if last != suffix else last) + "\n")
    return 0


@tool("/usr/bin/dirname")
async def _dirname(proc: Proc) -> int:
    if not proc.args:
        raise Exit(1, "usage: dirname string [...]")
    for name in proc.args:
        proc.out((posixpath.dirname(name.rstrip("/")) or ("/" if name.startswith("/") else ".")) + "\n")
    return 0


@tool("/usr/bin/cmp")
async def _cmp(proc: Proc) -> int:
    options, paths = getopt(proc, "lsz", code=2)
    try:
        first, second = (proc.fs.read_bytes(path) for path in paths[:2])
    except (OSError, ValueError) as error:
        raise Exit(2, f"cmp: {error}") from None
    if first == second:
        return 0
    place = next((index for index, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), None)
    if "s" not in options:
        line = first[: place or 0].count(b"\n") + 1
        known = f"{paths[0]} {paths[1]} differ: char {(place or 0) + 1}, line {line}"
        proc.out(
            (known if place is not None else f"cmp: EOF on {paths[0] if len(first) < len(second) else paths[1]}") + "\n"
        )
    return 1
