"""`kextrel virtual serve`: virtual Macs on real wires, for people and for other commands."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kextrel.lab import LabProfile

__all__ = ["serve"]

_PROFILES = typer.Argument(metavar="[PROFILE]...", help="Lab profiles; the shipped virtual lab when none is given.")
_DEFECT = typer.Option("--defect", metavar="ID", help="Break the Mac's mechanism for this rule, for example KEXT-06.")
_FAULT = typer.Option("--fault", metavar="NAME[@N]", help="Break a wire: ssh-drop, relay-stuck, screen-dark.")
_WRITE = typer.Option("--write-lab", metavar="FILE", help="Write a lab file that other commands take with --lab.")
_WITH_STDIN = typer.Option("--with-stdin", hidden=True, help="End when standard input ends: the parent has died.")


def serve(
    profiles: Annotated[list[Path] | None, _PROFILES] = None,
    defect: Annotated[list[str] | None, _DEFECT] = None,
    fault: Annotated[list[str] | None, _FAULT] = None,
    write_lab: Annotated[Path | None, _WRITE] = None,
    with_stdin: Annotated[bool, _WITH_STDIN] = False,
) -> None:
    """Run virtual Macs until SIGTERM or Control-C; print one JSON line a Mac as soon as it answers."""
    from kextrel import virtual
    from kextrel.cli.specs import specs_of
    from kextrel.lab import default_profile_path, load_profile

    known = [load_profile(path) for path in profiles or [default_profile_path()]]
    specs = specs_of(profiles or [], frozenset(defect or ()))
    faults = [virtual.Fault.parse(text) for text in fault or ()]
    announcer = _Announcer(len(specs), write_lab, known)
    _hang_up_as_end()
    if with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    virtual.serve(specs, faults=faults, on_ready=announcer)


def _hang_up_as_end() -> None:
    """A terminal that goes away asks for the same end as SIGTERM, which the Macs' loop hears; nohup ignores it."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: os.kill(os.getpid(), signal.SIGTERM))


class _Announcer:
    """Prints each Mac's line; the lab file is written before the last one, so its reader can rely on both."""

    def __init__(self, expected: int, write_lab: Path | None, profiles: Sequence[LabProfile]) -> None:
        self._expected, self._path, self._profiles = expected, write_lab, profiles
        self._ready: list[dict[str, Any]] = []

    def __call__(self, endpoints: Any) -> None:
        from kextrel.lab import write_lab

        line = endpoints.as_dict()
        self._ready.append(line)
        if self._path is not None and len(self._ready) == self._expected:
            write_lab(self._ready, self._path, self._profiles)
        typer.echo(json.dumps(line, ensure_ascii=False))
        sys.stdout.flush()


def _end_with_stdin() -> None:
    """The parent holds the other end of stdin: when it dies, however it dies, this process ends too."""
    while os.read(0, 4096):  # not sys.stdin: its lock, held by a daemon thread, would break the interpreter's end
        continue
    os.kill(os.getpid(), signal.SIGTERM)
