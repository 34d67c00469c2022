"""From a name to what runs: PATH, permissions, program files, scripts.

A program file of macOS is a stub here: the head of a Mach-O executable and the path of the tool that it stands for. A
copy of it is therefore the same program, wherever it lies.
"""

from __future__ import annotations

import errno
import os

from kextrel.virtual.unix.fs import FileSystem, failure
from kextrel.virtual.unix.process import TOOLS, Main, Proc

__all__ = ["NotFound", "image", "load", "look_up"]

_MAGIC = b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01\x02\x00\x00\x80\x02\x00\x00\x00kextrel-tool:"
_MACH_O = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xce\xfa\xed\xfe")
_MAX_INTERPRETERS = 4


class NotFound(Exception):
    """No such command: `code` is 127, or 126 for a file that is there and cannot be run; `text` says why."""

    def __init__(self, name: str, code: int, text: str) -> None:
        self.name, self.code, self.text = name, code, text
        super().__init__(f"{name}: {text}")


def image(path: str) -> bytes:
    """The contents of the program file of the tool at `path`."""
    return _MAGIC + path.encode() + b"\0"


def look_up(name: str, fs: FileSystem, path: str) -> str:
    """The file that `name` means: itself when it has a slash, else the first on `path` that can be run."""
    if "/" in name:
        return _runnable(name, fs)
    for folder in path.split(":"):
        found = f"{folder or '.'}/{name}"
        if fs.is_file(found) and fs.may(found, 1):
            return found
    raise NotFound(name, 127, "command not found")


def _runnable(name: str, fs: FileSystem) -> str:
    try:
        stat = fs.stat(name)
    except OSError as error:
        raise NotFound(name, 127 if error.errno == errno.ENOENT else 126, str(error.strerror)) from None
    if stat.is_dir:
        raise NotFound(name, 126, "is a directory")
    if not fs.may(name, 1):
        raise NotFound(name, 126, os.strerror(errno.EACCES))
    return name


def load(proc: Proc, path: str) -> Main:
    """What executing the file `path` in `proc` runs; argv changes when it is a script. ENOEXEC for what is neither."""
    for _ in range(_MAX_INTERPRETERS):
        data = (
            proc.fs.read_bytes(path)[:4096]
            if proc.cred.uid
            else proc.system.fs.seen_by(proc.cred, cwd=proc.cwd).read_bytes(path)[:4096]
        )
        if data.startswith(_MAGIC):
            return _tool(data, path)
        if not data.startswith(b"#!"):
            raise (
                failure(errno.ENOEXEC, path)
                if not data.startswith(_MACH_O)
                else OSError(86, "Bad CPU type in executable", path)
            )
        words = data[2:].split(b"\n", 1)[0].decode(errors="replace").strip().split(None, 1)
        if not words:
            raise failure(errno.ENOEXEC, path)
        proc.argv = [*words, path, *proc.argv[1:]]
        path = words[0]
    raise failure(errno.ELOOP, path)


def _tool(data: bytes, path: str) -> Main:
    name = data[len(_MAGIC) :].split(b"\0", 1)[0].decode()
    if name not in TOOLS:
        raise OSError(86, "Bad CPU type in executable", path)
    return TOOLS[name].main
