"""From a name to what runs: PATH, permissions, program files, scripts.

A program file of macOS is a stub here: the head of a Mach-O executable and the path of the tool that it stands for. A
copy of it is therefore the same program, wherever it lies. What a whole Mach-O does is known by who registered for it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from kextrel.virtual.unix.fs import FileSystem, failure
from kextrel.virtual.unix.process import Main, Proc
from kextrel.virtual.unix.registry import TOOLS

__all__ = ["NotFound", "image", "load", "look_up", "runs_machine_code"]

_MAGIC = b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01\x02\x00\x00\x80\x02\x00\x00\x00kextrel-tool:"
_MACH_O = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xce\xfa\xed\xfe")
_MAX_INTERPRETERS = 4
_EBADARCH = 86
_activators: list[Callable[[Proc, str], Main | None]] = []


def runs_machine_code(activator: Callable[[Proc, str], Main | None]) -> Callable[[Proc, str], Main | None]:
    """Registers who knows programmes by their Mach-O: `activator(proc, path)` gives what the file there runs, or None.

    This Mac has no processor: a programme that nobody knows has the wrong CPU type.
    """
    _activators.append(activator)
    return activator


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
        if fs.runs(found):
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
        if data.startswith(_MACH_O):
            return _machine_code(proc, path)
        if not data.startswith(b"#!"):
            raise failure(errno.ENOEXEC, path)
        words = data[2:].split(b"\n", 1)[0].decode(errors="replace").strip().split(None, 1)
        if not words:
            raise failure(errno.ENOEXEC, path)
        proc.argv = [*words, path, *proc.argv[1:]]
        path = words[0]
    raise failure(errno.ELOOP, path)


def _machine_code(proc: Proc, path: str) -> Main:
    found = next((main for activator in _activators if (main := activator(proc, path)) is not None), None)
    if found is None:
        raise _bad_cpu_type(path)
    return found


def _tool(data: bytes, path: str) -> Main:
    name = data[len(_MAGIC) :].split(b"\0", 1)[0].decode()
    if name not in TOOLS:
        raise _bad_cpu_type(path)
    return TOOLS[name].main


def _bad_cpu_type(path: str) -> OSError:
    return OSError(_EBADARCH, "Bad CPU type in executable", path)
