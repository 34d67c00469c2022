"""`kextrel mac`: hand on one device. Each command takes the Mac's lease, does one thing on one wire, and lets go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kextrel.errors import UsageError

if TYPE_CHECKING:
    from kextrel.device import Wires
    from kextrel.timing import Deadline

__all__ = ["mac"]

mac = typer.Typer(
    help="Hand on one Mac: power, button, keyboard, console, screen, shell.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Lab = Annotated[
    str | None, typer.Option("--lab", metavar="FILE", help="A lab profile; the shipped virtual lab when left out.")
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", help="Give up after this many seconds.", min=0.1)
]
_PATIENCE = 60.0


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
) -> None:
    """Switch the mains of a Mac."""
    if state not in ("on", "off"):
        raise UsageError(f"power is 'on' or 'off', not '{state}'")
    with _wire(context.obj, "power", lab, timeout) as (wire, deadline):
        wire.on(deadline=deadline) if state == "on" else wire.off(deadline=deadline)


@mac.command()
def button(
    context: typer.Context,
    seconds: Annotated[float, typer.Option("--seconds", help="How long, in the Mac's seconds.", min=0.05)] = 0.5,
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
) -> None:
    """Press a Mac's power button: half a second, or as long as --seconds says."""
    with _wire(context.obj, "button", lab, timeout) as (wire, deadline):
        wire.press(seconds, deadline=deadline)


@mac.command()
def keyboard(
    context: typer.Context,
    text: Annotated[str | None, typer.Option("--type", metavar="TEXT", help="Type this text.")] = None,
    press: Annotated[str | None, typer.Option("--press", metavar="KEY+KEY", help="Press keys together.")] = None,
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
) -> None:
    """Type on a Mac's keyboard: --type "ls -l", --press command+shift+t, --press return."""
    if (text is None) == (press is None):
        raise UsageError("say either --type TEXT or --press KEY+KEY")
    with _wire(context.obj, "keyboard", lab, timeout) as (wire, deadline):
        if text is not None:
            wire.type(text, deadline=deadline)
        else:
            wire.press(*str(press).split("+"), deadline=deadline)


@mac.command()
def console(
    context: typer.Context,
    until: Annotated[str | None, typer.Option("--until", metavar="REGEX", help="Read until this is seen.")] = None,
    send: Annotated[str | None, typer.Option("--send", metavar="TEXT", help="Send this line first.")] = None,
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
) -> None:
    """Read a Mac's serial console; --send types a line, --until waits for something."""
    from kextrel.scenario.wording import printable

    with _wire(context.obj, "console", lab, timeout) as (wire, deadline):
        if send is not None:
            wire.write(send.encode() + b"\r", deadline=deadline)
        got = wire.read_until(until.encode(), deadline=deadline) if until is not None else wire.read_available()
    typer.echo(printable(got.decode(errors="replace").replace("\r\n", "\n")))


@mac.command()
def screen(
    context: typer.Context,
    picture: Annotated[Path | None, typer.Option("--picture", metavar="FILE", help="Write the picture (JPEG).")] = None,
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
) -> None:
    """Print the text on a Mac's screen, or write its picture."""
    from kextrel.scenario.wording import printable

    with _wire(context.obj, "screen", lab, timeout) as (wire, deadline):
        if picture is None:
            typer.echo(printable(wire.text(deadline=deadline)) or "(no signal, or nothing to read)")
            return
        jpeg = wire.picture(deadline=deadline)
    if jpeg is None:
        raise UsageError(f"{context.obj} shows no picture: there is no signal; is it on?")
    picture.write_bytes(jpeg)
    typer.echo(str(picture))


@mac.command()
def shell(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The command and its arguments.")],
    lab: Lab = None,
    timeout: Timeout = _PATIENCE,
) -> None:
    """Run one command on a Mac; its streams and its exit code are this command's."""
    import shlex

    line = command[0] if len(command) == 1 else shlex.join(command)
    with _wire(context.obj, "shell", lab, timeout) as (wire, deadline):
        done = wire.run(line, deadline=deadline)
    sys.stdout.buffer.write(done.stdout)
    sys.stdout.flush()
    sys.stderr.buffer.write(done.stderr)
    raise typer.Exit(done.exit_code)


@contextmanager
def _wire(name: str, kind: str, lab: str | None, timeout: float) -> Iterator[tuple[Any, Deadline]]:
    """That wire of the Mac, with the deadline of `--timeout`."""
    from kextrel.cli.opening import opened
    from kextrel.evidence import EvidenceLog
    from kextrel.timing import Deadline

    with opened(lab, only=[name]) as macs:
        macs.only(name)
        with closing(EvidenceLog(name)) as log, macs.open(name, log) as device:
            wire = _of(device.wires, kind, name)
            yield wire, Deadline.after(timeout, f"{kind} of {name}")


def _of(wires: Wires, kind: str, name: str) -> Any:
    wire = getattr(wires, kind)
    if wire is None:
        raise UsageError(f"{name} has no {kind} wire in its profile; add one under 'wires:'")
    return wire
