"""`kextrel virtual serve`: virtual Macs on real wires, for people and for other commands."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kextrel.cli.family import end_with, raise_family
from kextrel.cli.jsonline import json_line

if TYPE_CHECKING:
    from kextrel.lab import LabProfile
    from kextrel.virtual import Fault, MacSpec

__all__ = ["serve"]

_PROFILES = typer.Argument(metavar="[PROFILE]...", help="Lab profiles; the shipped virtual lab when none is given.")
_DEFECT = typer.Option("--defect", metavar="ID", help="Break the Mac's mechanism for this rule, for example KEXT-06.")
_FAULT = typer.Option(
    "--fault", metavar="NAME", help="Break a wire: ssh-drop, keys-lost@40, power-cut@30s, relay-stuck:seed=7."
)
_DEVICE = typer.Option("--device", metavar="NAME", help="Only this Mac; may be given several times.")
_WRITE = typer.Option("--write-lab", metavar="FILE", help="Write a lab file that other commands take with --lab.")
_JSON = typer.Option("--json", help="JSON: one object a Mac, which is what it prints in any case.")
_NEW_OBJECTS = 50_000
"""Between two looks of the garbage collector: a few megabytes."""

_WITH_STDIN = typer.Option("--with-stdin", hidden=True, help="End when standard input ends: the parent has died.")


def serve(
    profiles: Annotated[list[Path] | None, _PROFILES] = None,
    defect: Annotated[list[str] | None, _DEFECT] = None,
    fault: Annotated[list[str] | None, _FAULT] = None,
    device: Annotated[list[str] | None, _DEVICE] = None,
    write_lab: Annotated[Path | None, _WRITE] = None,
    as_json: Annotated[bool, _JSON] = False,  # noqa: ARG001  every command takes it
    with_stdin: Annotated[bool, _WITH_STDIN] = False,
) -> None:
    """Run virtual Macs until SIGTERM or Control-C; print one JSON line a Mac as soon as it answers."""
    from kextrel import virtual
    from kextrel.cli.specs import specs_of
    from kextrel.lab import default_profile_path, load_profile

    known = [load_profile(path) for path in profiles or [default_profile_path()]]
    specs = specs_of(profiles or [], frozenset(defect or ()), device or [])
    faults = [virtual.Fault.parse(text) for text in fault or ()]
    announcer = _Announcer(len(specs), write_lab, known)
    _hang_up_as_end()
    _collect_seldom()
    if len(specs) > 1:
        _serve_apart(specs, faults, announcer, with_stdin)
        return
    if with_stdin:
        _end_with_stdin()
    virtual.serve(specs, faults=faults, on_ready=lambda endpoints: announcer(endpoints.as_dict()))


def _collect_seldom() -> None:
    """A Mac makes and drops small objects all the time: to look for rings among them after each 700 was an eighth of
    its work. What is imported here stays, and need not be looked at again."""
    import kextrel.virtual.assembly  # noqa: F401  once here, and not in every process of _serve_apart

    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)


def _serve_apart(specs: Sequence[MacSpec], faults: Sequence[Fault], announcer: _Announcer, with_stdin: bool) -> None:
    """A process a Mac; this one's threads must not be there yet when it forks, but what all of them need must."""
    from kextrel import virtual

    def member(spec: MacSpec) -> Callable[[Callable[[Mapping[str, Any]], None]], None]:
        return lambda say: virtual.serve([spec], faults=faults, on_ready=lambda endpoints: say(endpoints.as_dict()))

    code = raise_family([member(spec) for spec in specs], announcer, _end_with_stdin if with_stdin else None)
    if code:
        raise typer.Exit(code)


def _hang_up_as_end() -> None:
    """A terminal that goes away asks for the same end as SIGTERM, which the Macs' loop hears; nohup ignores it."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: os.kill(os.getpid(), signal.SIGTERM))


class _Announcer:
    """Prints each Mac's line; the lab file is written before the last one, so its reader can rely on both."""

    def __init__(self, expected: int, write_lab: Path | None, profiles: Sequence[LabProfile]) -> None:
        self._expected, self._path, self._profiles = expected, write_lab, profiles
        self._ready: list[Mapping[str, Any]] = []

    def __call__(self, line: Mapping[str, Any]) -> None:
        from kextrel.lab import write_lab

        self._ready.append(line)
        if self._path is not None and len(self._ready) == self._expected:
            write_lab(self._ready, self._path, self._profiles)
        typer.echo(json_line(line))
        sys.stdout.flush()


def _end_with_stdin() -> None:
    """The parent holds the other end of stdin: when it dies, however it dies, this process ends too."""
    threading.Thread(target=end_with, args=(0,), daemon=True).start()
