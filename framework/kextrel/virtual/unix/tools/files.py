"""Tools on files: cp, mv, rm, mkdir, rmdir, ln, touch, chmod, chown, mktemp, dd and their like."""

from __future__ import annotations

import errno
import posixpath
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from kextrel.virtual.unix.files import FileHandle
from kextrel.virtual.unix.fs import failure
from kextrel.virtual.unix.process import Exit, Proc
from kextrel.virtual.unix.registry import tool
from kextrel.virtual.unix.tools.modes import changed_mode
from kextrel.virtual.unix.tools.options import complain, getopt

__all__: list[str] = []

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _each(proc: Proc, paths: Iterable[str], do: Callable[[str], None]) -> int:
    """Does it to every path; complains of those where it fails and goes on."""
    status = 0
    for path in paths:
        try:
            do(path)
        except OSError as error:
            complain(proc, error, path if error.filename in (None, "", path) else str(error.filename))
            status = 1
    return status


def _usage(proc: Proc, text: str, operands: list[str], least: int) -> None:
    if len(operands) < least:
        raise Exit(64, f"usage: {proc.name} {text}")


# -- making and removing


@tool("/bin/mkdir")
async def _mkdir(proc: Proc) -> int:
    options, paths = getopt(proc, "pvm:")
    _usage(proc, "[-pv] [-m mode] directory_name ...", paths, 1)
    mode = changed_mode(options.get("m", "777"), 0o777, is_dir=True, umask=proc.umask)
    if mode is None:
        raise Exit(64, f"mkdir: invalid file mode: {options['m']}")

    def make(path: str) -> None:
        proc.fs.mkdir(path, mode=0o777, parents="p" in options)
        if "m" in options:
            proc.fs.chmod(path, mode or 0)

    return _each(proc, paths, make)


@tool("/bin/rmdir")
async def _rmdir(proc: Proc) -> int:
    _, paths = getopt(proc, "pv")
    _usage(proc, "[-pv] directory ...", paths, 1)
    return _each(proc, paths, proc.fs.rmdir)


@tool("/bin/rm", "/bin/unlink")
async def _rm(proc: Proc) -> int:
    options, paths = getopt(proc, "dfiIPRrvWx")
    if not paths and "f" not in options:
        raise Exit(64, "usage: rm [-f | -i] [-dIPRrvWx] file ...\n       unlink [--] file")
    recursive = bool(options.keys() & {"r", "R"})

    def remove(path: str) -> None:
        if posixpath.basename(path.rstrip("/")) in (".", "..") or proc.fs.absolute(path) == "/":
            raise OSError(errno.EINVAL, '"." and ".." may not be removed', path)
        try:
            is_dir = proc.fs.stat(path, follow=False).is_dir
        except FileNotFoundError:
            if "f" in options:
                return
            raise
        if is_dir and not recursive and "d" not in options:
            raise OSError(errno.EISDIR, "is a directory", path)
        if is_dir and recursive:
            proc.fs.remove_tree(path)
        elif is_dir:
            proc.fs.rmdir(path)
        else:
            proc.fs.unlink(path)

    return _each(proc, paths, remove)


@tool("/usr/bin/touch")
async def _touch(proc: Proc) -> int:
    options, paths = getopt(proc, "acfhmr:t:A:d:")
    _usage(proc, "[-A [-][[hh]mm]SS] [-achm] [-r file] [-t [[CC]YY]MMDDhhmm[.SS]] file ...", paths, 1)
    now = proc.fs.stat(options["r"]).mtime if "r" in options else proc.system.clock.now()
    now = _moment(options["t"]) if "t" in options else now

    def touch(path: str) -> None:
        if not proc.fs.exists(path):
            if "c" in options:
                return
            proc.fs.open(path, "a").close()
        proc.fs.utime(path, now)

    return _each(proc, paths, touch)


def _moment(text: str) -> float:
    """[[CC]YY]MMDDhhmm[.SS], in UTC as this Mac's clock is."""
    digits, _, seconds = text.partition(".")
    form = {8: "%m%d%H%M", 10: "%y%m%d%H%M", 12: "%Y%m%d%H%M"}.get(len(digits), "")
    try:
        moment = datetime.strptime(digits + (seconds or "00"), form + "%S").replace(tzinfo=UTC)
    except ValueError:
        raise Exit(1, "touch: out of range or illegal time specification: [[CC]YY]MMDDhhmm[.SS]") from None
    return moment.timestamp()


@tool("/bin/ln")
async def _ln(proc: Proc) -> int:
    options, paths = getopt(proc, "Ffhinsvw")
    _usage(proc, "[-s [-F] | -L | -P] [-f | -i] [-hnv] source_file [target_file]", paths, 1)
    *sources, target = paths if len(paths) > 1 else [*paths, posixpath.basename(paths[0])]
    keep_link = (
        options.keys() & {"h", "n"} and proc.fs.stat(target, follow=False).is_link if proc.fs.exists(target) else False
    )
    into = proc.fs.is_dir(target) and not keep_link

    def link(source: str) -> None:
        name = posixpath.join(target, posixpath.basename(source.rstrip("/"))) if into else target
        if "f" in options and proc.fs.place(name, follow=False).node is not None:
            proc.fs.unlink(name)
        (proc.fs.symlink if "s" in options else proc.fs.link)(source, name)

    return _each(proc, sources, link)


@tool("/usr/bin/mktemp")
async def _mktemp(proc: Proc) -> int:
    options, templates = getopt(proc, "dqut:p:")
    folder = proc.env.get("TMPDIR", "/tmp").rstrip("/")  # noqa: S108 - the virtual Mac's own
    template = templates[0] if templates else f"{folder}/{options.get('t', 'tmp')}.XXXXXXXXXX"
    stem = template.rstrip("X")
    count = len(template) - len(stem)
    path = stem + "".join(secrets.choice(_LETTERS) for _ in range(count))
    if "d" in options:
        proc.fs.mkdir(path, mode=0o700)
    else:
        proc.fs.open(path, "w", mode=0o600, exclusive=True).close()
    proc.out(path + "\n")
    return 0


# -- owners and modes


def _below(proc: Proc, path: str, *, recursive: bool) -> list[str]:
    return list(proc.fs.walk(path)) if recursive else [path]


@tool("/bin/chmod")
async def _chmod(proc: Proc) -> int:
    args = [arg for arg in proc.args if arg not in ("-R", "-h", "-f", "-v")]
    _usage(proc, "[-fhv] [-R [-H | -L | -P]] mode | ACE file ...", args, 2)
    wanted, paths = args[0], args[1:]

    def change(path: str) -> None:
        for one in _below(proc, path, recursive="-R" in proc.args):
            stat = proc.fs.stat(one)
            mode = changed_mode(wanted, stat.mode & 0o7777, is_dir=stat.is_dir, umask=proc.umask)
            if mode is None:
                raise Exit(1, f"chmod: Invalid file mode: {wanted}")
            proc.fs.chmod(one, mode)

    return _each(proc, paths, change)


@tool("/usr/sbin/chown", "/usr/bin/chgrp")
async def _chown(proc: Proc) -> int:
    options, args = getopt(proc, "fhnvRHLPx")
    _usage(proc, "[-fhnvx] [-R [-H | -L | -P]] owner[:group] file ...", args, 2)
    owner, _, group = ("", ":", args[0]) if proc.name == "chgrp" else args[0].partition(":")
    uid, gid = _owner(proc, owner), _group(proc, group)

    def change(path: str) -> None:
        for one in _below(proc, path, recursive="R" in options):
            proc.fs.chown(one, uid, gid, follow="h" not in options and "R" not in options)

    return _each(proc, args[1:], change)


def _owner(proc: Proc, name: str) -> int | None:
    if not name:
        return None
    user = proc.system.users.get(name)
    if user is None and not name.isdigit():
        raise Exit(1, f"{proc.name}: {name}: illegal user name")
    return user.uid if user else int(name)


def _group(proc: Proc, name: str) -> int | None:
    found = proc.system.users.group_id(name) if name else None
    if name and found is None:
        raise Exit(1, f"{proc.name}: {name}: illegal group name")
    return found


# -- copying and moving


@tool("/bin/cp")
async def _cp(proc: Proc) -> int:
    options, paths = getopt(proc, "aRrpfivnXcHLPl")
    _usage(proc, "[-R [-H | -L | -P]] [-fi | -n] [-aclpSsvXx] source_file target_file", paths, 2)
    *sources, target = paths
    into = proc.fs.is_dir(target)
    if len(sources) > 1 and not into:
        raise Exit(1, f"cp: {target} is not a directory")
    recursive = bool(options.keys() & {"a", "R", "r"})
    copier = _Copier(
        proc, recursive=recursive, keep=bool(options.keys() & {"a", "p"}), links=recursive and "L" not in options
    )

    def copy(source: str) -> None:
        name = (
            posixpath.join(target, posixpath.basename(source.rstrip("/")))
            if into and not source.endswith("/")
            else target
        )
        if "n" in options and proc.fs.exists(name):
            return
        copier.copy(source, name)

    return _each(proc, sources, copy)


class _Copier:
    """Copies trees: `keep` owners, modes and times; `links` as links."""

    def __init__(self, proc: Proc, *, recursive: bool, keep: bool, links: bool) -> None:
        self._proc, self._recursive, self._keep, self._links = proc, recursive, keep, links

    def copy(self, source: str, target: str) -> None:
        fs = self._proc.fs
        stat = fs.stat(source, follow=not self._links)
        if stat.is_link:
            fs.symlink(fs.readlink(source), target)
            return
        if not stat.is_dir:
            self._file(source, target, stat.mode & 0o777)
        elif self._recursive:
            self._folder(source, target, stat.mode & 0o777)
        else:
            raise OSError(errno.EISDIR, "is a directory (not copied).", source)
        if self._keep:
            self._copy_owner(source, target)

    def _file(self, source: str, target: str, mode: int) -> None:
        fs = self._proc.fs
        if fs.exists(target) and fs.stat(target).ino == fs.stat(source).ino:
            raise OSError(errno.EINVAL, f"{source} are identical (not copied).", target)
        fs.write_bytes(target, self._proc_read(source), mode=mode)

    def _proc_read(self, source: str) -> bytes:
        file = self._proc.open(source)
        if isinstance(file, FileHandle):
            return file.read_at(0, file.node.size)
        return b""

    def _folder(self, source: str, target: str, mode: int) -> None:
        fs = self._proc.fs
        if (fs.absolute(target) + "/").startswith(fs.absolute(source).rstrip("/") + "/"):
            raise failure(errno.EINVAL, target)
        if not fs.is_dir(target):
            fs.mkdir(target, mode=mode | 0o700)
        for name in fs.listdir(source):
            self.copy(posixpath.join(source, name), posixpath.join(target, name))

    def _copy_owner(self, source: str, target: str) -> None:
        fs = self._proc.fs
        stat = fs.stat(source)
        if self._proc.user.uid == 0:
            fs.chown(target, stat.uid, stat.gid)
        fs.chmod(target, stat.mode & 0o7777)
        fs.utime(target, stat.mtime)


@tool("/usr/bin/ditto")
async def _ditto(proc: Proc) -> int:
    """`ditto SOURCE TARGET`: the contents of one tree into another, owners and modes kept."""
    _, paths = getopt(proc, "vVX")
    _usage(proc, "[ <options> ] src [ ... src ] dst", paths, 2)
    *sources, target = paths
    copier = _Copier(proc, recursive=True, keep=True, links=True)
    return _each(proc, sources, lambda source: copier.copy(source, target))


@tool("/bin/mv")
async def _mv(proc: Proc) -> int:
    options, paths = getopt(proc, "finvh")
    _usage(proc, "[-f | -i | -n] [-hv] source target", paths, 2)
    *sources, target = paths
    into = proc.fs.is_dir(target)
    if len(sources) > 1 and not into:
        raise Exit(1, f"mv: {target} is not a directory")

    def move(source: str) -> None:
        name = posixpath.join(target, posixpath.basename(source.rstrip("/"))) if into else target
        if "n" in options and proc.fs.exists(name):
            return
        try:
            proc.fs.rename(source, name)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _Copier(proc, recursive=True, keep=True, links=True).copy(source, name)
            proc.fs.remove_tree(source)

    return _each(proc, sources, move)


# -- dd


def _size(text: str) -> int:
    units = {"b": 512, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    digits = text.rstrip("bkmgKMG")
    if not digits.isdigit():
        raise Exit(1, f"{text}: illegal numeric value")
    return int(digits) * units.get(text[len(digits) :], 1)


@tool("/bin/dd")
async def _dd(proc: Proc) -> int:
    """if= of= bs= count= skip= seek= conv=notrunc; three lines of counts on standard error."""
    options = dict(word.split("=", 1) for word in proc.args if "=" in word)
    block = _size(options.get("bs", "512"))
    count = _size(options["count"]) if "count" in options else None
    reading = proc.open(options["if"]) if "if" in options else proc.file(0).dup()
    keep = "notrunc" in options.get("conv", "") or "seek" in options
    writing = proc.open(options["of"], "w+" if keep else "w") if "of" in options else proc.file(1).dup()
    for file, word in ((reading, "skip"), (writing, "seek")):
        if isinstance(file, FileHandle):
            file.offset = block * _size(options.get(word, "0"))
    whole = part = total = 0
    while count is None or whole + part < count:
        data = await reading.read(block, proc)
        if not data:
            break
        whole, part, total = whole + (len(data) == block), part + (len(data) < block), total + len(data)
        await writing.room(proc)
        writing.write_now(data)
        await proc.breathe()
    reading.close()
    writing.close()
    proc.err(f"{whole}+{part} records in\n{whole}+{part} records out\n{total} bytes transferred in 0.000100 secs\n")
    return 0


@tool("/usr/bin/truncate")
async def _truncate(proc: Proc) -> int:
    options, paths = getopt(proc, "cs:r:")
    size = _size(options.get("s", "0"))

    def cut(path: str) -> None:
        if not proc.fs.exists(path):
            proc.fs.open(path, "w").close()
        proc.fs.truncate(path, size)

    return _each(proc, paths, cut)
