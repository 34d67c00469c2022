"""find: a walk over a tree with checks and actions."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Callable

from kextrel.virtual.unix.nodes import Stat
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool
from kextrel.virtual.unix.tools.options import complain, whole_number

__all__: list[str] = []

Check = Callable[[str, Stat], bool]


@tool("/usr/bin/find")
async def _find(proc: Proc) -> int:
    """-name -iname -path -type -maxdepth -mindepth -user -newer -perm -empty, `!`, -o, -print -print0 -delete -exec."""
    args = list(proc.args)
    paths = []
    while args and not args[0].startswith(("-", "!", "(")):
        paths.append(args.pop(0))
    if not paths:
        raise Exit(1, "usage: find [-H | -L | -P] [-EXdsx] [-f path] path ... [expression]")
    walk = _Walk(proc, args)
    status = 0
    for path in paths:
        try:
            await walk.go(path)
        except OSError as error:
            complain(proc, error, path)
            status = 1
    return status or walk.status


def _is_type(found: Stat, letter: str) -> bool:
    return {"f": found.is_file, "d": found.is_dir, "l": found.is_link}.get(letter, False)


class _Walk:
    """One expression of find: alternatives (`-o`) of lists of checks and actions."""

    def __init__(self, proc: Proc, args: list[str]) -> None:
        self._proc, self.status = proc, 0
        self._low, self._high, self._depth = 0, 1 << 30, False
        self._alternatives: list[list[object]] = [[]]
        self._acts = False
        while args:
            self._word(args)
        if not self._acts:
            for alternative in self._alternatives:
                alternative.append(self._printer("\n"))

    def _word(self, args: list[str], *, negated: bool = False) -> None:
        word = args.pop(0)
        if word in ("!", "-not"):
            self._word(args, negated=True)
        elif word in ("-maxdepth", "-mindepth"):
            depth = whole_number(self._proc, args.pop(0), "depth")
            self._low, self._high = (depth, self._high) if word == "-mindepth" else (self._low, depth)
        elif word in ("-o", "-or"):
            self._alternatives.append([])
        elif word in ("-print", "-print0", "-delete", "-exec"):
            self._action(word, args)
        elif word not in ("-a", "-and", "(", ")"):
            check = self._check(word, args)
            self._alternatives[-1].append((lambda path, found: not check(path, found)) if negated else check)

    def _check(self, word: str, args: list[str]) -> Check:
        checks: dict[str, Callable[[str], Check]] = {
            "-name": lambda value: lambda path, _: fnmatch.fnmatchcase(posixpath.basename(path.rstrip("/")), value),
            "-iname": lambda value: lambda path, _: fnmatch.fnmatch(posixpath.basename(path).lower(), value.lower()),
            "-path": lambda value: lambda path, _: fnmatch.fnmatchcase(path, value),
            "-type": lambda value: lambda _, found: _is_type(found, value),
            "-user": lambda value: lambda _, found: found.uid == self._uid(value),
            "-newer": lambda value: lambda _, found: found.mtime > self._proc.fs.stat(value).mtime,
            "-perm": lambda value: lambda _, found: found.mode & 0o7777 == int(value, 8),
        }
        if word == "-empty":
            return lambda path, found: not self._proc.fs.listdir(path) if found.is_dir else found.size == 0
        if word not in checks:
            raise Exit(1, f"find: {word}: unknown primary or operator")
        if not args:
            raise Exit(1, f"find: {word}: requires additional arguments")
        return checks[word](args.pop(0))

    def _uid(self, name: str) -> int | None:
        user = self._proc.system.users.get(name)
        return user.uid if user else None

    def _printer(self, end: str) -> Check:
        def show(path: str, _: Stat) -> bool:
            self._proc.out(path + end)
            return True

        return show

    def _action(self, word: str, args: list[str]) -> None:
        self._acts = True
        if word == "-delete":
            self._depth = True
            self._alternatives[-1].append(self._delete)
        elif word == "-exec":
            end = next((index for index, arg in enumerate(args) if arg in (";", "+")), None)
            if end is None:
                raise Exit(1, 'find: -exec: no terminating ";" or "+"')
            self._alternatives[-1].append(args[:end])
            del args[: end + 1]
        else:
            self._alternatives[-1].append(self._printer("\0" if word == "-print0" else "\n"))

    def _delete(self, path: str, found: Stat) -> bool:
        (self._proc.fs.rmdir if found.is_dir else self._proc.fs.unlink)(path)
        return True

    async def go(self, path: str, depth: int = 0) -> None:
        """`path` and what is below it."""
        await self._proc.breathe()
        found = self._proc.fs.stat(path, follow=False)
        if not self._depth:
            await self._judge(path, found, depth)
        if found.is_dir and depth < self._high:
            try:
                names = self._proc.fs.listdir(path)
            except OSError as error:
                complain(self._proc, error, path)
                self.status, names = 1, []
            for name in names:
                await self.go(f"{path.rstrip('/')}/{name}" if path != "/" else f"/{name}", depth + 1)
        if self._depth:
            await self._judge(path, found, depth)

    async def _judge(self, path: str, found: Stat, depth: int) -> None:
        if self._low <= depth <= self._high:
            for alternative in self._alternatives:
                if await self._holds(alternative, path, found):
                    return

    async def _holds(self, steps: list[object], path: str, found: Stat) -> bool:
        for step in steps:
            if isinstance(step, list):
                held = await self._proc.run(*[word.replace("{}", path) for word in step]) == 0
            else:
                assert callable(step)
                held = step(path, found)
            if not held:
                return False
        return True
