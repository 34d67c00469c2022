"""The files of a bundle or of an archive, as a map that nothing leads out of.

Names are relative, in POSIX form. Links are kept as text and resolved in the map, never by the file system, so that
none is ever followed. What an archive holds is written to numbered files in one folder: a name in it names no path.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kextrel.bundles.reading.refusal import Refused

__all__ = ["MOST_BYTES", "MOST_ENTRIES", "Budget", "Tree", "survey"]

MOST_BYTES = 1 << 30  # of everything that is looked at, unpacked
MOST_ENTRIES = 100_000
_DEEPEST, _LONGEST = 64, 1024  # folders in folders, and bytes of a name
_HOPS = 32  # links that lead to links
_TOO_LARGE = "name the kext or the extension in it, by itself"


@dataclass
class Budget:
    """What may still be read of one file, whatever is packed in what."""

    bytes: int = MOST_BYTES
    entries: int = MOST_ENTRIES

    def take(self, size: int) -> None:
        """Counts `size` more bytes. Raises Refused where they are too many."""
        self.refuse(size)
        self.bytes -= size

    def refuse(self, size: int) -> None:
        """Raises Refused where `size` more bytes would be too many."""
        if size > self.bytes:
            raise Refused(f"it holds more than {MOST_BYTES >> 20} MiB, unpacked", _TOO_LARGE)

    def take_entry(self) -> None:
        self.entries -= 1
        if self.entries < 0:
            raise Refused(f"it holds more than {MOST_ENTRIES} files", _TOO_LARGE)


@dataclass
class Tree:
    """Files, folders and links by name. `store` is an empty folder for the content of what is added; None: nothing
    is added."""

    budget: Budget
    store: Path | None = None
    files: dict[str, Path] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    _digests: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def add_folder(self, name: str) -> None:
        """As an archive names it. Raises Refused as `add_file`."""
        self.budget.take_entry()
        inside = _checked(name)
        if inside:
            self._refuse_taken(inside, but_folders=True)
            self._have_folder(inside)

    def add_link(self, name: str, target: str) -> None:
        """Keeps a link, wherever it leads: whether it leads out of a bundle is asked of the bundle."""
        self.links[self._new(name)] = target

    def add_file(self, name: str, content: Iterable[bytes]) -> None:
        """Writes `content` to a numbered file. Raises Refused for a name that leads out, or that is taken, and where
        the budget is spent."""
        assert self.store is not None
        inside = self._new(name)
        self.files[inside] = path = self.store / str(len(self.files))
        with path.open("xb") as file:
            for chunk in content:
                self.budget.take(len(chunk))
                file.write(chunk)

    def read(self, name: str, within: str, limit: int) -> bytes | None:
        """The content of `name` inside the bundle `within`, through links that stay in it; None where it is not there.

        Raises Refused where it is more than `limit` bytes, or where a link leads out.
        """
        path = self.files.get(self.resolve(name, within))
        if path is None:
            return None
        with path.open("rb") as file:
            found = file.read(limit + 1)
        if len(found) > limit:
            raise Refused(f"'{name}' is larger than {limit >> 20} MiB")
        return found

    def digest(self, name: str, algorithm: str) -> bytes:
        """The hash of a file that is in `files`, however large; made once, for bundles in bundles seal it each."""
        known = self._digests.get((name, algorithm))
        if known is None:
            with self.files[name].open("rb") as file:
                made = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
            known = self._digests[name, algorithm] = made.digest()
        return known

    def resolve(self, name: str, within: str) -> str:
        """Where `name` leads, links followed. Raises Refused for a link out of the folder `within` and for a circle."""
        at, hops = name, 0
        while (link := self._link_on(at)) is not None:
            hops += 1
            if hops > _HOPS:
                raise Refused(f"the link '{name}' goes round in circles")
            at = self._followed(link, at, within)
        return at

    def _link_on(self, name: str) -> str | None:
        """The first link on the way to `name`."""
        parts = name.split("/")
        ways = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        return next((way for way in ways if way in self.links), None)

    def _followed(self, link: str, name: str, within: str) -> str:
        target = self.links[link]
        led = posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
        if target.startswith("/") or not _inside(led, within):
            raise Refused(f"the link '{link}' leads out of the bundle, to '{target}'")
        if _inside(link, led):
            raise Refused(f"the link '{link}' leads back to the folder that it lies in, to '{target}'")
        return led + name[len(link) :]

    def below(self, folder: str) -> Iterator[str]:
        """The names of all files in `folder`, at any depth."""
        return (name for name in self.files if _inside(name, folder))

    def refuse_links_out_of(self, bundle: str) -> None:
        """Raises Refused for a link in the bundle that leads out of it, or nowhere but in circles."""
        for link in self.links:
            if _inside(link, bundle):
                self.resolve(link, bundle)

    def _new(self, name: str) -> str:
        self.budget.take_entry()
        inside = _checked(name)
        self._refuse_taken(inside)
        if posixpath.dirname(inside):
            self._have_folder(posixpath.dirname(inside))
        return inside

    def _have_folder(self, name: str) -> None:
        while name and name not in self.folders:
            self._refuse_taken(name, but_folders=True)
            self.folders.add(name)
            name = posixpath.dirname(name)

    def _refuse_taken(self, name: str, *, but_folders: bool = False) -> None:
        if not name or name in self.files or name in self.links or (name in self.folders and not but_folders):
            raise Refused(f"it holds two things that are named '{name or '.'}'")


def survey(root: Path, budget: Budget) -> Tree:
    """The folder `root` of this machine under its own name, links not followed.

    Raises Refused for a device, a pipe or a socket in it, and for more than a bundle can be.
    """
    tree = Tree(budget, folders={root.name})
    waiting = [root.name]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root.parent / folder) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                name = f"{folder}/{entry.name}"
                if _surveyed(tree, entry, name):
                    waiting.append(name)
    return tree


def _surveyed(tree: Tree, entry: os.DirEntry[str], name: str) -> bool:
    """Takes one entry into the tree; whether it is a folder, to be looked into."""
    tree.budget.take_entry()
    _checked(name)
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        tree.links[name] = str(Path(entry.path).readlink())
    elif stat.S_ISREG(mode):
        tree.budget.take(entry.stat(follow_symlinks=False).st_size)
        tree.files[name] = Path(entry.path)
    elif stat.S_ISDIR(mode):
        tree.folders.add(name)
        return True
    else:
        raise Refused(f"'{name}' is a device, a pipe or a socket")
    return False


def _checked(name: str) -> str:
    """`name` without its "./" and doubled strokes. Raises Refused for one that leads out, or that no Mac can have."""
    if "\0" in name or len(name.encode("utf-8", "surrogateescape")) > _LONGEST:
        raise Refused("it holds a name that no file can have")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise Refused(f"it holds '{name}', a path that leads out of it")
    if len(parts) > _DEEPEST:
        raise Refused(f"its folders lie more than {_DEEPEST} deep")
    return "/".join(parts)


def _inside(name: str, folder: str) -> bool:
    """Whether `name` is `folder` or lies in it."""
    return name == folder or name.startswith(folder + "/")
