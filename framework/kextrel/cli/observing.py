"""`kextrel observe`: everything that can be seen of one Mac, in one round trip."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import Annotated

import typer

from kextrel.cli.jsonline import json_line
from kextrel.errors import BenchError

__all__ = ["observe"]

_LAB = typer.Option("--lab", metavar="FILE", help="A lab profile; the shipped virtual lab when left out.")
_DEVICE = typer.Option("--device", metavar="NAME", help="The Mac to look at; the lab's only one when left out.")
_SECONDS = 120.0
_WIDTH = 100  # characters: longer lines are hard to read, however wide the terminal


def observe(
    lab: Annotated[str | None, _LAB] = None,
    device: Annotated[str | None, _DEVICE] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Read what a Mac's own tools say of it: what it is, its boot policy, its extensions, and what is unknown."""
    from kextrel.cli.opening import opened
    from kextrel.evidence import EvidenceLog
    from kextrel.macos import page
    from kextrel.timing import Deadline

    with opened(lab, only=[device]) as macs:
        name = macs.only(device)
        with closing(EvidenceLog(name)) as log, macs.open(name, log, quarantined=True, lost=_say_lost) as mac:
            sighting = mac.observe(deadline=Deadline.after(_SECONDS, f"observing {name}"))
    if sighting.observation is None:
        typer.echo("\n".join(sighting.notes))
        raise typer.Exit(4)
    if as_json:
        typer.echo(json_line(sighting.observation.to_json()))
    else:
        width = min(shutil.get_terminal_size((_WIDTH, 0)).columns, _WIDTH)
        typer.echo(page.render(sighting.observation, width=width, title=name), nl=False)


def _say_lost(_kind: str, error: BenchError) -> None:
    """In macOS the shell is enough to look."""
    typer.echo(f"kextrel: looked without {error}", err=True)
