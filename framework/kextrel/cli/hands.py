"""`kextrel mac`: hand on one device. Each command takes the Mac's lease, does one thing, and lets go: on one wire, or
(recovery) a walk over several."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kextrel.errors import BenchError, UsageError, nearest

if TYPE_CHECKING:
    from kextrel.device import TestMac, Wires
    from kextrel.lab.wiring import Lost
    from kextrel.timing import Deadline
    from kextrel.vocabulary import Environment

__all__ = ["mac"]

mac = typer.Typer(
    help="Hand on one Mac: power, button, keyboard, recovery, console, screen, shell.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Lab = Annotated[
    str | None, typer.Option("--lab", metavar="FILE", help="A lab profile; the shipped virtual lab when left out.")
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", help="Give up after this many seconds.", min=0.1)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
_PATIENCE = 60.0
_WALK = 1800.0  # on a real bench several starts of the Mac; each has a deadline of its own in the profile


@mac.callback()
def _choose(context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="The Mac.")]) -> None:
    """Hand on one Mac."""
    context.obj = name


@mac.command()
def power(
    context: typer.Context,
    state: Annotated[str, typer.Argument(metavar="on|off", help="What the mains shall be.")],
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
    as_json: Json = False,
) -> None:
    """Switch the mains of a Mac."""
    if state not in ("on", "off"):
        raise UsageError(f"power is 'on' or 'off', not '{state}'")
    with _wire(context.obj, "power", lab, timeout) as (wire, deadline):
        wire.on(deadline=deadline) if state == "on" else wire.off(deadline=deadline)
    _tell(context.obj, {"power": state}, None, as_json)


@mac.command()
def button(
    context: typer.Context,
    seconds: Annotated[float, typer.Option("--seconds", help="How long, in the Mac's seconds.", min=0.05)] = 0.5,
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
    as_json: Json = False,
) -> None:
    """Press a Mac's power button: half a second, or as long as --seconds says."""
    with _wire(context.obj, "button", lab, timeout) as (wire, deadline):
        wire.press(seconds, deadline=deadline)
    _tell(context.obj, {"button": seconds}, None, as_json)


@mac.command()
def keyboard(
    context: typer.Context,
    text: Annotated[str | None, typer.Option("--type", metavar="TEXT", help="Type this text.")] = None,
    press: Annotated[str | None, typer.Option("--press", metavar="KEY+KEY", help="Press keys together.")] = None,
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
    as_json: Json = False,
) -> None:
    """Type on a Mac's keyboard: --type "ls -l", --press command+shift+t, --press return."""
    if (text is None) == (press is None):
        raise UsageError("say either --type TEXT or --press KEY+KEY")
    with _wire(context.obj, "keyboard", lab, timeout) as (wire, deadline):
        if text is not None:
            wire.type(text, deadline=deadline)
        else:
            wire.press(*str(press).split("+"), deadline=deadline)
    _tell(context.obj, {"typed": text, "pressed": press}, None, as_json)


@mac.command()
def recovery(
    context: typer.Context,
    into: Annotated[
        str | None,
        typer.Option("--into", metavar="WORD", help="1tr, recoveryos or fallback-recoveryos; macos goes back."),
    ] = None,
    lab: Lab = None,
    timeout: Timeout = _WALK,
    as_json: Json = False,
) -> None:
    """Take a Mac into recovery, signed in and at its Terminal: 1TR on Apple silicon, recoveryOS on Intel, or --into."""
    from kextrel.vocabulary import Architecture, Environment, Outcome
    from kextrel.vocabulary.actions import Boot

    wanted = None if into is None else _environment(into)
    with _device(context.obj, lab) as device:
        apple = device.facts.architecture is Architecture.APPLE_SILICON
        there = wanted or (Environment.ONE_TRUE_RECOVERY if apple else Environment.RECOVERYOS)
        done = device.perform(Boot(there), deadline=_deadline("recovery", context.obj, timeout))
    if done.outcome is Outcome.REFUSED:
        raise UsageError(f"{context.obj} cannot be booted into {there}: {done.note or done.reason}")
    _tell(context.obj, {"boot": there.value}, f"{context.obj} is in {there}", as_json)


def _environment(word: str) -> Environment:
    from kextrel.vocabulary import Environment

    words = [one.value for one in Environment if one is not Environment.OFF]
    if word not in words:
        raise UsageError(f"there is no {word!r} to boot into; {nearest(word, words)}")
    return Environment(word)


@mac.command()
def console(
    context: typer.Context,
    until: Annotated[str | None, typer.Option("--until", metavar="REGEX", help="Read until this is seen.")] = None,
    send: Annotated[str | None, typer.Option("--send", metavar="TEXT", help="Send this line first.")] = None,
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
    as_json: Json = False,
) -> None:
    """Read a Mac's serial console; --send types a line, --until waits for something."""
    if until is not None:
        _check_pattern(until)
    with _wire(context.obj, "console", lab, timeout) as (wire, deadline):
        if send is not None:
            wire.write(send.encode() + b"\r", deadline=deadline)
        got = wire.read_until(until.encode(), deadline=deadline) if until is not None else wire.read_available()
    said = got.decode(errors="replace").replace("\r\n", "\n")
    _tell(context.obj, {"console": said}, said, as_json)


def _check_pattern(text: str) -> None:
    import re

    try:
        re.compile(text.encode())
    except re.error as error:
        raise UsageError(
            f"--until {text!r} is no regular expression: {error}; put \\ before what is meant as it is"
        ) from None


@mac.command()
def screen(
    context: typer.Context,
    picture: Annotated[Path | None, typer.Option("--picture", metavar="FILE", help="Write the picture (JPEG).")] = None,
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
    as_json: Json = False,
) -> None:
    """Print the text on a Mac's screen, or write its picture."""
    with _wire(context.obj, "screen", lab, timeout) as (wire, deadline):
        if picture is None:
            shown = wire.text(deadline=deadline)
            _tell(context.obj, {"screen": shown}, shown or "(no signal, or nothing to read)", as_json)
            return
        jpeg = wire.picture(deadline=deadline)
    if jpeg is None:
        raise UsageError(f"{context.obj} shows no picture: there is no signal; is it on?")
    picture.write_bytes(jpeg)
    _tell(context.obj, {"picture": str(picture)}, str(picture), as_json)


@mac.command()
def shell(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The command and its arguments.")],
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
    as_json: Json = False,
) -> None:
    """Run one command on a Mac; its streams and its exit code are this command's."""
    import shlex

    line = command[0] if len(command) == 1 else shlex.join(command)
    with _wire(context.obj, "shell", lab, timeout) as (wire, deadline):
        done = wire.run(line, deadline=deadline)
    if as_json:
        streams = {"stdout": done.out, "stderr": done.err}
        _tell(context.obj, {"exit_code": done.exit_code, **streams}, None, as_json)
    else:
        sys.stdout.buffer.write(done.stdout)
        sys.stdout.flush()
        sys.stderr.buffer.write(done.stderr)
    raise typer.Exit(done.exit_code)


def _tell(name: str, facts: Mapping[str, Any], words: str | None, as_json: bool) -> None:
    """What came of it: for machines always, for people where there is something to read."""
    from kextrel.cli.jsonline import json_line
    from kextrel.scenario.wording import printable

    if as_json:
        typer.echo(json_line({"mac": name, **facts}))
    elif words is not None:
        typer.echo(printable(words))


def _deadline(kind: str, name: str, timeout: float) -> Deadline:
    from kextrel.timing import Deadline

    return Deadline.after(timeout, f"{kind} of {name}")


@contextmanager
def _device(name: str, lab: str | None, lost: Lost | None = None) -> Iterator[TestMac]:
    """The Mac, in quarantine or not: who looks why it is there needs hands."""
    from kextrel.cli.opening import opened
    from kextrel.evidence import EvidenceLog

    with opened(lab, only=[name]) as macs:
        macs.only(name)
        with closing(EvidenceLog(name)) as log, macs.open(name, log, quarantined=True, lost=lost) as device:
            yield device


@contextmanager
def _wire(name: str, kind: str, lab: str | None, timeout: float) -> Iterator[tuple[Any, Deadline]]:
    """That wire of the Mac, with the deadline of `--timeout`. That another one is dead is no matter."""
    dead: dict[str, BenchError] = {}
    with _device(name, lab, dead.__setitem__) as device:
        if kind in dead:
            raise dead[kind]
        yield _of(device.wires, kind, name), _deadline(kind, name, timeout)


def _of(wires: Wires, kind: str, name: str) -> Any:
    wire = getattr(wires, kind)
    if wire is None:
        raise UsageError(f"{name} has no {kind} wire in its profile; add one under 'wires:'")
    return wire
