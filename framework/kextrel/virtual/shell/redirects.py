"""Redirections: which file a descriptor refers to while a command runs."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kextrel.virtual.shell.expand import Expander
from kextrel.virtual.shell.state import Shell
from kextrel.virtual.shell.tree import HereDocument, Redirect
from kextrel.virtual.unix.files import OpenFile, pipe
from kextrel.virtual.unix.process import Proc

__all__ = ["Prepared", "RedirectFault", "apply", "prepare", "redirected"]

_HOW = {"<": "r", ">": "w", ">|": "w", ">>": "a", "<>": "w+"}


class RedirectFault(Exception):
    """A redirection that cannot be made."""

    def __init__(self, subject: str, reason: str) -> None:
        self.subject, self.reason = subject, reason


@dataclass(frozen=True)
class Prepared:
    """A redirection whose word has been expanded: a path, a descriptor's number, or a here-document's text."""

    fd: int
    operator: str
    text: str


async def prepare(expander: Expander, redirects: Iterable[Redirect]) -> list[Prepared]:
    """Expands the words, in order."""
    prepared = []
    for redirect in redirects:
        target = redirect.target
        word = target.body if isinstance(target, HereDocument) else target
        prepared.append(Prepared(redirect.fd, redirect.operator, await expander.text(word)))
    return prepared


def apply(proc: Proc, redirects: Iterable[Prepared], options: Iterable[str] = ()) -> None:
    """Makes the redirections in `proc` for good."""
    for redirect in redirects:
        file = _open(proc, redirect, noclobber="noclobber" in options)
        if file is None:
            proc.close_fd(redirect.fd)
        else:
            proc.set_fd(redirect.fd, file)


@contextmanager
def redirected(shell: Shell, redirects: Iterable[Prepared]) -> Iterator[None]:
    """Makes the redirections in the shell itself, and undoes them."""
    proc = shell.proc
    saved: dict[int, OpenFile | None] = {}
    try:
        for redirect in redirects:
            file = _open(proc, redirect, noclobber="noclobber" in shell.options)
            if redirect.fd in saved:
                proc.close_fd(redirect.fd)
            else:
                saved[redirect.fd] = proc.fds.pop(redirect.fd, None)
            if file is not None:
                proc.fds[redirect.fd] = file
        yield
    finally:
        for fd, old in saved.items():
            proc.close_fd(fd)
            if old is not None:
                proc.fds[fd] = old


def _open(proc: Proc, redirect: Prepared, *, noclobber: bool) -> OpenFile | None:
    """The file that the descriptor shall refer to; None: it shall be closed."""
    if redirect.operator == "<<":
        return _holding(redirect.text)
    if redirect.operator in ("<&", ">&"):
        return _duplicate(proc, redirect.text)
    exclusive = noclobber and redirect.operator == ">" and proc.fs.is_file(redirect.text)
    try:
        return proc.open(redirect.text, _HOW[redirect.operator], exclusive=exclusive)
    except OSError as error:
        reason = "cannot overwrite existing file" if error.errno == errno.EEXIST else str(error.strerror)
        raise RedirectFault(redirect.text, reason) from None


def _holding(text: str) -> OpenFile:
    reading, writing = pipe()
    writing.write_now(text.encode(errors="surrogateescape"))
    writing.close()
    return reading


def _duplicate(proc: Proc, text: str) -> OpenFile | None:
    if text == "-":
        return None
    if not text.isdigit():
        raise RedirectFault(text, "ambiguous redirect")
    try:
        return proc.file(int(text)).dup()
    except OSError as error:
        raise RedirectFault(text, str(error.strerror)) from None
