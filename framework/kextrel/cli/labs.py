"""`kextrel lab`: what is in a lab, whether its wires answer, and the end of a quarantine."""

from __future__ import annotations

from typing import Annotated

import typer

from kextrel.cli.jsonline import json_line

__all__ = ["check", "list_macs", "release"]

_LAB = typer.Option("--lab", metavar="FILE", help="A lab profile; the shipped virtual lab when left out.")
_JSON = typer.Option("--json", help="One JSON object a line.")
_SECONDS = 30.0


def list_macs(lab: Annotated[str | None, _LAB] = None, as_json: Annotated[bool, _JSON] = False) -> None:
    """Print the Macs of a lab, from its profile alone: no wire is touched."""
    from kextrel.cli.opening import named_lab
    from kextrel.lab import Lab, load_profile

    macs = Lab(load_profile(named_lab(lab)))
    for name in macs.names():
        facts = macs.describe(name)
        if as_json:
            typer.echo(json_line(facts))
        else:
            wires = ", ".join(facts["wires"]) or "virtual: wired when it is served"
            put_aside = f"  QUARANTINED: {facts['quarantine']}" if facts["quarantine"] else ""
            typer.echo(
                f"{name}  {facts['architecture']}  macOS {facts['macos']}  {facts['enrollment']}  ({wires}){put_aside}"
            )


def check(
    lab: Annotated[str | None, _LAB] = None,
    device: Annotated[str | None, typer.Option("--device", metavar="NAME", help="Only this Mac.")] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Ask every wire whether it is alive. Nothing is pressed and nothing is switched."""
    from kextrel.cli.opening import opened
    from kextrel.evidence import EvidenceLog
    from kextrel.timing import Deadline

    healthy = True
    with opened(lab, only=[device] if device else []) as macs:
        for name in [macs.only(device)] if device else macs.names():
            for found in macs.check(
                name, deadline=Deadline.after(_SECONDS, f"checking {name}"), sink=EvidenceLog(name)
            ):
                healthy = healthy and found.alive
                typer.echo(json_line(found.to_json()) if as_json else found.line())
    if not healthy:
        raise typer.Exit(3)


def release(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The Mac.")],
    lab: Annotated[str | None, _LAB] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """End a Mac's quarantine, after somebody has looked at it."""
    from kextrel.cli.opening import named_lab
    from kextrel.lab import Lab, load_profile

    macs = Lab(load_profile(named_lab(lab)))
    why = macs.release(macs.only(name))
    if as_json:
        typer.echo(json_line({"mac": name, "was": why}))
        return
    typer.echo(f"{name} was quarantined: {why}; it can be used again" if why else f"{name} was not quarantined")
