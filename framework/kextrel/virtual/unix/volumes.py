"""Volumes, who may do what on them, and how a path leads through them.

Three things refuse root too, and each has its own answer: the sealed system volume ("Read-only file system"), System
Integrity Protection ("Operation not permitted"), and, for reading as well, privacy (no Full Disk Access: "Operation not
permitted").
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from kextrel.virtual.unix.nodes import Directory, Link, Node
from kextrel.virtual.unix.users import User

__all__ = [
    "KERNEL",
    "NO_GUARDS",
    "Cred",
    "Guards",
    "Mounts",
    "Place",
    "Volume",
    "failure",
    "guards_of",
    "refuse_writing",
    "walk",
]

_MAX_LINKS = 32


def failure(number: int, path: str) -> OSError:
    """The OSError of that number, with its text and the path as the caller wrote it."""
    return OSError(number, os.strerror(number), path)


@dataclass(frozen=True)
class Cred:
    """Who asks. `kernel` passes every guard; `full_disk_access` passes privacy."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    full_disk_access: bool = False
    kernel: bool = False

    @classmethod
    def of(cls, user: User, *, full_disk_access: bool = False) -> Cred:
        """The credentials of a process of `user`."""
        return cls(user.uid, user.gid, user.groups, full_disk_access)

    def may(self, node: Node, wanted: int) -> bool:
        """Whether the permission bits let it read (4), write (2) or search (1)."""
        if self.uid == 0:
            return wanted != 1 or isinstance(node, Directory) or bool(node.mode & 0o111)
        shift = 6 if node.uid == self.uid else 3 if node.gid in (self.gid, *self.groups) else 0
        return (node.mode >> shift) & wanted == wanted


KERNEL = Cred(0, 0, (0,), full_disk_access=True, kernel=True)


@dataclass(frozen=True)
class Guards:
    """Path prefixes of one volume that macOS guards beyond permissions. `sealed` cannot be written, `protected` only
    with SIP off, save `open_again`; `private` cannot even be read without Full Disk Access."""

    sealed: tuple[str, ...] = ("/System", "/usr", "/bin", "/sbin")
    open_again: tuple[str, ...] = ("/usr/local", "/System/Volumes")
    protected: tuple[str, ...] = (
        "/Library/Apple", "/Library/StagedExtensions", "/Library/SystemExtensions", "/Library/KernelCollections",
        "/private/var/db/SystemPolicyConfiguration",
        "/private/var/db/KernelExtensionManagement", "/private/var/db/ConfigurationProfiles",
    )  # fmt: skip
    private: tuple[str, ...] = ("/private/var/db/SystemPolicyConfiguration",)


NO_GUARDS = Guards((), (), (), ())
_READ_ONLY_SINCE, _PRIVACY_SINCE = (10, 15), (10, 14)


def guards_of(release: tuple[int, ...]) -> Guards:
    """Those of a release of macOS. The system volume is read-only from 10.15 on, sealed from 11; before, System
    Integrity Protection alone keeps the system. Full Disk Access came with 10.14."""
    guards = Guards()
    if release < _READ_ONLY_SINCE:
        guards = replace(guards, sealed=(), protected=(*guards.sealed, *guards.protected))
    return guards if release >= _PRIVACY_SINCE else replace(guards, private=())


@dataclass
class Volume:
    """A tree of nodes with a name. It lives as long as somebody holds it: a disk's over restarts, a ramdisk's not."""

    name: str
    root: Directory
    guards: Guards = NO_GUARDS


@dataclass
class Mounts:
    """Which volume is where, shared by all views. `covered`: a directory's inode number -> what is mounted over it."""

    root: Volume
    now: Callable[[], float]
    sip: bool = True
    covered: dict[int, Volume] = field(default_factory=dict)


class Place(NamedTuple):
    """Where a path leads: `node` is None when `parent` has no such name. `inside` is the path in `volume`."""

    path: str
    volume: Volume
    inside: str
    parent: Directory
    name: str
    node: Node | None


def _under(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


class _Walk:
    """Follows one path from the root, name by name, through mounts and links, as `cred`.

    Every command of a script walks a dozen paths, so a step is no more than the directory that it is at, with its name
    and its volume (and the step at which that begins); where it is, is put together at the end.
    """

    def __init__(self, mounts: Mounts, cred: Cred, said: str) -> None:
        self._mounts, self._cred, self._said = mounts, cred, said
        self._free = cred.kernel or cred.uid == 0  # may search every directory
        self._names: list[str] = []
        self._stack: list[tuple[Directory, Volume, int]] = [(mounts.root.root, mounts.root, 0)]
        self._links = 0

    def go(self, names: list[str], *, follow: bool) -> Place:
        names.reverse()
        covered, stack = self._mounts.covered, self._stack
        while names:
            name, (here, volume, root) = names.pop(), stack[-1]
            if not self._free and not self._cred.may(here, 1):
                raise failure(errno.EACCES, self._said)
            node = here.entries.get(name)
            if isinstance(node, Directory):
                self._names.append(name)
                mounted = covered.get(node.ino) if covered else None
                stack.append((mounted.root, mounted, len(stack)) if mounted else (node, volume, root))
            elif name == "..":
                self._back()
            elif isinstance(node, Link) and (names or follow):
                self._link(node, names)
            elif name != ".":
                return self._leaf(name, node, names)
        return self._here()

    def _here(self) -> Place:
        node, volume, root = self._stack[-1]
        parent = self._stack[-2][0] if len(self._stack) > 1 else node
        name = self._names[-1] if self._names else ""
        return Place("/" + "/".join(self._names), volume, self._inside(root), parent, name, node)

    def _inside(self, root: int) -> str:
        """The path in the volume whose root is that step."""
        return "".join([f"/{name}" for name in self._names[root:]])

    def _back(self) -> None:
        if self._names:
            self._stack.pop()
            self._names.pop()

    def _leaf(self, name: str, node: Node | None, beyond: list[str]) -> Place:
        if beyond:
            raise failure(errno.ENOTDIR if node else errno.ENOENT, self._said)
        parent, volume, root = self._stack[-1]
        return Place("/" + "/".join([*self._names, name]), volume, f"{self._inside(root)}/{name}", parent, name, node)

    def _link(self, link: Link, names: list[str]) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise failure(errno.ELOOP, self._said)
        if link.target.startswith("/"):
            del self._stack[1:], self._names[:]
        names.extend(reversed([name for name in link.target.split("/") if name]))


def walk(mounts: Mounts, cred: Cred, path: str, said: str, *, follow: bool = True) -> Place:
    """Where the absolute `path` leads. Only the last name may be missing; `said` is the path that an error quotes."""
    if not path:
        raise failure(errno.ENOENT, said)
    names = [name for name in path.split("/") if name and name != "."]
    place = _Walk(mounts, cred, said).go(names, follow=follow or path.endswith(("/", "/.")))
    if not cred.kernel and not cred.full_disk_access and _under(place.inside, place.volume.guards.private):
        raise failure(errno.EPERM, said)
    return place


def refuse_writing(mounts: Mounts, cred: Cred, place: Place, said: str) -> None:
    """Raises when a guard forbids a change at `place`, whatever the permission bits say."""
    guards = place.volume.guards
    if cred.kernel:
        return
    if _under(place.inside, guards.open_again):
        return
    if _under(place.inside, guards.sealed):
        raise failure(errno.EROFS, said)
    if mounts.sip and _under(place.inside, guards.protected):
        raise failure(errno.EPERM, said)
