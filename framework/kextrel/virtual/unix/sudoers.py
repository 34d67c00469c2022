"""sudoers(5), as far as a bench needs it: who may run what, and whether the password is asked. Read from the disk.

    root  ALL = (ALL) ALL
    %admin ALL = (ALL) NOPASSWD: ALL
    @includedir /private/etc/sudoers.d

A file that others than root may write is not read, one with a mistake stops sudo altogether.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kextrel.virtual.unix.fs import FileSystem
from kextrel.virtual.unix.host import Host
from kextrel.virtual.unix.users import User, Users

__all__ = ["FOLDER", "MAIN", "BadSudoers", "Entry", "entries", "furnish", "parse", "rights"]

MAIN, FOLDER = "/private/etc/sudoers", "/private/etc/sudoers.d"
_BENCH = f"{FOLDER}/bench"
_LINE = re.compile(
    r"(?P<who>%?[\w.-]+)\s+(?P<host>[\w.-]+)\s*=\s*(?:\((?P<as>[^)]*)\)\s*)?(?P<free>NOPASSWD:\s*)?ALL\Z"
)
_INCLUDE = re.compile(r"[@#]includedir\s+(?P<folder>/\S+)\Z")
_LARGEST, _MOST = 1 << 16, 64


class BadSudoers(Exception):
    """A line that is none of sudoers(5): sudo stops at it. `number` is its line, from 1."""

    def __init__(self, path: str, number: int) -> None:
        self.path, self.number = path, number
        super().__init__(f"{path}:{number}: syntax error")


@dataclass(frozen=True)
class Entry:
    """`who`: a user, or %group. `free`: the password is not asked."""

    who: str
    runs_as: str
    free: bool

    def is_for(self, user: User, users: Users) -> bool:
        if not self.who.startswith("%"):
            return self.who in (user.name, "ALL")
        return users.group_id(self.who[1:]) in user.groups

    @property
    def words(self) -> str:
        """As `sudo -l` prints it."""
        return f"({self.runs_as}) {'NOPASSWD: ' if self.free else ''}ALL"


def furnish(disk: FileSystem, host: Host) -> None:
    """What a Mac comes with; and what was put there where somebody prepared it for a bench (PREP-02)."""
    disk.mkdir(FOLDER, parents=True)
    main = f"root\t\tALL = (ALL) ALL\n%admin\t\tALL = (ALL) ALL\n\n@includedir {FOLDER}\n"
    disk.write_bytes(MAIN, main.encode(), mode=0o440)
    if host.spec.has("PREP-02"):
        disk.write_bytes(_BENCH, b"%admin\t\tALL = (ALL) NOPASSWD: ALL\n", mode=0o440)


def rights(disk: FileSystem, user: User, users: Users) -> list[Entry]:
    """What `user` may do, in the order of the files; the last one counts. `disk` is root's view. Raises BadSudoers."""
    return [entry for entry in entries(disk) if entry.is_for(user, users)]


def entries(disk: FileSystem) -> Iterator[Entry]:
    """Every line of every file that sudo reads. Raises BadSudoers."""
    for path in (MAIN, *_included(disk)):
        stat = disk.stat(path)
        if stat.uid == 0 and not stat.mode & 0o022:
            yield from parse(disk.read_bytes(path)[:_LARGEST].decode(errors="replace"), path)


@lru_cache(maxsize=64)
def parse(text: str, path: str) -> tuple[Entry, ...]:
    """The entries of one file. Raises BadSudoers at the first line that is none."""
    return tuple(_parsed(text, path))


def _parsed(text: str, path: str) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or _INCLUDE.match(line) or line.startswith(("#", "Defaults")):
            continue
        found = _LINE.match(line)
        if found is None:
            raise BadSudoers(path, number)
        yield Entry(found["who"], found["as"] or "root", found["free"] is not None)


def _included(disk: FileSystem) -> Sequence[str]:
    """Names with a dot, or a tilde at their end, are passed over [sudoers(5)]."""
    names = sorted(disk.listdir(FOLDER)) if disk.is_dir(FOLDER) else []
    return [f"{FOLDER}/{name}" for name in names if "." not in name and not name.endswith("~")][:_MOST]
