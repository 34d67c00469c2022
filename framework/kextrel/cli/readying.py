"""`kextrel lab doctor` and `kextrel lab prepare`: is a Mac prepared for the bench, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from kextrel.cli.jsonline import json_line
from kextrel.errors import BenchError

if TYPE_CHECKING:
    from kextrel.device.readiness import Finding, Remedied

__all__ = ["doctor", "prepare"]

_LAB = typer.Option("--lab", metavar="FILE", help="A lab profile; the shipped virtual lab when left out.")
_JSON = typer.Option("--json", help="One JSON object a line.")
_SECONDS = 300.0


def doctor(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The Mac; all of the lab when left out.")] = None,
    lab: Annotated[str | None, _LAB] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Look whether a Mac is prepared: one line a prerequisite, with what is missing and what to do. Changes nothing.

    Ends with 3 where something is missing or a wire is dead, with 4 where something is only unknown.
    """
    from kextrel.cli.opening import opened
    from kextrel.evidence import EvidenceLog
    from kextrel.lab.readying import examined
    from kextrel.timing import Deadline

    found: list[Finding] = []
    failed = False
    with opened(lab, only=[name] if name else []) as macs:
        for mac in [macs.only(name)] if name else macs.names():
            rows: list[Finding] = []
            dead: dict[str, BenchError] = {}
            deadline = Deadline.after(_SECONDS, f"examining {mac}")
            try:
                rows = examined(macs, mac, EvidenceLog(mac), deadline=deadline, dead=dead)
            except BenchError as error:  # somebody has it: the other Macs of the lab are examined still
                dead[mac] = error
            _print(mac, rows, as_json)
            _print_dead(rows, dead)
            found, failed = [*found, *rows], failed or bool(dead)
    _end(found, failed)


def prepare(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The Mac.")],
    lab: Annotated[str | None, _LAB] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Prepare a Mac as far as SSH can, print the rest for a technician, and end as `lab doctor` does.

    It asks root by the administrator's password, which it gives on standard input and to nothing else.
    """
    from kextrel.cli.opening import opened
    from kextrel.evidence import EvidenceLog
    from kextrel.lab.readying import made_ready
    from kextrel.timing import Deadline

    def say(remedied: Remedied) -> None:
        typer.echo(_json(name, remedied.to_json()) if as_json else _plain(remedied.line()))

    dead: dict[str, BenchError] = {}
    with opened(lab, only=[name]) as macs:
        macs.only(name)
        deadline = Deadline.after(_SECONDS, f"preparing {name}")
        found = made_ready(macs, name, EvidenceLog(name), done=say, deadline=deadline, dead=dead)
    _hand_over(name, found, as_json)
    _print(name, found, as_json)
    _print_dead(found, dead)
    _end(found, bool(dead))


def _hand_over(name: str, found: Sequence[Finding], as_json: bool) -> None:
    """What SSH could not do, as numbered sentences."""
    from kextrel.device.readiness import by_hand

    left = by_hand(found)
    if as_json:
        typer.echo(_json(name, {"technician": left}))
    elif left:
        typer.echo(f"For a technician at {name}:")
        for number, sentence in enumerate(left, start=1):
            typer.echo(_plain(f"{number}. {sentence}"))


def _print(name: str, found: Sequence[Finding], as_json: bool) -> None:
    for finding in found:
        typer.echo(_json(name, finding.to_json()) if as_json else _plain(f"{name}  {finding.line()}"))


def _print_dead(found: Sequence[Finding], dead: Mapping[str, BenchError]) -> None:
    """What failed of the bench, where no row says so."""
    for error in dead.values():
        if str(error) not in {finding.said for finding in found}:
            typer.echo(_plain(f"kextrel: {error}"), err=True)


def _plain(line: str) -> str:
    """A line that may quote what a Mac said, without what could move a cursor."""
    from kextrel.scenario.wording import printable

    return printable(line)


def _json(name: str, said: Mapping[str, object]) -> str:
    return json_line({"mac": name, **said})


def _end(found: Sequence[Finding], failed: bool) -> None:
    from kextrel.device.readiness import Standing

    standings = {finding.standing for finding in found}
    if failed or Standing.MISSING in standings:
        raise typer.Exit(3)
    if Standing.UNKNOWN in standings:
        raise typer.Exit(4)
